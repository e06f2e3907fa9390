#!/usr/bin/env node
import { createRequire } from "node:module";
import { crashCode } from "./cli/crash-code.ts";
import { setHeapFlags } from "./cli/heap-flags.ts";
import { nodeProblem } from "./cli/node-version.ts";

/** From a checkout and from an installation alike: package.json stands beside `src` and `dist`. */
const { version, engines } = createRequire(import.meta.url)("../package.json") as {
  version: string;
  engines: { node: string };
};

const problem = nodeProblem(process.versions.node, engines.node);
if (problem !== null) {
  process.stderr.write(`slogate: ${problem}\n`);
  process.exit(2);
}

const crashed = crashCode(process.argv);
process.on("uncaughtException", (error: unknown) => {
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`slogate: a defect ended this command: ${what}\n`);
  process.exit(crashed);
});

setHeapFlags();
const { createProgram } = await import("./cli/program.ts");

/** The first signal asks for a graceful end, the second one insists. */
function firstSignal(): Promise<string> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        if (asked) process.exit(crashed);
        asked = true;
        resolve(signal);
      });
    }
  });
}

// A reader that went away (`| head`) is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

process.exitCode = await createProgram({
  io: { stdout: process.stdout, stderr: process.stderr, env: process.env },
  version,
  // Commands that do not ask for it end at the first signal, as any program does.
  get untilStopped() {
    return firstSignal();
  },
}).run(process.argv);
// Timers and sockets of a library must not keep a finished command alive.
process.exit();

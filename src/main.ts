#!/usr/bin/env node
import { createRequire } from "node:module";
import { setFlagsFromString } from "node:v8";

// Requests are garbage as soon as they are counted. A young generation that grows leaves the CPU's cache: kept at
// its first size, bench/receive.bench.ts takes in two thirds more spans per CPU second. Loading the program would
// let it grow, so that comes after.
setFlagsFromString("--semi-space-growth-factor=1");
// What requests hold outside the heap counts as growth of the old generation: a small heap would be looked at as a whole
// for every ten megabytes received. It may double before that.
setFlagsFromString("--heap-growing-percent=100");
const { createProgram } = await import("./cli/program.ts");

/** From a checkout and from an installation alike: package.json stands beside `src` and `dist`. */
const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

/** The first signal asks for a graceful end, the second one insists. */
function firstSignal(): Promise<string> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        if (asked) process.exit(1);
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

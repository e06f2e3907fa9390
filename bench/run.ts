import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, globSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { basename, join } from "node:path";

/*
 * `npm run bench` runs every *.bench.ts, `npm run bench -- receive` those whose name contains the word, each in a process
 * of its own. What they print is appended to RESULTS.md with the machine; a bench that fails is not.
 */
const here = import.meta.dirname;
const wanted = process.argv.slice(2);
const benches = globSync("*.bench.ts", { cwd: here })
  .toSorted()
  .filter((file) => wanted.length === 0 || wanted.some((word) => file.includes(word)));
if (benches.length === 0) {
  console.error(`no bench is named like ${wanted.join(", ")}`);
  process.exitCode = 1;
}

for (const bench of benches) {
  const name = basename(bench, ".bench.ts");
  console.log(`## ${name}\n`);
  const { status, stdout } = spawnSync(process.execPath, ["--expose-gc", join(here, bench)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  console.log(stdout);
  if (status !== 0) {
    console.error(`${name} failed`);
    process.exitCode = 1;
    continue;
  }
  const section = `## ${name}, ${new Date().toISOString().slice(0, 10)}\n\n${stdout.trim()}\n\n${machine()}\n\n`;
  appendFileSync(join(here, "RESULTS.md"), section);
  console.log(`${machine()}\n`);
}

function machine(): string {
  const git = (...args: string[]) =>
    execFileSync("git", args, { cwd: here, encoding: "utf8" }).trim();
  const commit = git("rev-parse", "--short", "HEAD");
  const changed = git("status", "--porcelain", "--", "../src") === "" ? "" : " and changes in src";
  const memoryGib = Math.round(totalmem() / 2 ** 30);
  const cpu = `${cpus().length} x ${cpus()[0]?.model ?? "unknown CPU"}, ${memoryGib} GiB`;
  return `commit ${commit}${changed}, Node ${process.version}, ${cpu}`;
}

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nodeProblem } from "../../src/cli/node-version.ts";
import { type Ending, runProcess } from "../support/child-process.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const MAIN = join(ROOT, "src/main.ts");
const WANTED = ">=22.18";

/** A command of the product in a process in which `before` was run first. */
function slogate(before: string, ...args: string[]) {
  const preload = `data:text/javascript,${encodeURIComponent(before)}`;
  return runProcess(process.execPath, ["--import", preload, MAIN, ...args], {
    env: { SLOGATE_SERVER: "http://127.0.0.1:9", SLOGATE_TOKEN: "" },
  });
}

describe.concurrent("under a Node that is too old", () => {
  const older = `const { versions } = process;
    Object.defineProperty(process, "versions", { value: { ...versions, node: "20.11.0" } });`;

  it.each([["--version"], ["check", "pay"], ["run"]])(
    "every command says so and exits with 2, which is no verdict: %s",
    async (...args) => {
      const { code, stdout, stderr } = await slogate(older, ...args);
      expect(stderr).toMatch(
        /^slogate: this is Node 20\.11\.0, and slogate needs 22\.18 or later; /,
      );
      expect([code, stdout]).toEqual([2, ""]);
    },
  );
});

describe.concurrent("what goes wrong by a defect", () => {
  const crashes: readonly (readonly [string, string])[] = [
    [
      "an error in a callback",
      `globalThis.fetch = () => {
        setImmediate(() => { throw new Error("boom"); });
        return new Promise(() => setTimeout(() => {}, 5000));
      };`,
    ],
    [
      "a rejection that nobody handles",
      `globalThis.fetch = () => {
        void Promise.reject(new Error("boom"));
        return new Promise(() => setTimeout(() => {}, 5000));
      };`,
    ],
    ["an error in the command itself", `URL.parse = () => { throw new Error("boom"); };`],
    [
      "a package that is missing",
      `import { registerHooks } from "node:module";
      registerHooks({ resolve(name, context, next) {
        if (name === "commander") throw new Error("boom");
        return next(name, context);
      } });`,
    ],
  ];

  it.each(crashes)("ends check with 3, as what is not known: %s", async (_name, before) => {
    const { code, stderr } = await slogate(before, "check", "pay");
    expect(stderr).toMatch(/^slogate: a defect ended this command: Error: boom\n +at /);
    expect(code).toBe(3);
  });

  it("ends other commands with 1", async () => {
    const [, before = ""] = crashes[2] ?? [];
    const { code, stderr } = await slogate(before, "status");
    expect(stderr).toContain("boom");
    expect(code).toBe(1);
  });
});

const old = olderNode();
describe.skipIf(old === null)("the built program", () => {
  let directory: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "slogate-main-"));
    const tsc = join(ROOT, "node_modules/.bin/tsc");
    const out = join(directory, "dist");
    execFileSync(tsc, ["-p", join(ROOT, "tsconfig.build.json"), "--outDir", out]);
    copyFileSync(join(ROOT, "package.json"), join(directory, "package.json"));
  }, 60_000);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it("tells an older Node what is wanted, as a user's shell would start it", async () => {
    const ending: Ending & { stderr: string } = await runProcess(old ?? "", [
      join(directory, "dist/main.js"),
      "check",
      "pay",
    ]);
    expect(ending.stderr).toMatch(/^slogate: this is Node \d+\.\d+\.\d+, and slogate needs 22\.18/);
    expect(ending.code).toBe(2);
  });
});

/** A Node on the PATH that is older than what the product wants; null, with the reason printed, when there is none. */
function olderNode(): string | null {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const node = join(folder, "node");
    try {
      const found = execFileSync(node, ["-p", "process.versions.node"], { encoding: "utf8" });
      if (nodeProblem(found.trim(), WANTED) !== null) return node;
    } catch {
      // No Node in this folder.
    }
  }
  console.warn("skipped: no Node older than the product wants is on the PATH");
  return null;
}

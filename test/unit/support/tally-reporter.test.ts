import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runProcess } from "../../support/child-process.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const REPORTER = join(ROOT, "test/support/tally-reporter.ts");
const VITEST = join(ROOT, "node_modules/vitest/vitest.mjs");
const USE = 'import { beforeAll, describe, expect, it } from "vitest";\n';

describe("the closing line", { timeout: 30_000 }, () => {
  let directory: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "slogate-tally-"));
    mkdirSync(join(directory, "node_modules"));
    symlinkSync(join(ROOT, "node_modules/vitest"), join(directory, "node_modules/vitest"));
  });

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** Runs a suite of these files; answers the last line printed and the exit code. */
  async function run(
    name: string,
    files: Record<string, string>,
  ): Promise<[string, number | null]> {
    const root = join(directory, name);
    mkdirSync(root);
    for (const [file, text] of Object.entries(files)) {
      writeFileSync(join(root, `${file}.check.js`), USE + text);
    }
    const config = { test: { include: ["*.check.js"], reporters: ["default", REPORTER] } };
    writeFileSync(join(root, "vitest.config.mjs"), `export default ${JSON.stringify(config)};`);
    const { code, stdout } = await runProcess(process.execPath, [VITEST, "run", "--root", root]);
    return [stdout.trimEnd().split("\n").at(-1) ?? "", code];
  }

  it("counts passed tests alone when all is well", async () => {
    const text = 'it("one", () => {}); it("two", () => {});';
    expect(await run("well", { a: text })).toEqual(["2 passed, 0 failed", 0]);
  });

  it("counts everything that went wrong as failed, also what kept tests from running", async () => {
    const result = await run("wrong", {
      assertion:
        'it("ok", () => {}); it("fails", () => expect(1).toBe(2)); it.skip("not now", () => {});',
      hook: 'describe("x", () => { beforeAll(() => { throw new Error("no") }); it("never", () => {}); });',
      import: 'import "./nowhere.js"; it("never", () => {});',
      uncaught:
        'it("ok", async () => { setTimeout(() => { throw new Error("late") }); await new Promise((r) => setTimeout(r, 50)); });',
      empty: "export {};",
    });
    // An assertion, a hook, an import, an uncaught error and a file without tests.
    expect(result).toEqual(["2 passed, 5 failed, 2 skipped", 1]);
  });

  it("calls a run without any test file failed", async () => {
    expect(await run("none", {})).toEqual(["0 passed, 1 failed", 1]);
  });
});

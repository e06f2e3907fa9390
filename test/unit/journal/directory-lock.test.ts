import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockDirectory } from "../../../src/journal/directory-lock.ts";
import { startProcess } from "../../support/child-process.ts";
import { waitFor } from "../../support/wait.ts";

const MODULE = fileURLToPath(new URL("../../../src/journal/directory-lock.ts", import.meta.url));

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "slogate-lock-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const inUse = {
  code: "STATE_UNUSABLE",
  message: expect.stringContaining("is in use by another slogate"),
};

/** A process that holds the lock until it ends. */
async function holder() {
  const script = join(directory, "holder.mjs");
  writeFileSync(
    script,
    `const { lockDirectory } = await import(${JSON.stringify(MODULE)});
     globalThis.lock = lockDirectory(${JSON.stringify(directory)});
     console.log("locked");
     setInterval(() => undefined, 1000);`,
  );
  const child = startProcess(process.execPath, [script]);
  await waitFor(() => (child.stdout().includes("locked") ? true : undefined), {
    what: "the lock of another process",
  });
  return child;
}

describe("the lock of a state directory", () => {
  it("is one process's alone, until that lets go", () => {
    const lock = lockDirectory(join(directory, "deep", "er"));
    expect(() => lockDirectory(join(directory, "deep", "er"))).toThrow(
      expect.objectContaining(inUse),
    );
    lock.release();
    lockDirectory(join(directory, "deep", "er")).release();
  });

  it("dies with its process, also by SIGKILL", async () => {
    const child = await holder();
    expect(() => lockDirectory(directory)).toThrow(expect.objectContaining(inUse));
    child.signal("SIGKILL");
    await child.ended;
    lockDirectory(directory).release();
  });

  it("says what is wrong with a place that is none", () => {
    const file = join(directory, "file");
    writeFileSync(file, "");
    expect(() => lockDirectory(file)).toThrow(/^state\.directory: .*file cannot be created/);
  });
});

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { diskReason, makeDirectory } from "../../../src/disk/directory.ts";
import { lockDirectory } from "../../../src/journal/directory-lock.ts";
import { StateFile } from "../../../src/journal/state-file.ts";
import { runProcess } from "../../support/child-process.ts";

const MODULE = fileURLToPath(new URL("../../../src/disk/directory.ts", import.meta.url));

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "slogate-directory-"));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

describe("making a directory", () => {
  it("makes what is missing above it, and minds nothing that is there", () => {
    const path = join(place, "a", "b", "c");
    makeDirectory(path);
    makeDirectory(path);
    expect(existsSync(path)).toBe(true);
  });

  it("names the file that stands where a directory should", () => {
    const file = join(place, "file");
    writeFileSync(file, "");
    for (const path of [file, join(file, "a", "b")]) {
      expect(() => makeDirectory(path)).toThrow(`${file} is no directory; name another place`);
    }
  });

  it("ends at a link that leads nowhere", () => {
    symlinkSync(join(place, "gone"), join(place, "link"));
    expect(() => makeDirectory(join(place, "link", "a"))).toThrow(/link|EEXIST/);
  });

  it.runIf(existsSync("/proc/self"))(
    "ends where the system takes no directories, and says so",
    async () => {
      const script = `import { makeDirectory } from ${JSON.stringify(MODULE)};
        try { makeDirectory("/proc/slogate/a"); } catch (error) { console.log(error.message); }`;
      const args = ["--input-type=module", "-e", script];
      const { code, stdout } = await runProcess(process.execPath, args, { timeoutMs: 20_000 });
      expect(code).toBe(0);
      expect(stdout).toBe("/proc takes no new directories; name a place on a disk\n");
    },
  );

  it("says what is wrong with a disk in words, and what to do", () => {
    expect(diskReason({ code: "ENOSPC" })).toMatch(/^the disk is full; free some space.*ENOSPC/);
    expect(diskReason({ code: "EACCES" })).toMatch(/^permission denied; let the user/);
    expect(diskReason(new Error("odd"))).toBe("odd");
  });
});

/** A small file system of its own, which takes root; false where it cannot be had. */
function mounted(options: string): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", place], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe("a state directory on a disk that takes nothing", () => {
  const unmount = () => execFileSync("umount", ["-l", place], { stdio: "ignore" });

  it("that is read-only is said to be, whether it exists or not", async ({ skip }) => {
    if (!mounted("ro,size=64k")) return skip("no file system can be mounted here");
    try {
      const readOnly = /the file system is read-only; mount a writable one/;
      expect(() => lockDirectory(join(place, "a", "b"))).toThrow(
        `cannot be created: in ${place}: the file system is read-only`,
      );
      expect(() => lockDirectory(place)).toThrow(readOnly);
      await expect(StateFile.open(place)).rejects.toThrow(readOnly);
    } finally {
      unmount();
    }
  });

  it("that is full is said to be", async ({ skip }) => {
    if (!mounted("size=64k")) return skip("no file system can be mounted here");
    try {
      expect(() => writeFileSync(join(place, "filler"), Buffer.alloc(128 * 1024))).toThrow(
        "ENOSPC",
      );
      const full = /cannot be written: the disk is full; free some space/;
      expect(() => lockDirectory(place)).toThrow(full);
      await expect(StateFile.open(place)).rejects.toThrow(full);
    } finally {
      unmount();
    }
  });

  it("that has no room for another file is said to be full", ({ skip }) => {
    if (!mounted("size=64k,nr_inodes=2")) return skip("no file system can be mounted here");
    try {
      writeFileSync(join(place, "filler"), "");
      expect(() => lockDirectory(place)).toThrow(/cannot be written: the disk is full/);
    } finally {
      unmount();
    }
  });
});

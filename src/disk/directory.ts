import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** What the system's codes mean to whoever wrote the path, and what to do. */
const REASONS: Readonly<Record<string, string>> = {
  EROFS: "the file system is read-only; mount a writable one there, or name another place",
  ENOSPC: "the disk is full; free some space, or name a place on another disk",
  EDQUOT: "the disk quota is used up; free some space, or name a place on another disk",
  EACCES: "permission denied; let the user of this process write there, or name another place",
  EPERM: "permission denied; let the user of this process write there, or name another place",
};

/** A directory that could not be made; the message says which level, why, and what to do. */
export class DirectoryError extends Error {
  /** The system's, for example "EROFS". */
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "DirectoryError";
    this.code = code;
  }
}

/** Why something could not be made or written, in words with the system's code where it is a usual one. */
export function diskReason(error: unknown): string {
  if (error instanceof DirectoryError) return error.message;
  const { code = "", message = String(error) } = Object(error) as NodeJS.ErrnoException;
  const reason = REASONS[code];
  return reason === undefined ? message : `${reason} (${code})`;
}

/**
 * Makes a directory and what is missing above it, level by level from the nearest parent that exists. Node's own way,
 * `recursive`, never ends below a parent that takes no directories (/proc), and names the wrong fault on a read-only disk.
 *
 * @throws DirectoryError
 */
export function makeDirectory(path: string): void {
  const missing: string[] = [];
  let parent = resolve(path);
  let found = lookAt(parent);
  for (; found === null; found = lookAt(parent)) {
    missing.push(parent);
    parent = dirname(parent);
  }
  if (found === "other") {
    throw new DirectoryError("ENOTDIR", `${parent} is no directory; name another place`);
  }
  for (const level of missing.reverse()) {
    try {
      mkdirSync(level);
    } catch (error) {
      // Another process may have made it meanwhile.
      if (lookAt(level) !== "directory") throw failure(level, error);
    }
  }
}

function failure(level: string, cause: unknown): DirectoryError {
  const parent = dirname(level);
  const { code = "" } = cause as NodeJS.ErrnoException;
  const message =
    code === "ENOENT"
      ? `${parent} takes no new directories; name a place on a disk`
      : `in ${parent}: ${diskReason(cause)}`;
  return new DirectoryError(code, message, cause);
}

function lookAt(path: string): "directory" | "other" | null {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return null;
  return stats.isDirectory() ? "directory" : "other";
}

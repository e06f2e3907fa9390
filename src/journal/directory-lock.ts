import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { diskReason, makeDirectory } from "../disk/directory.ts";
import { EngineError } from "../model/errors.ts";

const FILE = "lock.db";
/** SQLite's codes, in the low byte. */
const BUSY = 5;
const FULL = 13;

export interface DirectoryLock {
  release(): void;
}

/**
 * Takes the directory for this process alone, until `release` or its end, however it ends. Node has no file locks of its
 * own; those of SQLite on an empty database are the system's, and hold between containers of one machine too.
 *
 * @throws EngineError STATE_UNUSABLE when another process has it, or it cannot be made
 */
export function lockDirectory(directory: string): DirectoryLock {
  try {
    makeDirectory(directory);
  } catch (error) {
    throw unusable(directory, `cannot be created: ${diskReason(error)}`, error);
  }
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(join(directory, FILE));
    database.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE");
  } catch (error) {
    database?.close();
    const code = ((error as { errcode?: number }).errcode ?? 0) & 0xff;
    if (code !== BUSY) {
      throw unusable(directory, `cannot be written: ${reason(directory, code, error)}`, error);
    }
    throw unusable(
      directory,
      "is in use by another slogate; give each its own state.directory, or stop the other one",
    );
  }
  const held = database;
  return { release: () => held.close() };
}

/** SQLite hides the system's code: another file meets the same fault, and names it. */
function reason(directory: string, code: number, error: unknown): string {
  if (code === FULL) return diskReason({ code: "ENOSPC" });
  const probe = join(directory, "lock.probe");
  try {
    writeFileSync(probe, "x");
    rmSync(probe, { force: true });
  } catch (fault) {
    return diskReason(fault);
  }
  return diskReason(error);
}

function unusable(directory: string, what: string, cause?: unknown): EngineError {
  return new EngineError("STATE_UNUSABLE", `state.directory: ${directory} ${what}`, { cause });
}

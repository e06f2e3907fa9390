import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { EngineError } from "../model/errors.ts";

const FILE = "lock.db";
const BUSY = 5;

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
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw unusable(directory, "cannot be created", error);
  }
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(join(directory, FILE));
  } catch (error) {
    throw unusable(directory, "cannot be written", error);
  }
  try {
    database.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode !== BUSY) {
      throw unusable(directory, "cannot be locked", error);
    }
    throw unusable(
      directory,
      "is in use by another slogate; give each its own state.directory, or stop the other one",
    );
  }
  return { release: () => database.close() };
}

function unusable(directory: string, what: string, cause?: unknown): EngineError {
  const why = cause instanceof Error ? ` (${cause.message})` : "";
  return new EngineError("STATE_UNUSABLE", `state.directory: ${directory} ${what}${why}`, {
    cause,
  });
}

import { open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { diskReason, makeDirectory } from "../disk/directory.ts";
import { EngineError } from "../model/errors.ts";
import type { Override } from "../model/gate.ts";
import { syncDirectory } from "./disk-storage.ts";
import { FORMAT } from "./records.ts";

/** Before there was a log: with the overrides. */
const FIRST_FORMAT = 1;
const FILE = "state.json";

interface Stored {
  readonly format: number;
  readonly epoch: number;
  /** Of the first format. */
  readonly overrides: readonly Override[];
}

/**
 * The directory's format, so that an older version does not take it for its own, and how often the engine has started
 * (the epoch of its decisions, so that sequences may begin anew even when the log is lost). Written whole, synced,
 * then renamed into place.
 */
export class StateFile {
  readonly epoch: number;
  /** What the first format held; the log has to take it over before `migrated`. */
  readonly overrides: readonly Override[];
  private readonly path: string;

  private constructor(path: string, epoch: number, overrides: readonly Override[]) {
    this.path = path;
    this.epoch = epoch;
    this.overrides = overrides;
  }

  /**
   * Opens the directory's state, counts this start and writes it, in the format it had.
   *
   * @throws EngineError STATE_UNUSABLE when the directory cannot be written, or holds a state that this
   *   version cannot read: it is never overwritten
   */
  static async open(directory: string): Promise<StateFile> {
    const path = join(directory, FILE);
    try {
      makeDirectory(directory);
    } catch (error) {
      throw unusable(directory, "cannot be created", error);
    }
    const stored = await read(path);
    const file = new StateFile(path, (stored?.epoch ?? 0) + 1, stored?.overrides ?? []);
    try {
      await file.save(stored?.format ?? FORMAT);
    } catch (error) {
      throw unusable(directory, "cannot be written", error);
    }
    return file;
  }

  /** The log holds everything: from here on the directory is of the present format. */
  migrated(): Promise<void> {
    return this.save(FORMAT);
  }

  private save(format: number): Promise<void> {
    const { epoch, overrides } = this;
    const stored = format === FIRST_FORMAT ? { format, epoch, overrides } : { format, epoch };
    return replaceFile(this.path, `${JSON.stringify(stored, null, 2)}\n`);
  }
}

async function read(path: string): Promise<Stored | null> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw unusable(path, "cannot be read", error);
  }
  let value: Partial<Stored> | null;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unusable(path, "is not valid JSON; move it away to start with an empty state", error);
  }
  const format = value?.format;
  if (value === null || typeof format !== "number" || format < FIRST_FORMAT || format > FORMAT) {
    throw unusable(
      path,
      `has format ${JSON.stringify(format)}, this version reads ${FIRST_FORMAT} to ${FORMAT}; was it written by a newer slogate?`,
    );
  }
  const overrides = format === FIRST_FORMAT ? value.overrides : [];
  if (!isEpoch(value.epoch) || !Array.isArray(overrides) || !overrides.every(isOverride)) {
    throw unusable(
      path,
      "lacks a sound epoch or overrides; move it away to start with an empty state",
    );
  }
  return { format, epoch: value.epoch as number, overrides };
}

async function replaceFile(path: string, text: string): Promise<void> {
  const fresh = `${path}.new`;
  const handle = await open(fresh, "w");
  try {
    await handle.writeFile(text);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(fresh, path);
  // The rename must outlast a power failure too: an epoch that went back would make readers deaf.
  await syncDirectory(dirname(path));
}

function isEpoch(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isOverride(value: unknown): value is Override {
  const { slo, state, author, reason, createdAt, expiresAt } = (value ?? {}) as Partial<Override>;
  return (
    [slo, author, reason].every((text) => typeof text === "string") &&
    (state === "open" || state === "closed") &&
    [createdAt, expiresAt].every((at) => Number.isFinite(at))
  );
}

function unusable(path: string, what: string, cause?: unknown): EngineError {
  const why = cause === undefined ? "" : `: ${diskReason(cause)}`;
  return new EngineError("STATE_UNUSABLE", `state.directory: ${path} ${what}${why}`, { cause });
}

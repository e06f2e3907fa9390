import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { EngineError } from "../model/errors.ts";
import type { Override } from "../model/gate.ts";

const FORMAT = 1;
const FILE = "state.json";

interface Stored {
  readonly format: number;
  readonly epoch: number;
  readonly overrides: readonly Override[];
}

/**
 * What must survive a restart and is small: how often the engine has started (the epoch of its decisions,
 * so that sequences may begin anew) and the overrides. Written whole, synced, then renamed into place.
 */
export class StateFile {
  readonly epoch: number;
  readonly overrides: readonly Override[];
  private readonly path: string;
  private writing: Promise<void> = Promise.resolve();

  private constructor(path: string, epoch: number, overrides: readonly Override[]) {
    this.path = path;
    this.epoch = epoch;
    this.overrides = overrides;
  }

  /**
   * Opens the directory's state, counts this start and writes it.
   *
   * @throws EngineError STATE_UNUSABLE when the directory cannot be written, or holds a state that this
   *   version cannot read: it is never overwritten
   */
  static async open(directory: string): Promise<StateFile> {
    const path = join(directory, FILE);
    try {
      await mkdir(directory, { recursive: true });
    } catch (error) {
      throw unusable(directory, "cannot be created", error);
    }
    const stored = await read(path);
    const file = new StateFile(path, (stored?.epoch ?? 0) + 1, stored?.overrides ?? []);
    try {
      await file.save(file.overrides);
    } catch (error) {
      throw unusable(directory, "cannot be written", error);
    }
    return file;
  }

  /** Replaces the stored overrides; saves follow one another. */
  save(overrides: readonly Override[]): Promise<void> {
    const stored: Stored = { format: FORMAT, epoch: this.epoch, overrides };
    const text = `${JSON.stringify(stored, null, 2)}\n`;
    this.writing = this.writing.catch(() => undefined).then(() => replaceFile(this.path, text));
    return this.writing;
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
  if (value?.format !== FORMAT) {
    throw unusable(
      path,
      `has format ${JSON.stringify(value?.format)}, this version reads ${FORMAT}; was it written by a newer slogate?`,
    );
  }
  if (
    !isEpoch(value.epoch) ||
    !Array.isArray(value.overrides) ||
    !value.overrides.every(isOverride)
  ) {
    throw unusable(
      path,
      "lacks a sound epoch or overrides; move it away to start with an empty state",
    );
  }
  return value as Stored;
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
  const directory = await open(dirname(path), "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
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
  const why = cause instanceof Error ? ` (${cause.message})` : "";
  return new EngineError("STATE_UNUSABLE", `state.directory: ${path} ${what}${why}`, { cause });
}

import {
  closeSync,
  fdatasync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { diskReason } from "../disk/directory.ts";
import { EngineError } from "../model/errors.ts";
import {
  type Beginning,
  type Change,
  sameKind,
  type TransitionQueue,
} from "../ports/transition-queue.ts";
import { type OutboxRecord, readRecords, writeRecord } from "./outbox-record.ts";

export interface OutboxSettings {
  /** A file of its own, in a folder that exists. */
  readonly path: string;
  /** Changes that may wait; then the oldest fall off. */
  readonly limit: number;
  /** Told once when changes cannot be stored, until they can be again. They go on waiting in memory. */
  readonly onProblem: (error: unknown) => void;
}

/** Bytes of records that mean nothing any more, beyond which the file is written anew. */
const GARBAGE_BYTES = 1024 * 1024;
const RETRY_MS = 1000;

/**
 * Changes that wait for a sink in a file: they survive the end of the process, and go out after the next start in the order in
 * which they were made, before what is decided then. When another leader has published meanwhile they fall off instead.
 *
 * Writes are made at once and synced in the background: the end of the process loses nothing, a power failure perhaps the
 * last second. A record that was torn by it is left out.
 */
export class Outbox implements TransitionQueue {
  private readonly settings: OutboxSettings;
  private waiting: { readonly number: number; readonly change: Change; readonly bytes: number }[] =
    [];
  private taken = 0;
  private lastNumber = 0;
  /** Of the term that made the newest of what waits; 0 before the first. */
  private epoch = 0;
  /** SLOs of which decisions were or will be sent, also before this start. */
  private sent = new Set<string>();
  private file: number | null = null;
  private fileBytes = 0;
  private liveBytes = 0;
  private syncing = false;
  /** When a file that could not be written is tried again, on the clock of `performance`. */
  private retryAt = Number.NEGATIVE_INFINITY;
  private broken = false;

  private constructor(settings: OutboxSettings) {
    this.settings = settings;
  }

  /**
   * Opens the file, or makes it.
   *
   * @throws EngineError STATE_UNUSABLE when it cannot be read or written
   */
  static open(settings: OutboxSettings): Outbox {
    const outbox = new Outbox(settings);
    try {
      for (const record of readRecords(readOrNothing(settings.path))) outbox.replay(record);
      outbox.replaceFile();
    } catch (cause) {
      const message = `state.directory: ${settings.path} cannot be used: ${diskReason(cause)}`;
      throw new EngineError("STATE_UNUSABLE", message, { cause });
    }
    return outbox;
  }

  /** The last term in which this outbox was used, perhaps before this start; 0 before the first. */
  get lastEpoch(): number {
    return this.epoch;
  }

  get length(): number {
    return this.waiting.length - this.taken;
  }

  /** All that has yet to go out, taken or not. */
  get unsettled(): number {
    return this.waiting.length;
  }

  push(changes: readonly Change[]): number {
    for (const change of changes) this.append({ number: ++this.lastNumber, change });
    const excess = Math.max(0, this.length - this.settings.limit);
    // What falls off need not be written down: a restart keeps the newest as well.
    this.waiting.splice(this.taken, excess).forEach(({ bytes }) => {
      this.liveBytes -= bytes;
    });
    this.tidy();
    return excess;
  }

  take(limit: number): readonly Change[] {
    const run = sameKind(
      this.waiting.slice(0, limit).map(({ change }) => change),
      limit,
    );
    this.taken = run.length;
    return run;
  }

  settled(): void {
    const out = this.waiting.splice(0, this.taken);
    this.taken = 0;
    const last = out.at(-1);
    if (last === undefined) return;
    for (const { change, bytes } of out) {
      this.liveBytes -= bytes;
      if ("removed" in change) this.sent.delete(change.removed);
    }
    this.append({ settled: last.number });
    this.tidy();
  }

  begin({ epoch, after, slos }: Beginning): number {
    this.taken = 0;
    const overtaken = after > this.epoch ? this.waiting.length : 0;
    if (overtaken > 0) this.waiting = [];
    this.epoch = epoch;
    const present = new Set(slos);
    const leaving = this.waiting.flatMap(({ change }) =>
      "removed" in change ? change.removed : [],
    );
    const gone = [...this.sent].filter((slo) => !present.has(slo) && !leaving.includes(slo));
    this.sent = new Set([...this.sent, ...slos]);
    this.rewrite();
    this.push(gone.map((removed) => ({ removed })));
    return overtaken;
  }

  /** What waits is there for the next start. */
  close(): void {
    if (this.file === null) return;
    try {
      fsyncSync(this.file);
    } catch (error) {
      this.report(error);
    }
    closeSync(this.file);
    this.file = null;
  }

  private replay(record: OutboxRecord): void {
    if ("epoch" in record) {
      this.epoch = record.epoch;
      this.sent = new Set(record.sent);
    } else if ("settled" in record) {
      const until = this.waiting.findIndex(({ number }) => number > record.settled);
      const out = this.waiting.splice(0, until === -1 ? this.waiting.length : until);
      for (const { change } of out) if ("removed" in change) this.sent.delete(change.removed);
    } else {
      this.lastNumber = record.number;
      this.note(record.change);
      this.waiting.push({ ...record, bytes: 0 });
      if (this.waiting.length > this.settings.limit) this.waiting.shift();
    }
  }

  private append(record: OutboxRecord): void {
    const bytes = this.write(writeRecord(record));
    if (!("change" in record)) return;
    this.liveBytes += bytes;
    this.waiting.push({ ...record, bytes });
    this.note(record.change);
  }

  private note(change: Change): void {
    if ("decision" in change) this.sent.add(change.decision.slo);
  }

  private write(line: string): number {
    const bytes = Buffer.byteLength(line);
    if (this.file === null) return bytes;
    try {
      // A short write leaves half a record, which only a new file can mend.
      if (writeSync(this.file, line) !== bytes) throw new Error("the disk took half of a record");
      this.fileBytes += bytes;
      this.sync();
    } catch (error) {
      this.report(error);
      this.abandonFile();
    }
    return bytes;
  }

  private sync(): void {
    const { file } = this;
    if (this.syncing || file === null) return;
    this.syncing = true;
    fdatasync(file, (error) => {
      this.syncing = false;
      // After a failed sync nobody knows what the file holds. One that is closed meanwhile was synced before.
      if (error === null || this.file !== file) return;
      this.report(error);
      this.abandonFile();
    });
  }

  /** Writes the file anew when most of it is of no use any more, or when it could not be written. */
  private tidy(): void {
    const garbage = this.fileBytes - this.liveBytes;
    if (this.file !== null && garbage < Math.max(GARBAGE_BYTES, this.liveBytes)) return;
    // All of it is written anew: a disk that fails is not asked at every change.
    if (this.file === null && performance.now() < this.retryAt) return;
    this.rewrite();
  }

  private rewrite(): void {
    try {
      this.replaceFile();
      this.broken = false;
    } catch (error) {
      this.retryAt = performance.now() + RETRY_MS;
      this.report(error);
    }
  }

  /** Replaces the file by one that holds just what is known now. Whole or not at all. */
  private replaceFile(): void {
    const lines = [writeRecord({ epoch: this.epoch, sent: [...this.sent] })];
    this.waiting = this.waiting.map(({ number, change }) => {
      const line = writeRecord({ number, change });
      lines.push(line);
      return { number, change, bytes: Buffer.byteLength(line) };
    });
    const text = Buffer.from(lines.join(""));
    const fresh = `${this.settings.path}.new`;
    const file = openSync(fresh, "w", 0o644);
    try {
      if (writeSync(file, text) !== text.length) throw new Error("the disk took half of a record");
      fsyncSync(file);
      renameSync(fresh, this.settings.path);
      syncFolder(dirname(this.settings.path));
    } catch (error) {
      closeSync(file);
      throw error;
    }
    this.abandonFile();
    this.file = file;
    this.fileBytes = text.length;
    this.liveBytes = text.length;
  }

  private abandonFile(): void {
    if (this.file !== null) closeSync(this.file);
    this.file = null;
  }

  private report(error: unknown): void {
    if (!this.broken) this.settings.onProblem(error);
    this.broken = true;
  }
}

function readOrNothing(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

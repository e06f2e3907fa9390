import { beginFrame, sealFrame } from "./frames.ts";
import { PackedWriter } from "./packed.ts";
import { HEADER, type LogFile, writeHeader, writeRecord } from "./records.ts";
import type { Storage, StorageFile } from "./storage.ts";

/** Files of whole rounds that are kept: a damaged one is done without. */
const KEPT_ROUNDS = 2;

/**
 * The log's files: appends frames to the newest, begins the next one after a round or a failure, and removes
 * those that nothing needs any more.
 */
export class LogWriter {
  commits = 0;
  committedBytes = 0;
  commitSeconds = 0;
  private readonly storage: Storage;
  private files: LogFile[];
  private nextFile: number;
  private readonly epoch: number;
  private file: StorageFile | null = null;
  private readonly frame = new PackedWriter();
  private readonly header = new PackedWriter();
  private roundEnds = false;

  /** @param files what the next file goes on from, oldest first */
  constructor(storage: Storage, files: readonly LogFile[], nextFile: number, epoch: number) {
    this.epoch = epoch;
    this.storage = storage;
    this.files = [...files];
    this.nextFile = nextFile;
  }

  /** The last write has ended a round: the next one begins a file. */
  get isRoundOver(): boolean {
    return this.file === null;
  }

  /** The records that were appended so far end the round. */
  endRound(): void {
    this.roundEnds = true;
  }

  /**
   * One frame, on disk when it resolves.
   *
   * @throws what the storage throws; the frame does not count then, whatever the disk holds
   */
  async write(records: readonly Uint8Array[]): Promise<void> {
    const startedAt = performance.now();
    const endsRound = this.roundEnds;
    this.roundEnds = false;
    const isFirst = this.file === null;
    beginFrame(this.frame);
    if (isFirst) {
      this.header.clear();
      writeHeader(this.header, { epoch: this.epoch, earlier: this.files });
      writeRecord(this.frame, HEADER, this.header);
    }
    for (const bytes of records) this.frame.raw(bytes);
    const bytes = sealFrame(this.frame);
    const number = isFirst ? this.nextFile++ : this.nextFile - 1;
    try {
      this.file ??= await this.storage.create(fileName(number));
      await this.file.append(bytes);
    } catch (error) {
      this.roundEnds = false;
      await this.letGo();
      if (isFirst) await this.storage.remove(fileName(number)).catch(() => undefined);
      throw error;
    }
    const before = isFirst ? 0 : (this.files.pop()?.bytes ?? 0);
    this.files.push({ number, bytes: before + bytes.length, complete: endsRound });
    this.commits++;
    this.committedBytes += bytes.length;
    this.commitSeconds += (performance.now() - startedAt) / 1000;
    if (isFirst) await this.removeOld();
    if (endsRound) await this.letGo();
  }

  /** Removes files of earlier starts that the log does not go on from. */
  async tidy(names: readonly string[]): Promise<void> {
    for (const name of names) await this.storage.remove(name).catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.letGo();
  }

  private async letGo(): Promise<void> {
    const { file } = this;
    this.file = null;
    // What it holds is safe or does not count.
    await file?.close().catch(() => undefined);
  }

  private async removeOld(): Promise<void> {
    const whole = this.files.filter(({ complete }) => complete);
    const oldest = whole.at(-KEPT_ROUNDS)?.number ?? 0;
    // One that cannot be removed now is removed at the next start.
    await this.tidy(
      this.files.filter(({ number }) => number < oldest).map((f) => fileName(f.number)),
    );
    this.files = this.files.filter(({ number }) => number >= oldest);
  }
}

const FILE = /^(\d{10})\.journal$/;

export function fileName(number: number): string {
  return `${String(number).padStart(10, "0")}.journal`;
}

/** Null for another file's name. */
export function fileNumber(name: string): number | null {
  const digits = FILE.exec(name)?.[1];
  return digits === undefined ? null : Number(digits);
}

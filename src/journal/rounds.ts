import type { UnixMs } from "../model/time.ts";
import type { Journalled } from "../ports/journalled.ts";
import { writeBaseLines } from "./delta-record.ts";
import type { FingerprintMemory } from "./fingerprints.ts";
import { PackedWriter } from "./packed.ts";
import {
  FINGERPRINTS,
  type Position,
  ROUND_DONE,
  SERIES,
  SHARED,
  TRACK,
  VERSION,
  writePosition,
  writeVersion,
} from "./records.ts";
import { saveState } from "./state-bytes.ts";

export interface RoundPace {
  /** A round takes this long, when nothing hurries it. */
  readonly roundMs: number;
  /** Parts are stored this often, as many as are due. */
  readonly stepMs: number;
}

export const ROUND_PACE: RoundPace = { roundMs: 120_000, stepMs: 250 };
/**
 * Bytes of deltas that hurry a round to its end: so the log stays quick to replay and small. Three rounds at most are on
 * disk, an SLO's part is at most about 19 KiB, so that 64 KiB an SLO and 64 MiB in total are not exceeded.
 */
const ROUND_BYTES = 8 * 1024 * 1024;
const ROUND_BYTES_PER_SLO = 1024;
/** Time of one step: no tick waits longer for it. */
const STEP_BUDGET_MS = 8;
/** Slots or rows of a part of the fingerprints or the series: below 100 KB. */
const SLOTS = 4096;

export interface RoundsLog {
  position(): Position;
  /** Whether parts can be stored now. */
  isOpen(): boolean;
  /** In unix time, by the ticks. */
  now(): UnixMs;
  append(kind: number, body: PackedWriter): void;
  /** All parts have been appended. */
  done(): void;
}

/**
 * Stores the whole state again and again, in parts that are appended to the log between deltas: each with the position it
 * was taken at, so that nothing has to stand still. A file of the log holds one round; with the file before it,
 * everything can be brought back.
 */
export class Rounds {
  private readonly journalled: Journalled;
  private readonly memory: FingerprintMemory;
  private readonly log: RoundsLog;
  private readonly pace: RoundPace;
  private readonly part = new PackedWriter();
  private timer: NodeJS.Timeout | null = null;
  private isDone = false;
  private startedAt = 0;
  private deltaBytes = 0;
  private sharedDone = false;
  private tracks = 0;
  private seriesRow = 0;
  private seriesMoves = 0;
  private fingerprintSlot = 0;
  private fingerprintTurns = 0;

  constructor(
    journalled: Journalled,
    memory: FingerprintMemory,
    log: RoundsLog,
    pace: RoundPace = ROUND_PACE,
  ) {
    this.pace = pace;
    this.journalled = journalled;
    this.memory = memory;
    this.log = log;
  }

  start(): void {
    this.begin();
    this.timer = setInterval(() => this.step(), this.pace.stepMs);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  /** The first part of a new file is still to come. */
  begin(): void {
    this.isDone = false;
    this.startedAt = performance.now();
    this.deltaBytes = 0;
    this.sharedDone = false;
    this.tracks = 0;
    this.seriesRow = 0;
    this.seriesMoves = this.journalled.series.moves;
    this.fingerprintSlot = 0;
    this.fingerprintTurns = this.memory.turns;
  }

  /** So many bytes of deltas and changes were appended. */
  grew(bytes: number): void {
    this.deltaBytes += bytes;
  }

  /** As many parts as the time that has passed and the deltas that came ask for. */
  step(): void {
    if (this.isDone || !this.log.isOpen()) return;
    const now = performance.now();
    const { gates } = this.journalled;
    const most = ROUND_BYTES + ROUND_BYTES_PER_SLO * gates.columns;
    const share = Math.max((now - this.startedAt) / this.pace.roundMs, this.deltaBytes / most);
    while (this.shareDone() < share && !this.isDone) {
      this.writeNext();
      if (performance.now() - now > STEP_BUDGET_MS) return;
    }
  }

  private shareDone(): number {
    const { gates, series } = this.journalled;
    const slots = this.seriesRow + this.fingerprintSlot;
    const done = (this.sharedDone ? 1 : 0) + this.tracks + slots / SLOTS;
    return done / (1 + gates.columns + (series.size + this.memory.slots) / SLOTS);
  }

  private writeNext(): void {
    const { gates, series } = this.journalled;
    // Rows or slots have moved: what was read of them before may have gaps.
    if (this.seriesMoves !== series.moves) {
      this.seriesMoves = series.moves;
      this.seriesRow = 0;
    }
    if (this.fingerprintTurns !== this.memory.turns) {
      this.fingerprintTurns = this.memory.turns;
      this.fingerprintSlot = 0;
    }
    const { part } = this;
    part.clear();
    if (!this.sharedDone) this.writeShared(part);
    else if (this.tracks < gates.columns) this.writeTrack(part, this.tracks++);
    else if (this.seriesRow < series.size) this.writeSeries(part);
    else if (this.fingerprintSlot < this.memory.slots) this.writeFingerprints(part);
    else {
      this.isDone = true;
      this.log.append(ROUND_DONE, part);
      this.log.done();
    }
  }

  private writeShared(part: PackedWriter): void {
    const { gates, versions } = this.journalled;
    writePosition(part, this.log.position());
    saveState({ carry: (state) => gates.carryShared(state) }, part);
    this.log.append(SHARED, part);
    for (const id of versions.ids()) {
      part.clear();
      writeVersion(part, id, versions.bytesOf(id) as Uint8Array);
      this.log.append(VERSION, part);
    }
    this.sharedDone = true;
  }

  private writeTrack(part: PackedWriter, index: number): void {
    const { gates } = this.journalled;
    writePosition(part, this.log.position());
    part.varint(index);
    saveState({ carry: (state) => gates.carryTrack(index, state) }, part);
    this.log.append(TRACK, part);
  }

  private writeSeries(part: PackedWriter): void {
    const { series } = this.journalled;
    part.number(series.listensSince);
    writeBaseLines(part, series.read(this.seriesRow, SLOTS));
    part.number(this.log.now());
    this.seriesRow += SLOTS;
    this.log.append(SERIES, part);
  }

  private writeFingerprints(part: PackedWriter): void {
    // Both generations have as many slots, a power of two: no part is of both.
    const count = Math.min(SLOTS, this.memory.slots / 2);
    const { words, addedAt } = this.memory.read(this.fingerprintSlot, count);
    this.fingerprintSlot += count;
    if (words.length === 0) return;
    part.number(addedAt);
    for (const word of words) part.uint32(word);
    this.log.append(FINGERPRINTS, part);
  }
}

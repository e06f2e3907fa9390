import type { RequestDelta } from "../model/delta.ts";
import { EngineError } from "../model/errors.ts";
import type { Override } from "../model/gate.ts";
import type { Refusal } from "../model/refusal.ts";
import { SECOND, type UnixMs } from "../model/time.ts";
import type { Admission, Admitted } from "../ports/admission.ts";
import type { ChangeLog, Placement } from "../ports/change-log.ts";
import type { Journalled } from "../ports/journalled.ts";
import type { Log } from "../ports/log.ts";
import type { JournalState } from "../ports/metrics.ts";
import { type Answer, Batch, type Waiting } from "./batch.ts";
import { StoredDelta, writeDelta } from "./delta-record.ts";
import { DiskWait } from "./disk-wait.ts";
import type { FingerprintMemory } from "./fingerprints.ts";
import { LogWriter } from "./log-writer.ts";
import { PackedReader, PackedWriter } from "./packed.ts";
import {
  DELTA,
  OVERRIDDEN,
  PLACED,
  type Position,
  STARTED,
  TICKED,
  VERSION,
  writePosition,
  writeRecord,
  writeVersion,
} from "./records.ts";
import { type Recovered, recover } from "./recovery.ts";
import { type RoundPace, Rounds } from "./rounds.ts";
import type { Storage } from "./storage.ts";

/** sync: acknowledged means on disk. relaxed: acknowledged at once, on disk within a second. */
export type Durability = "sync" | "relaxed";

/** Commits follow one another no faster than this, so that they are shared under load; the first comes at once. */
const GROUP_MS = 4;
/** What nobody waits for. */
const LAZY_MS = SECOND;
/** Relaxed: a frame this large does not wait for its second. */
const EAGER_BYTES = 4 * 1024 * 1024;
/** A failed disk is tried again this often. */
const RETRY_MS = SECOND;
/** A commit that takes longer than this has stalled: requests are told to come back. */
const STALL_MS = 5 * SECOND;

export interface JournalSettings {
  readonly storage: Storage;
  readonly journalled: Journalled;
  readonly memory: FingerprintMemory;
  readonly durability: Durability;
  /** This start's; greater than any before. */
  readonly epoch: number;
  readonly now: UnixMs;
  readonly log: Log;
  /** Default ROUND_PACE. */
  readonly pace?: RoundPace;
}

/**
 * Admission with a log on disk, and the log of what was done in between: together they lead from a stored state to the
 * present one, to the last bit.
 *
 * - sync: admitted deltas gather for the next commit, which writes and syncs one frame; then they are applied in
 *   order, and their senders answered. Ticks are not held up by a disk: they are made at once, and stored with
 *   the number of deltas that had been applied before. When a commit fails, nothing of it has been applied.
 * - relaxed: a delta is applied and acknowledged at once, and the frame written within a second.
 *
 * A disk that fails (full, read-only, gone) is never trusted with the same file again, since after a failed sync
 * nobody knows what it holds: the next attempt begins a new file, which says how much of the last one counts.
 */
export class Journal implements Admission, ChangeLog {
  private readonly journalled: Journalled;
  private readonly memory: FingerprintMemory;
  private readonly isRelaxed: boolean;
  private readonly log: Log;
  private readonly writer: LogWriter;
  private readonly rounds: Rounds;
  /** Of the next frame; its changes outlive a failed commit. */
  private next = new Batch();
  private spare = new Batch();
  /** Waiting ones by fingerprint, also those of the frame that is being written. */
  private readonly inFlight = new Map<string, Waiting>();
  private readonly stored = new StoredDelta();
  private readonly body = new PackedWriter();
  /** Versions whose names are in the log. */
  private versions = 0;
  private deltas: number;
  private position: Position;
  private tickedAt: UnixMs;
  private timer: NodeJS.Timeout | null = null;
  /** When the next commit is due, on the clock of `performance`. */
  private dueAt = Number.POSITIVE_INFINITY;
  /** How often the engine has started with this storage, this time included. */
  readonly epoch: number;
  private writing: Promise<void> | null = null;
  private writingSince = Number.NEGATIVE_INFINITY;
  private readonly diskWait = new DiskWait();
  private trouble: string | null = null;
  private closing = false;
  private failedCommits = 0;

  /**
   * Brings back what is stored, and begins to log.
   *
   * @throws EngineError STATE_UNUSABLE when the storage cannot be read or written, or is of a newer format
   */
  static async open(settings: JournalSettings): Promise<Journal> {
    const { storage, journalled, memory, log, now, epoch } = settings;
    const recovered = await recover({ storage, journalled, memory, log, now });
    const ours = Math.max(epoch, recovered.epoch + 1);
    const journal = new Journal(settings, recovered, ours);
    journalled.gates.begin(ours, now);
    journal.change(STARTED, (body) => {
      body.varint(ours);
      body.number(now);
    });
    await journal.flush();
    if (journal.trouble !== null) {
      journal.disarm();
      throw new EngineError(
        "STATE_UNUSABLE",
        `state.directory: ${storage.name}: ${journal.trouble}`,
      );
    }
    await journal.writer.tidy(recovered.unknownFiles);
    journal.rounds.start();
    return journal;
  }

  private constructor(settings: JournalSettings, recovered: Recovered, epoch: number) {
    this.epoch = epoch;
    this.journalled = settings.journalled;
    this.memory = settings.memory;
    this.isRelaxed = settings.durability === "relaxed";
    this.log = settings.log;
    this.deltas = recovered.deltas;
    this.position = { change: recovered.changes, applied: recovered.deltas };
    this.tickedAt = settings.now;
    this.writer = new LogWriter(settings.storage, recovered.files, recovered.nextFile, epoch);
    this.rounds = new Rounds(
      this.journalled,
      this.memory,
      {
        position: () => this.position,
        now: () => this.tickedAt,
        isOpen: () => this.trouble === null && !this.closing,
        append: (kind, body) => {
          writeRecord(this.next.parts, kind, body);
          this.schedule(LAZY_MS);
        },
        done: () => this.writer.endRound(),
      },
      settings.pace,
    );
  }

  admit(delta: RequestDelta, done: Answer): Admitted {
    const { fingerprint, receivedAt } = delta;
    const key = fingerprint[0] === 0 ? null : fingerprint.join();
    if (key !== null) {
      const same = this.inFlight.get(key);
      if (same !== undefined) {
        same.answers.push(done);
        return "duplicate";
      }
      if (this.memory.has(fingerprint, receivedAt)) {
        done(null);
        return "duplicate";
      }
    }
    const refusal = this.refusal();
    if (refusal !== null) {
      done(refusal);
      return "refused";
    }
    if (delta.length === 0 && delta.baseLines === undefined) {
      // Nothing that could count twice, and nothing to store.
      if (key !== null) this.memory.add(fingerprint, receivedAt);
      done(null);
      return "admitted";
    }
    this.append(delta, key, done);
    return "admitted";
  }

  ticked(now: UnixMs, accepted: number, turnedAway: number, stoodMs = 0): void {
    this.tickedAt = now;
    this.change(TICKED, (body) => {
      body.number(now);
      body.varint(accepted);
      body.varint(turnedAway);
      body.number(stoodMs);
    });
    this.schedule(LAZY_MS);
  }

  placed(placements: readonly Placement[], now: UnixMs): void {
    this.change(PLACED, (body) => {
      body.number(now);
      body.text(JSON.stringify(placements));
    });
    this.schedule(0);
  }

  overridden(slo: string, override: Override | null): void {
    this.change(OVERRIDDEN, (body) => {
      body.text(slo);
      body.text(JSON.stringify(override));
    });
    this.schedule(0);
  }

  state(): JournalState {
    const { commits, committedBytes, commitSeconds } = this.writer;
    const { failedCommits } = this;
    return { trouble: this.problem(), commits, committedBytes, commitSeconds, failedCommits };
  }

  /** Resolves when all that was appended so far is on disk, or has failed. */
  async flush(): Promise<void> {
    await this.writing;
    await this.commit();
  }

  /** Commits what waits, refuses what comes, and lets go of the storage. */
  async close(): Promise<void> {
    this.closing = true;
    this.rounds.stop();
    await this.flush();
    this.disarm();
    await this.writer.close();
  }

  private append(delta: RequestDelta, key: string | null, done: Answer): void {
    const { body, next } = this;
    this.nameVersions();
    body.clear();
    writeDelta(body, ++this.deltas, delta);
    writeRecord(next.deltas, DELTA, body);
    this.rounds.grew(body.length);
    if (this.isRelaxed) {
      if (key !== null) this.memory.add(delta.fingerprint, delta.receivedAt);
      this.journalled.gates.add(delta);
      this.position = { ...this.position, applied: this.deltas };
      this.schedule(next.deltas.length > EAGER_BYTES ? 0 : LAZY_MS);
      done(null);
      return;
    }
    const end = next.deltas.length;
    const waiting = { key, start: end - body.length, end, answers: [done] };
    next.waiting.push(waiting);
    if (key !== null) this.inFlight.set(key, waiting);
    this.schedule(0);
  }

  /** Names must be stored before the first delta that has their ids. */
  private nameVersions(): void {
    const { versions } = this.journalled;
    for (; this.versions < versions.nextId; this.versions++) {
      const name = versions.bytesOf(this.versions);
      if (name === null) continue;
      this.body.clear();
      writeVersion(this.body, this.versions, name);
      writeRecord(this.next.deltas, VERSION, this.body);
    }
  }

  private change(kind: number, write: (body: PackedWriter) => void): void {
    this.position = { ...this.position, change: this.position.change + 1 };
    this.body.clear();
    writePosition(this.body, this.position);
    write(this.body);
    const record = new PackedWriter(this.body.length + 8);
    writeRecord(record, kind, this.body);
    this.next.addChange(record.bytes());
  }

  private refusal(): Refusal | null {
    if (this.closing) {
      return { code: "shutting-down", message: "the engine is stopping", retryAfterMs: SECOND };
    }
    const problem = this.problem();
    if (problem === null) return null;
    return { code: "state-unavailable", message: problem, retryAfterMs: 2 * RETRY_MS };
  }

  private problem(): string | null {
    if (this.trouble !== null) return this.trouble;
    const ms = this.diskWait.ms();
    return ms > STALL_MS ? `the disk has not answered for ${Math.round(ms / SECOND)} s` : null;
  }

  /** A commit is wanted within so many milliseconds, or as soon as the last one is over. */
  private schedule(withinMs: number): void {
    const wanted = performance.now() + withinMs;
    // A disk that failed has its own rhythm.
    if (wanted >= this.dueAt || this.trouble !== null) return;
    this.dueAt = wanted;
    if (this.writing === null) this.arm();
  }

  private arm(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    const at = Math.max(this.dueAt, this.writingSince + GROUP_MS);
    this.timer = setTimeout(() => void this.commit(), Math.max(0, at - performance.now()));
  }

  private disarm(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.dueAt = Number.POSITIVE_INFINITY;
  }

  /** Never rejects. */
  private async commit(): Promise<void> {
    if (this.writing !== null) return this.writing;
    this.disarm();
    // After a failure an empty frame asks whether the disk is back.
    if (this.next.isEmpty && this.trouble === null) return;
    this.writingSince = performance.now();
    this.writing = this.commitBatch();
    await this.writing;
    if (this.dueAt < Number.POSITIVE_INFINITY) this.arm();
  }

  private async commitBatch(): Promise<void> {
    const batch = this.next;
    this.next = this.spare;
    try {
      this.diskWait.begin();
      await this.writer.write([batch.parts.bytes(), batch.deltas.bytes(), ...batch.changes]);
    } catch (error) {
      this.writing = null;
      this.fail(error, batch);
      return;
    } finally {
      this.diskWait.end();
    }
    this.writing = null;
    if (this.trouble !== null) {
      this.trouble = null;
      this.log.info("the state can be stored again: requests are accepted");
    }
    const { waiting } = batch;
    for (const { key, start, end } of waiting) this.apply(key, batch.deltas.bytes(), start, end);
    batch.clear();
    this.spare = batch;
    if (this.writer.isRoundOver) this.rounds.begin();
    for (const { answers } of waiting) for (const answer of answers) answer(null);
  }

  private apply(key: string | null, deltas: Uint8Array, start: number, end: number): void {
    const { stored } = this;
    stored.read(new PackedReader(deltas, start, end));
    this.journalled.gates.add(stored);
    this.position = { ...this.position, applied: stored.number };
    if (key === null) return;
    this.memory.add(stored.fingerprint, stored.receivedAt);
    this.inFlight.delete(key);
  }

  /** Nothing of the batch is on disk, nor of what came after it. */
  private fail(error: unknown, batch: Batch): void {
    const { next } = this;
    const why = error instanceof Error ? error.message : String(error);
    this.failedCommits++;
    if (this.trouble === null) {
      this.log.error("the state cannot be stored: requests are refused, the gates go on", {
        error: why,
      });
    }
    this.trouble = `the state cannot be stored (${why})`;
    // The parts are those of a file that is over.
    this.rounds.begin();
    batch.parts.clear();
    for (const change of next.changes) batch.addChange(change);
    const refused = [...batch.waiting, ...next.waiting];
    batch.waiting = [];
    if (this.isRelaxed) batch.deltas.raw(next.deltas.bytes());
    else {
      batch.deltas.clear();
      this.inFlight.clear();
      this.versions = 0;
    }
    next.clear();
    this.next = batch;
    this.spare = next;
    this.disarm();
    if (!this.closing) {
      this.dueAt = performance.now() + RETRY_MS;
      this.arm();
    }
    const refusal = this.refusal();
    for (const { answers } of refused) for (const answer of answers) answer(refusal);
  }
}

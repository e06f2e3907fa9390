import { FINGERPRINT_WORDS } from "../model/delta.ts";
import type { StateCarrier } from "../model/state-carrier.ts";
import type { UnixMs } from "../model/time.ts";
import type { Applies, Journalled } from "../ports/journalled.ts";
import { readBaseLines, StoredDelta } from "./delta-record.ts";
import type { FingerprintMemory } from "./fingerprints.ts";
import { damaged, type PackedReader } from "./packed.ts";
import {
  DELTA,
  FINGERPRINTS,
  HEADER,
  OVERRIDDEN,
  PLACED,
  type Position,
  ROUND_DONE,
  readOverridden,
  readPlaced,
  readPosition,
  readRecords,
  readStarted,
  readTicked,
  SERIES,
  SHARED,
  STARTED,
  TICKED,
  TRACK,
  VERSION,
} from "./records.ts";
import { restoreState } from "./state-bytes.ts";

interface Part {
  readonly position: Position;
  readonly body: PackedReader;
}

/** Before everything. */
const BEGINNING: Position = { change: -1, applied: -1 };

/**
 * Does again what the log says was done. Each SLO goes on from the newest part of it: it is passed over by the deltas and
 * changes that the part already holds. What all SLOs share goes on from the oldest part used, so that it is at every
 * change as it was then.
 */
export class Replay {
  /** Numbers of the last delta and the last change seen. */
  deltas = 0;
  changes = 0;
  epoch = 0;
  /** When the last change was made. */
  lastAt: UnixMs | null = null;
  replayedDeltas = 0;
  replayedChanges = 0;
  /** What could not be brought back, as sentences. */
  readonly problems: string[] = [];
  private readonly journalled: Journalled;
  private readonly memory: FingerprintMemory;
  private shared: Part | null = null;
  private readonly tracks = new Map<number, Part>();
  /** Deltas that are stored but, as far as the log tells yet, not applied. */
  private held: { readonly number: number; readonly body: PackedReader }[] = [];
  private readonly delta = new StoredDelta();
  private listens = false;

  constructor(journalled: Journalled, memory: FingerprintMemory) {
    this.journalled = journalled;
    this.memory = memory;
  }

  /**
   * Takes the parts of a frame; later ones replace earlier ones.
   *
   * @param isBeginning of the file whose whole round the replay begins with: what all SLOs share goes on from there
   */
  findParts(frame: PackedReader, isBeginning: boolean): void {
    readRecords(frame.again(), (kind, body) => {
      if (kind > ROUND_DONE) return false;
      if (kind !== SHARED && kind !== TRACK) return true;
      const position = readPosition(body);
      if (kind === SHARED) {
        if (isBeginning) this.shared = { position, body };
      } else this.tracks.set(body.varint(), { position, body });
      return true;
    });
  }

  restoreParts(): void {
    const { gates } = this.journalled;
    if (this.shared !== null) {
      restoreState({ carry: (state) => gates.carryShared(state) }, this.shared.body);
      this.note(this.shared.position);
    }
    for (const [index, { position, body }] of this.tracks) {
      this.note(position);
      const column = `the SLO of column ${index}`;
      let isWhole = true;
      const carry = (state: StateCarrier) => {
        isWhole = gates.carryTrack(index, state);
      };
      try {
        restoreState({ carry }, body);
        if (!isWhole) this.problems.push(`${column} keeps its counts; its evidence begins anew`);
      } catch (error) {
        this.tracks.delete(index);
        this.problems.push(`${column} begins anew: ${String(error)}`);
      }
    }
  }

  /** Does again what the frame tells. */
  replay(frame: PackedReader): void {
    readRecords(frame, (kind, body) => {
      if (kind === DELTA) this.hold(body);
      else if (kind >= TICKED) this.change(kind, body);
      else this.read(kind, body);
      return true;
    });
  }

  /** Nothing follows: what is stored counts. */
  end(): void {
    this.applyUntil(Number.POSITIVE_INFINITY);
  }

  private read(kind: number, body: PackedReader): void {
    const { series, versions } = this.journalled;
    switch (kind) {
      case SERIES: {
        this.listens = true;
        series.listenSince(body.number());
        const lines = readBaseLines(body);
        if (lines !== undefined) series.restore(lines, body.number());
        return;
      }
      case FINGERPRINTS: {
        const addedAt = body.number();
        const fingerprint = new Uint32Array(FINGERPRINT_WORDS);
        while (!body.isAtEnd) {
          for (let i = 0; i < FINGERPRINT_WORDS; i++) fingerprint[i] = body.uint32();
          this.memory.add(fingerprint, addedAt);
        }
        return;
      }
      case VERSION:
        versions.restore(body.varint(), body.blob());
        return;
      case HEADER:
      case SHARED:
      case TRACK:
      case ROUND_DONE:
        return;
      default:
        throw damaged(`a record of an unknown kind (${kind})`);
    }
  }

  private hold(body: PackedReader): void {
    const { delta } = this;
    delta.readHead(body.again());
    if (delta.fingerprint[0] !== 0) this.memory.add(delta.fingerprint, delta.receivedAt);
    const lines = delta.baseLines;
    if (lines !== undefined) this.journalled.series.restore(lines, delta.receivedAt);
    this.held.push({ number: delta.number, body });
  }

  private applyUntil(applied: number): void {
    const { delta } = this;
    let done = 0;
    for (; done < this.held.length && this.held[done]!.number <= applied; done++) {
      delta.read(this.held[done]!.body);
      this.note({ change: 0, applied: delta.number });
      delta.keepOnly((slo) => delta.number > (this.tracks.get(slo)?.position.applied ?? -1));
      if (delta.length > 0) this.journalled.gates.add(delta);
      this.replayedDeltas++;
    }
    this.held.splice(0, done);
  }

  private change(kind: number, body: PackedReader): void {
    const position = readPosition(body);
    this.applyUntil(position.applied);
    this.note(position);
    const { gates } = this.journalled;
    // What all share has had everything up to its part, and so have the SLOs, whose parts are newer.
    const isKnown = position.change <= (this.shared?.position ?? BEGINNING).change;
    const applies: Applies = (index) =>
      position.change > (this.tracks.get(index)?.position ?? BEGINNING).change;
    this.replayedChanges++;
    switch (kind) {
      case TICKED: {
        const { now, accepted, turnedAway, stoodMs } = readTicked(body);
        this.lastAt = now;
        if (isKnown) return;
        gates.hear(now, accepted, turnedAway, stoodMs);
        gates.step(now, applies, false);
        return;
      }
      case PLACED: {
        const { now, placements } = readPlaced(body);
        if (!isKnown) gates.place(placements, now, applies);
        return;
      }
      case OVERRIDDEN: {
        const { slo, override } = readOverridden(body);
        if (!isKnown) gates.restoreOverride(slo, override, applies);
        return;
      }
      case STARTED: {
        const { epoch, now } = readStarted(body);
        this.epoch = Math.max(this.epoch, epoch);
        this.lastAt = now;
        // Series that began after the very first start have no past that was not seen.
        if (!this.listens) this.journalled.series.listenSince(now);
        this.listens = true;
        if (!isKnown) gates.begin(epoch, now);
        return;
      }
      default:
        throw damaged(`a change of an unknown kind (${kind})`);
    }
  }

  private note({ change, applied }: Position): void {
    this.changes = Math.max(this.changes, change);
    this.deltas = Math.max(this.deltas, applied);
  }
}

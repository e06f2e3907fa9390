import type { PointRecord } from "../decode/point-record.ts";
import { toDouble } from "../decode/wire.ts";
import {
  BASE_LINE_NUMBERS,
  BASE_LINE_WORDS,
  type BaseLines,
  emptyBaseLines,
} from "../model/delta.ts";
import type { UnixMs } from "../model/time.ts";

/** What became of a cumulative point whose counts did not become increases. */
export const COUNTED = 0;
export const NOT_COUNTED = -1; // first sight of a series older than `listeningSince`, or out of order
export const SERIES_LIMIT = -2; // no room for one more series

const IDLE_MS = 3_600_000;
/** Looking for idle series goes over all of them, so it is not done at every request of a full store. */
const DROP_IDLE_EVERY_MS = 60_000;
const FIRST_SLOTS = 1024;
const FIRST_LINES = 64;
const KEY_WORDS = BASE_LINE_WORDS;

/** The doubles of one series stand together: looking one up touches two places in memory and not seven. */
const START = 0; // ns as doubles: rounded to 256 ns, only compared for order
const TIME = 1;
const SEEN_AT = 2;
const VALUES = 3; // as many as one SLO can read of a point
export const MAX_VALUES = 2;
const FIELDS = VALUES + MAX_VALUES;

/**
 * Last values of cumulative series, so that a point can be turned into its increase. Keyed by the series' identity and
 * what reads it (two SLOs may read different buckets of one series).
 *
 * - First sight: a series that started after `listeningSince` counts from zero; an older one only sets
 *   the base line, since its past was not for us to see.
 * - A start time at or after the last point, or a smaller value, is a reset: the value counts from zero.
 * - A point that is not newer than the last one is out of order (or a retry): a later point has already
 *   told of its requests.
 *
 * What a request moves can be taken back: by `rollback` when it is not admitted, and until its commit, together with
 * what later requests moved, by `rollbackUnsettled`.
 */
export class SeriesStore {
  readonly limit: number;
  size = 0;
  /** Grows when slots move. */
  rehashes = 0;
  private listeningSince: number;
  private nextDropAt = Number.NEGATIVE_INFINITY;
  private mask: number;
  private keys: Int32Array; // the sum of 128-bit hashes: the series' and its selectors'
  private used: Uint8Array;
  private state: Float64Array;
  /** What to write back where, oldest first, of all that is not settled. Places are counted since the beginning. */
  private undoFrom = 0;
  private undoTo = 0;
  private undoBase = 0; // place of the arrays' first entry
  private requestAt = 0; // place of the present request's first entry
  private undoSlot = new Int32Array(FIRST_SLOTS);
  private undoState = new Float64Array(FIRST_SLOTS * FIELDS);
  private readonly key = new Int32Array(KEY_WORDS);
  private lines = emptyBaseLines(FIRST_LINES);

  /** @param limit most series times SLOs that read them; about 130 to 250 bytes each */
  constructor(listeningSince: UnixMs, limit = 1_000_000) {
    this.listeningSince = listeningSince * 1e6;
    this.limit = limit;
    this.mask = FIRST_SLOTS - 1;
    this.keys = new Int32Array(FIRST_SLOTS * KEY_WORDS);
    this.used = new Uint8Array(FIRST_SLOTS);
    this.state = new Float64Array(FIRST_SLOTS * FIELDS);
  }

  /** A new request. A full store forgets its idle series here. */
  begin(now: UnixMs): void {
    this.requestAt = this.undoTo;
    // Only between requests: slots move, and what was to be undone could not be found again.
    if (this.size >= this.limit && now >= this.nextDropAt) {
      this.nextDropAt = now + DROP_IDLE_EVERY_MS;
      this.rehash(this.mask + 1, now - IDLE_MS);
    }
  }

  /**
   * Turns the counts of a point, at most MAX_VALUES, into their increases since the series' last point, in place.
   *
   * @param reader 128-bit identity of what reads the series: the same counts in the same order each time
   * @returns COUNTED, or why the counts are not increases: NOT_COUNTED or SERIES_LIMIT
   */
  increase(
    point: PointRecord,
    reader: Int32Array,
    counts: Float64Array,
    length: number,
    now: UnixMs,
  ): number {
    const start = toDouble(point.startHi, point.startLo);
    const time = toDouble(point.timeHi, point.timeLo);
    const key = this.key;
    for (let i = 0; i < KEY_WORDS; i++) key[i] = point.series[i]! + reader[i]!;
    const slot = this.slotFor(key);
    if (slot < 0) return SERIES_LIMIT;
    const state = this.state;
    const at = slot * FIELDS;
    const lastTime = state[at + TIME]!;
    if (time <= lastTime) return NOT_COUNTED;
    this.remember(slot, at);
    // Never seen: as if it had restarted, when it is young enough to have had no past.
    const isFirst = Number.isNaN(lastTime);
    let fromZero = start !== state[at + START] && start >= lastTime;
    for (let i = 0; i < length; i++) fromZero ||= counts[i]! < state[at + VALUES + i]!;
    if (isFirst) fromZero = start > 0 && start >= this.listeningSince;
    state[at + START] = start;
    state[at + TIME] = time;
    state[at + SEEN_AT] = now;
    for (let i = 0; i < length; i++) {
      const value = counts[i]!;
      if (!fromZero) counts[i] = value - state[at + VALUES + i]!;
      state[at + VALUES + i] = value;
    }
    return isFirst && !fromZero ? NOT_COUNTED : COUNTED;
  }

  /** What the present request has moved so far, in columns that are used again; undefined when nothing. */
  moved(): BaseLines | undefined {
    const length = this.undoTo - this.requestAt;
    if (length === 0) return undefined;
    const lines = this.roomFor(length);
    for (let place = this.requestAt; place < this.undoTo; place++) {
      this.copyOut(this.undoSlot[place - this.undoBase]!, lines, lines.length++);
    }
    return lines;
  }

  /** The present request was admitted. @returns what to `settle` once it is committed */
  keep(): number {
    return this.undoTo;
  }

  /** Takes back everything since `begin`. A series first seen since keeps its slot: probe chains must not break. */
  rollback(): void {
    this.rollbackTo(this.requestAt);
  }

  /** What was moved until `keep` gave this mark is never taken back any more. */
  settle(mark: number): void {
    this.undoFrom = Math.max(this.undoFrom, mark);
    const settled = this.undoFrom - this.undoBase;
    // Under load there is always something in flight: the log moves up before it grows.
    if (this.undoFrom < this.undoTo && settled * 2 < this.undoSlot.length) return;
    this.undoSlot.copyWithin(0, settled, this.undoTo - this.undoBase);
    this.undoState.copyWithin(0, settled * FIELDS, (this.undoTo - this.undoBase) * FIELDS);
    this.undoBase = this.undoFrom;
  }

  /** Takes back everything that is not settled. */
  rollbackUnsettled(): void {
    this.rollbackTo(this.undoFrom);
  }

  /** Goes on from last points that another process has stored. */
  restore(lines: BaseLines, now: UnixMs): void {
    for (let line = 0; line < lines.length; line++) {
      for (let i = 0; i < KEY_WORDS; i++) this.key[i] = lines.key[line * KEY_WORDS + i]!;
      const slot = this.slotFor(this.key);
      if (slot < 0) return;
      const at = slot * FIELDS;
      const from = line * BASE_LINE_NUMBERS;
      this.state[at + START] = lines.numbers[from]!;
      this.state[at + TIME] = lines.numbers[from + 1]!;
      this.state[at + SEEN_AT] = now;
      for (let i = 0; i < MAX_VALUES; i++) {
        this.state[at + VALUES + i] = lines.numbers[from + 2 + i]!;
      }
    }
  }

  clear(): void {
    this.rehash(FIRST_SLOTS, Number.POSITIVE_INFINITY);
  }

  /** Series that start before are older than what was counted: see the class. */
  listenSince(at: UnixMs): void {
    this.listeningSince = at * 1e6;
  }

  get listensSince(): UnixMs {
    return this.listeningSince / 1e6;
  }

  get slots(): number {
    return this.mask + 1;
  }

  /** The series in `count` slots, in columns that are used again. */
  read(firstSlot: number, count: number): BaseLines {
    const lines = this.roomFor(count);
    for (let slot = firstSlot; slot < Math.min(firstSlot + count, this.slots); slot++) {
      const isSeen = this.used[slot] === 1 && !Number.isNaN(this.state[slot * FIELDS + TIME]!);
      if (isSeen) this.copyOut(slot, lines, lines.length++);
    }
    return lines;
  }

  private roomFor(length: number): BaseLines {
    if (length * KEY_WORDS > this.lines.key.length) this.lines = emptyBaseLines(length * 2);
    this.lines.length = 0;
    return this.lines;
  }

  private copyOut(slot: number, into: BaseLines, line: number): void {
    for (let i = 0; i < KEY_WORDS; i++) {
      into.key[line * KEY_WORDS + i] = this.keys[slot * KEY_WORDS + i]!;
    }
    const at = slot * FIELDS;
    const to = line * BASE_LINE_NUMBERS;
    into.numbers[to] = this.state[at + START]!;
    into.numbers[to + 1] = this.state[at + TIME]!;
    for (let i = 0; i < MAX_VALUES; i++) into.numbers[to + 2 + i] = this.state[at + VALUES + i]!;
  }

  private rollbackTo(place: number): void {
    for (let i = this.undoTo - this.undoBase - 1; i >= place - this.undoBase; i--) {
      const to = this.undoSlot[i]! * FIELDS;
      for (let f = 0; f < FIELDS; f++) this.state[to + f] = this.undoState[i * FIELDS + f]!;
    }
    this.undoTo = place;
    this.requestAt = Math.min(this.requestAt, place);
  }

  private remember(slot: number, at: number): void {
    if (this.undoTo - this.undoBase === this.undoSlot.length) {
      this.undoSlot = larger(this.undoSlot, new Int32Array(this.undoSlot.length * 2));
      this.undoState = larger(this.undoState, new Float64Array(this.undoState.length * 2));
    }
    const undo = this.undoTo++ - this.undoBase;
    this.undoSlot[undo] = slot;
    for (let f = 0; f < FIELDS; f++) this.undoState[undo * FIELDS + f] = this.state[at + f]!;
  }

  /** The key's slot, taken from now on; -1 when there is no room for one more series. */
  private slotFor(key: Int32Array): number {
    let slot = this.find(key);
    if (this.used[slot] === 1) return slot;
    if (this.size >= this.limit) return -1;
    if (this.size * 2 > this.mask) {
      this.rehash((this.mask + 1) * 2, Number.NEGATIVE_INFINITY);
      slot = this.find(key);
    }
    this.insert(slot, key);
    return slot;
  }

  /** A time of NaN says "never seen": nothing is earlier or later than that. */
  private insert(slot: number, key: Int32Array): void {
    for (let i = 0; i < KEY_WORDS; i++) this.keys[slot * KEY_WORDS + i] = key[i]!;
    this.used[slot] = 1;
    this.state[slot * FIELDS + TIME] = Number.NaN;
    this.size++;
  }

  /** The slot of the key, or the free one where it belongs. At least half of them are free. */
  private find(key: Int32Array): number {
    const keys = this.keys;
    let slot = key[0]! & this.mask;
    for (; this.used[slot] === 1; slot = (slot + 1) & this.mask) {
      const at = slot * KEY_WORDS;
      if (
        keys[at] === key[0] &&
        keys[at + 1] === key[1] &&
        keys[at + 2] === key[2] &&
        keys[at + 3] === key[3]
      ) {
        return slot;
      }
    }
    return slot;
  }

  private rehash(slots: number, keepSeenSince: UnixMs): void {
    const { keys, used, state } = this;
    this.rehashes++;
    this.mask = slots - 1;
    this.keys = new Int32Array(slots * KEY_WORDS);
    this.used = new Uint8Array(slots);
    this.state = new Float64Array(slots * FIELDS);
    this.size = 0;
    const moved = new Map<number, number>();
    const undos = this.undoTo - this.undoBase;
    for (let i = 0; i < undos; i++) moved.set(this.undoSlot[i]!, -1);
    const key = new Int32Array(KEY_WORDS);
    for (let from = 0; from < used.length; from++) {
      if (used[from] === 0 || state[from * FIELDS + SEEN_AT]! < keepSeenSince) continue;
      for (let i = 0; i < KEY_WORDS; i++) key[i] = keys[from * KEY_WORDS + i]!;
      const to = this.find(key);
      this.insert(to, key);
      for (let f = 0; f < FIELDS; f++) this.state[to * FIELDS + f] = state[from * FIELDS + f]!;
      if (moved.has(from)) moved.set(from, to);
    }
    for (let i = 0; i < undos; i++) this.undoSlot[i] = moved.get(this.undoSlot[i]!) as number;
  }
}

function larger<A extends Int32Array | Float64Array>(from: A, to: A): A {
  to.set(from);
  return to;
}

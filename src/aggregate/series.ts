import * as keyRows from "../decode/key-rows.ts";
import type { PointRecord } from "../decode/point-record.ts";
import { toDouble } from "../decode/wire.ts";
import * as deltas from "../model/delta.ts";
import { type BaseLines, emptyBaseLines } from "../model/delta.ts";
import type { UnixMs } from "../model/time.ts";
import * as seriesRows from "./series-rows.ts";
import { SeriesRows } from "./series-rows.ts";

// Compiled in as numbers: an imported constant is looked up at every use (decision D-072).
const { FIELDS, MAX_VALUES, SEEN_AT, START, TIME, VALUES } = seriesRows;
const { KEY_WORDS } = keyRows;
const { BASE_LINE_NUMBERS } = deltas;

/** What became of a cumulative point whose counts did not become increases. */
export const COUNTED = 0;
export const NOT_COUNTED = -1; // first sight of a series older than `listeningSince`, or out of order
export const SERIES_LIMIT = -2; // no room for one more series

const IDLE_MS = 3_600_000;
/** Looking for idle series goes over all of them, so it is not done at every request of a full store. */
const DROP_IDLE_EVERY_MS = 60_000;
const FIRST_UNDOS = 1024;
const FIRST_LINES = 64;

/**
 * Last values of cumulative series, so that a point can be turned into its increase. Keyed by the series' identity and
 * what reads it (two SLOs may read different buckets of one series).
 *
 * - First sight: a series that started after `listeningSince`, and after what reads it, counts from zero; an older one
 *   only sets the base line, since its past was not for us to see. So does one that may have been here before it was
 *   dropped: its past has been counted.
 * - A start time at or after the last point, or a smaller value, is a reset: the value counts from zero.
 * - A point that is older than the last one is out of order: a later point has already told of its requests. So has
 *   one of the same time (a retry), unless its counts have grown: an SDK's clock may show two readings one millisecond.
 *
 * What a request moves can be taken back: by `rollback` when it is not admitted, and until its commit, together with
 * what later requests moved, by `rollbackUnsettled`.
 */
export class SeriesStore {
  readonly limit: number;
  /** How often rows have moved. */
  moves = 0;
  private listeningSince: number;
  /** Time of the latest point of all series that were dropped, in ns. */
  private droppedUntil = Number.NEGATIVE_INFINITY;
  private nextDropAt = Number.NEGATIVE_INFINITY;
  /** Keyed by the sum of two hashes: the series' and its selectors'. */
  private readonly rows = new SeriesRows();
  /** What to write back where, oldest first, of all that is not settled. Places are counted since the beginning. */
  private undoFrom = 0;
  private undoTo = 0;
  private undoBase = 0; // place of the arrays' first entry
  private requestAt = 0; // place of the present request's first entry
  /** A point of the present request told what one that is not settled may have told. */
  private leansOnUnsettled = false;
  private undoRow = new Int32Array(FIRST_UNDOS);
  private undoState = new Float64Array(FIRST_UNDOS * FIELDS);
  private readonly key = new Int32Array(KEY_WORDS);
  private lines = emptyBaseLines(FIRST_LINES);

  /** @param limit most series times SLOs that read them */
  constructor(listeningSince: UnixMs, limit: number) {
    this.listeningSince = listeningSince * 1e6;
    this.limit = limit;
  }

  get size(): number {
    return this.rows.size;
  }

  /** A new request. */
  begin(now: UnixMs): void {
    this.requestAt = this.undoTo;
    this.leansOnUnsettled = false;
    this.makeRoom(now);
  }

  /**
   * Turns the counts of a point, at most MAX_VALUES, into their increases since the series' last point, in place.
   *
   * @param reader 128-bit identity of what reads the series: the same counts in the same order each time
   * @param since when it began to
   * @returns COUNTED, or why the counts are not increases: NOT_COUNTED or SERIES_LIMIT
   */
  increase(
    point: PointRecord,
    reader: Int32Array,
    counts: Float64Array,
    length: number,
    now: UnixMs,
    since: UnixMs,
  ): number {
    const start = toDouble(point.startHi, point.startLo);
    const time = toDouble(point.timeHi, point.timeLo);
    const key = this.key;
    for (let i = 0; i < KEY_WORDS; i++) key[i] = point.series[i]! + reader[i]!;
    const row = this.rowOf(key);
    if (row < 0) return SERIES_LIMIT;
    const { state } = this.rows;
    const at = row * FIELDS;
    const lastTime = state[at + TIME]!;
    if (time < lastTime || (time === lastTime && !hasGrown(state, at, start, counts, length))) {
      this.leansOnUnsettled ||= this.undoFrom < this.requestAt;
      return NOT_COUNTED;
    }
    this.remember(row, at);
    // Never seen: as if it had restarted, when it is young enough to have had no past.
    const isFirst = Number.isNaN(lastTime);
    let fromZero = start !== state[at + START] && start >= lastTime;
    for (let i = 0; i < length; i++) fromZero ||= counts[i]! < state[at + VALUES + i]!;
    if (isFirst) fromZero = start > 0 && start >= Math.max(this.seesAllSince(), since * 1e6);
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

  /**
   * What the present request has moved so far, in columns that are used again; undefined when nothing. No lines when it
   * repeats what a commit that is still to come may hold: it must not be acknowledged before that.
   */
  moved(): BaseLines | undefined {
    const length = this.undoTo - this.requestAt;
    if (length === 0 && !this.leansOnUnsettled) return undefined;
    const lines = this.roomFor(length);
    for (let place = this.requestAt; place < this.undoTo; place++) {
      this.copyOut(this.undoRow[place - this.undoBase]!, lines, lines.length++);
    }
    return lines;
  }

  /** The present request was admitted. @returns what to `settle` once it is committed */
  keep(): number {
    return this.undoTo;
  }

  /** Takes back everything since `begin`. A series first seen since keeps its row. */
  rollback(): void {
    this.rollbackTo(this.requestAt);
  }

  /** What was moved until `keep` gave this mark is never taken back any more. */
  settle(mark: number): void {
    this.undoFrom = Math.max(this.undoFrom, mark);
    const settled = this.undoFrom - this.undoBase;
    // Under load there is always something in flight: the log moves up before it grows.
    if (this.undoFrom < this.undoTo && settled * 2 < this.undoRow.length) return;
    this.undoRow.copyWithin(0, settled, this.undoTo - this.undoBase);
    this.undoState.copyWithin(0, settled * FIELDS, (this.undoTo - this.undoBase) * FIELDS);
    this.undoBase = this.undoFrom;
  }

  /** Takes back everything that is not settled. */
  rollbackUnsettled(): void {
    this.rollbackTo(this.undoFrom);
  }

  /** Goes on from last points that another process has stored, however many: `fit` is for when the last one is back. */
  restore(lines: BaseLines, now: UnixMs): void {
    for (let line = 0; line < lines.length; line++) {
      for (let i = 0; i < KEY_WORDS; i++) this.key[i] = lines.key[line * KEY_WORDS + i]!;
      const known = this.rows.find(this.key);
      const row = known >= 0 ? known : this.rows.add(this.key);
      const { state } = this.rows;
      const at = row * FIELDS;
      const from = line * BASE_LINE_NUMBERS;
      state[at + START] = lines.numbers[from]!;
      state[at + TIME] = lines.numbers[from + 1]!;
      state[at + SEEN_AT] = now;
      for (let i = 0; i < MAX_VALUES; i++) state[at + VALUES + i] = lines.numbers[from + 2 + i]!;
    }
  }

  /**
   * Drops what was restored beyond the limit: what was idle then is stored too, and the limit may have been higher.
   *
   * @returns how many had to go that were not idle, those heard longest ago
   */
  fit(now: UnixMs): number {
    if (this.size <= this.limit) return 0;
    this.makeRoom(now);
    const excess = this.size - this.limit;
    if (excess <= 0) return 0;
    const { rows } = this;
    const times = Float64Array.from({ length: rows.size }, (_, row) => rows.seenAt(row)).sort();
    const last = times[excess - 1]!;
    let goOfLast = excess - times.indexOf(last);
    this.drop((row) => rows.seenAt(row) > last || (rows.seenAt(row) === last && goOfLast-- <= 0));
    return excess;
  }

  clear(): void {
    this.drop(() => false);
  }

  /** Series that start before are older than what was counted: see the class. */
  listenSince(at: UnixMs): void {
    this.listeningSince = at * 1e6;
  }

  get listensSince(): UnixMs {
    return this.seesAllSince() / 1e6;
  }

  /** The series in `count` rows, in columns that are used again. */
  read(firstRow: number, count: number): BaseLines {
    const lines = this.roomFor(count);
    for (let row = firstRow; row < Math.min(firstRow + count, this.size); row++) {
      const isSeen = !Number.isNaN(this.rows.state[row * FIELDS + TIME]!);
      if (isSeen) this.copyOut(row, lines, lines.length++);
    }
    return lines;
  }

  private roomFor(length: number): BaseLines {
    if (length * KEY_WORDS > this.lines.key.length) this.lines = emptyBaseLines(length * 2);
    this.lines.length = 0;
    return this.lines;
  }

  private copyOut(row: number, into: BaseLines, line: number): void {
    const { keys, state } = this.rows;
    for (let i = 0; i < KEY_WORDS; i++) {
      into.key[line * KEY_WORDS + i] = keys[row * KEY_WORDS + i]!;
    }
    const at = row * FIELDS;
    const to = line * BASE_LINE_NUMBERS;
    into.numbers[to] = state[at + START]!;
    into.numbers[to + 1] = state[at + TIME]!;
    for (let i = 0; i < MAX_VALUES; i++) into.numbers[to + 2 + i] = state[at + VALUES + i]!;
  }

  private rollbackTo(place: number): void {
    for (let i = this.undoTo - this.undoBase - 1; i >= place - this.undoBase; i--) {
      const to = this.undoRow[i]! * FIELDS;
      for (let f = 0; f < FIELDS; f++) this.rows.state[to + f] = this.undoState[i * FIELDS + f]!;
    }
    this.undoTo = place;
    this.requestAt = Math.min(this.requestAt, place);
  }

  private remember(row: number, at: number): void {
    if (this.undoTo - this.undoBase === this.undoRow.length) {
      this.undoRow = larger(this.undoRow, new Int32Array(this.undoRow.length * 2));
      this.undoState = larger(this.undoState, new Float64Array(this.undoState.length * 2));
    }
    const undo = this.undoTo++ - this.undoBase;
    this.undoRow[undo] = row;
    const { state } = this.rows;
    for (let f = 0; f < FIELDS; f++) this.undoState[undo * FIELDS + f] = state[at + f]!;
  }

  /** The key's row, its own from now on; -1 when there is no room for one more series. */
  private rowOf(key: Int32Array): number {
    const row = this.rows.find(key);
    if (row >= 0) return row;
    return this.size < this.limit ? this.rows.add(key) : -1;
  }

  /** A series that is seen for the first time, and started later than this, has no past that was seen or missed. */
  private seesAllSince(): number {
    return Math.max(this.listeningSince, this.droppedUntil);
  }

  /** A full store forgets its idle series. */
  private makeRoom(now: UnixMs): void {
    if (this.size < this.limit || now < this.nextDropAt) return;
    this.nextDropAt = now + DROP_IDLE_EVERY_MS;
    this.drop((row) => this.rows.seenAt(row) >= now - IDLE_MS);
  }

  /** Only between requests: what the present one has moved must be found again. */
  private drop(isKept: (row: number) => boolean): void {
    const { state } = this.rows;
    const moved = this.rows.drop((row) => {
      const kept = isKept(row);
      const time = state[row * FIELDS + TIME]!;
      // Of one never seen the time is NaN, and says nothing.
      if (!kept && time > this.droppedUntil) this.droppedUntil = time;
      return kept;
    });
    this.moves++;
    for (let i = 0; i < this.undoTo - this.undoBase; i++) {
      this.undoRow[i] = moved[this.undoRow[i]!]!;
    }
  }
}

/** Whether counts are a later reading of what the row has counted so far. */
function hasGrown(
  state: Float64Array,
  at: number,
  start: number,
  counts: Float64Array,
  length: number,
): boolean {
  if (start !== state[at + START]) return false;
  let grown = false;
  for (let i = 0; i < length; i++) {
    if (counts[i]! < state[at + VALUES + i]!) return false;
    grown ||= counts[i]! > state[at + VALUES + i]!;
  }
  return grown;
}

function larger<A extends Int32Array | Float64Array>(from: A, to: A): A {
  to.set(from);
  return to;
}

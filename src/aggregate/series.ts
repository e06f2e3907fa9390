import type { PointRecord } from "../decode/point-record.ts";
import { toDouble } from "../decode/wire.ts";
import type { UnixMs } from "../model/time.ts";

/** What became of a cumulative point. Otherwise the answer is the increase, >= 0. */
export const NOT_COUNTED = -1; // first sight of a series older than this process, or out of order
export const SERIES_LIMIT = -2; // no room for one more series

const IDLE_MS = 3_600_000;
/** Looking for idle series goes over all of them, so it is not done at every request of a full store. */
const DROP_IDLE_EVERY_MS = 60_000;
const FIRST_SLOTS = 1024;
const KEY_WORDS = 4;
const UNDO_WORDS = 5;

/**
 * Last values of cumulative series, so that a point can be turned into its increase. Keyed by the
 * series' identity and the selector that reads it (two SLOs may read different buckets of one series).
 *
 * - First sight: a series that started after `listeningSince` counts from zero; an older one only sets
 *   the base line, since its past was not for us to see.
 * - A start time at or after the last point, or a smaller value, is a reset: the value counts from zero.
 * - A point that is not newer than the last one is out of order (or a retry): a later point has already
 *   told of its requests.
 *
 * `rollback` undoes everything since `begin`, for a request that is dropped after decoding.
 */
export class SeriesStore {
  readonly limit: number;
  size = 0;
  private readonly listeningSince: number;
  private nextDropAt = Number.NEGATIVE_INFINITY;
  private mask: number;
  private keys: Int32Array; // the sum of two 128-bit hashes: the series' and the selector's
  private used: Uint8Array;
  private start: Float64Array; // ns as doubles: rounded to 256 ns, only compared for order
  private time: Float64Array;
  private value: Float64Array;
  private seenAt: Float64Array;
  private undoSlot: number[] = [];
  private undoState: number[] = [];
  private readonly key = new Int32Array(KEY_WORDS);

  /** @param limit most series times selectors; about 100 to 200 bytes each */
  constructor(listeningSince: UnixMs, limit = 1_000_000) {
    this.listeningSince = listeningSince * 1e6;
    this.limit = limit;
    this.mask = FIRST_SLOTS - 1;
    this.keys = new Int32Array(FIRST_SLOTS * KEY_WORDS);
    this.used = new Uint8Array(FIRST_SLOTS);
    this.start = new Float64Array(FIRST_SLOTS);
    this.time = new Float64Array(FIRST_SLOTS);
    this.value = new Float64Array(FIRST_SLOTS);
    this.seenAt = new Float64Array(FIRST_SLOTS);
  }

  /** A new request: nothing before it can be taken back any more. A full store forgets its idle series here. */
  begin(now: UnixMs): void {
    this.forgetUndo();
    // Only between requests: slots move, and what was to be undone could not be found again.
    if (this.size >= this.limit && now >= this.nextDropAt) {
      this.nextDropAt = now + DROP_IDLE_EVERY_MS;
      this.rehash(this.mask + 1, now - IDLE_MS);
    }
  }

  /**
   * Increase of `value` since the series' last point, NOT_COUNTED or SERIES_LIMIT.
   *
   * @param selector 128-bit identity of what reads the series
   */
  increase(point: PointRecord, selector: Int32Array, value: number, now: UnixMs): number {
    const start = toDouble(point.startHi, point.startLo);
    const time = toDouble(point.timeHi, point.timeLo);
    const key = this.key;
    for (let i = 0; i < KEY_WORDS; i++) key[i] = point.series[i]! + selector[i]!;
    let slot = this.find(key);
    if (this.used[slot] === 0) {
      if (this.size >= this.limit) return SERIES_LIMIT;
      if (this.size * 2 > this.mask) {
        this.rehash((this.mask + 1) * 2, Number.NEGATIVE_INFINITY);
        slot = this.find(key);
      }
      this.remember(slot);
      this.insert(slot, key);
      this.set(slot, start, time, value, now);
      return this.firstSight(start, value);
    }
    const lastTime = this.time[slot]!;
    const last = this.value[slot]!;
    if (Number.isNaN(last)) {
      this.remember(slot);
      this.set(slot, start, time, value, now);
      return this.firstSight(start, value);
    }
    if (time <= lastTime) return NOT_COUNTED;
    const restarted = (start !== this.start[slot] && start >= lastTime) || value < last;
    this.remember(slot);
    this.set(slot, start, time, value, now);
    return restarted ? value : value - last;
  }

  /** Takes back everything since `begin`. */
  rollback(): void {
    for (let i = this.undoSlot.length - 1; i >= 0; i--) {
      const slot = this.undoSlot[i]!;
      const at = i * UNDO_WORDS;
      if (this.undoState[at] === 0) {
        // The slot stays taken: removing it would break the probe chains. NaN says "never seen".
        this.value[slot] = Number.NaN;
        continue;
      }
      this.start[slot] = this.undoState[at + 1]!;
      this.time[slot] = this.undoState[at + 2]!;
      this.value[slot] = this.undoState[at + 3]!;
      this.seenAt[slot] = this.undoState[at + 4]!;
    }
    this.forgetUndo();
  }

  private firstSight(start: number, value: number): number {
    return start > 0 && start >= this.listeningSince ? value : NOT_COUNTED;
  }

  private forgetUndo(): void {
    this.undoSlot.length = 0;
    this.undoState.length = 0;
  }

  private remember(slot: number): void {
    this.undoSlot.push(slot);
    this.undoState.push(
      this.used[slot]!,
      this.start[slot]!,
      this.time[slot]!,
      this.value[slot]!,
      this.seenAt[slot]!,
    );
  }

  private set(slot: number, start: number, time: number, value: number, now: UnixMs): void {
    this.start[slot] = start;
    this.time[slot] = time;
    this.value[slot] = value;
    this.seenAt[slot] = now;
  }

  private insert(slot: number, key: Int32Array): void {
    this.keys.set(key, slot * KEY_WORDS);
    this.used[slot] = 1;
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
    const { keys, used, start, time, value, seenAt } = this;
    this.mask = slots - 1;
    this.keys = new Int32Array(slots * KEY_WORDS);
    this.used = new Uint8Array(slots);
    this.start = new Float64Array(slots);
    this.time = new Float64Array(slots);
    this.value = new Float64Array(slots);
    this.seenAt = new Float64Array(slots);
    this.size = 0;
    const moved = new Map(this.undoSlot.map((slot) => [slot, slot]));
    const key = new Int32Array(KEY_WORDS);
    for (let from = 0; from < used.length; from++) {
      if (used[from] === 0 || seenAt[from]! < keepSeenSince) continue;
      for (let i = 0; i < KEY_WORDS; i++) key[i] = keys[from * KEY_WORDS + i]!;
      const to = this.find(key);
      this.insert(to, key);
      this.set(to, start[from]!, time[from]!, value[from]!, seenAt[from]!);
      if (moved.has(from)) moved.set(from, to);
    }
    this.undoSlot = this.undoSlot.map((slot) => moved.get(slot)!);
  }
}

import type { PointRecord } from "../decode/point-record.ts";
import { toDouble } from "../decode/wire.ts";
import type { UnixMs } from "../model/time.ts";

/** What became of a cumulative point. Otherwise the answer is the increase, >= 0. */
export const NOT_COUNTED = -1; // first sight of a series older than this process, or out of order
export const SERIES_LIMIT = -2; // no room for one more series

const IDLE_MS = 3_600_000;

/**
 * Last values of cumulative series, so that a point can be turned into its increase. Keyed by the
 * series' identity and the selector that reads it (two SLOs may read different buckets of one series).
 *
 * - First sight: a series that started after `listeningSince` counts from zero; an older one only sets
 *   the base line, since its past was not for us to see.
 * - A later start time, or a smaller value, is a reset: the value counts from zero.
 * - A point that is not newer than the last one is out of order (or a retry): a later point has already
 *   told of its requests.
 *
 * `rollback` undoes everything since `begin`, for a request that is dropped after decoding.
 */
export class SeriesStore {
  readonly limit: number;
  size = 0;
  private readonly listeningSince: number;
  private mask: number;
  private keys: Int32Array; // five per slot: the identity and the selector
  private used: Uint8Array;
  private start: Float64Array; // ns as doubles: rounded to 256 ns, only compared for order
  private time: Float64Array;
  private value: Float64Array;
  private seenAt: Float64Array;
  private undoSlot: number[] = [];
  private undoState: number[] = [];

  /** @param limit most series times selectors; 72 bytes each at the limit */
  constructor(listeningSince: UnixMs, limit = 1_000_000) {
    this.listeningSince = listeningSince * 1e6;
    this.limit = limit;
    const slots = 1024;
    this.mask = slots - 1;
    this.keys = new Int32Array(slots * 5);
    this.used = new Uint8Array(slots);
    this.start = new Float64Array(slots);
    this.time = new Float64Array(slots);
    this.value = new Float64Array(slots);
    this.seenAt = new Float64Array(slots);
  }

  begin(): void {
    this.undoSlot.length = 0;
    this.undoState.length = 0;
  }

  /** Increase of `value` since the series' last point, NOT_COUNTED or SERIES_LIMIT. */
  increase(point: PointRecord, selector: number, value: number, now: UnixMs): number {
    const start = toDouble(point.startHi, point.startLo);
    const time = toDouble(point.timeHi, point.timeLo);
    let slot = this.find(point.series, selector);
    if (this.used[slot] === 0) {
      if (this.size >= this.limit * 0.999 && !this.dropIdle(now)) return SERIES_LIMIT;
      if (this.size * 2 > this.mask) this.rehash((this.mask + 1) * 2, Number.NEGATIVE_INFINITY);
      slot = this.find(point.series, selector);
      this.remember(slot);
      this.insert(slot, point.series, selector);
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

  private firstSight(start: number, value: number): number {
    return start > 0 && start >= this.listeningSince ? value : NOT_COUNTED;
  }

  /** Takes back everything since `begin`. */
  rollback(): void {
    for (let i = this.undoSlot.length - 1; i >= 0; i--) {
      const slot = this.undoSlot[i]!;
      const at = i * 5;
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
    this.begin();
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

  private insert(slot: number, series: Int32Array, selector: number): void {
    this.keys.set(series, slot * 5);
    this.keys[slot * 5 + 4] = selector;
    this.used[slot] = 1;
    this.size++;
  }

  private find(series: Int32Array, selector: number): number {
    const keys = this.keys;
    let slot = (series[0]! ^ Math.imul(selector, 0x9e3779b1)) & this.mask;
    for (; this.used[slot] === 1; slot = (slot + 1) & this.mask) {
      const at = slot * 5;
      if (
        keys[at] === series[0] &&
        keys[at + 1] === series[1] &&
        keys[at + 2] === series[2] &&
        keys[at + 3] === series[3] &&
        keys[at + 4] === selector
      ) {
        return slot;
      }
    }
    return slot;
  }

  /** Makes room by forgetting series without a point for an hour. False when there is none. */
  private dropIdle(now: UnixMs): boolean {
    // Slots move: what was to be undone could not be found again, so this happens only between requests.
    if (this.undoSlot.length > 0) return false;
    const before = this.size;
    this.rehash(this.mask + 1, now - IDLE_MS);
    return this.size < before;
  }

  private rehash(slots: number, keepSeenSince: UnixMs): void {
    const old = {
      keys: this.keys,
      used: this.used,
      start: this.start,
      time: this.time,
      value: this.value,
      seenAt: this.seenAt,
    };
    this.mask = slots - 1;
    this.keys = new Int32Array(slots * 5);
    this.used = new Uint8Array(slots);
    this.start = new Float64Array(slots);
    this.time = new Float64Array(slots);
    this.value = new Float64Array(slots);
    this.seenAt = new Float64Array(slots);
    this.size = 0;
    const moved = new Map(this.undoSlot.map((slot) => [slot, slot]));
    for (let from = 0; from < old.used.length; from++) {
      if (old.used[from] === 0 || old.seenAt[from]! < keepSeenSince) continue;
      const series = old.keys.subarray(from * 5, from * 5 + 4);
      const to = this.find(series, old.keys[from * 5 + 4]!);
      this.insert(to, series, old.keys[from * 5 + 4]!);
      this.set(to, old.start[from]!, old.time[from]!, old.value[from]!, old.seenAt[from]!);
      if (moved.has(from)) moved.set(from, to);
    }
    this.undoSlot = this.undoSlot.map((slot) => moved.get(slot)!);
  }
}

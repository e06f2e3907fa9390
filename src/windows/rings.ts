import { Counts } from "../model/counts.ts";
import type { StateCarrier } from "../model/state-carrier.ts";
import type { UnixSecond } from "../model/time.ts";
import type { BurnWindow } from "../model/window.ts";
import type { RollOff } from "./roll-off.ts";
import { SLO_TIERS, type Tier, tierFor } from "./tiers.ts";

// Layout of the records, in doubles: one per tier, one per window, the latest second. They stand together, so
// that a second without data touches a few cache lines; a thousand SLOs do not fit into any cache.
/** Number of the newest bucket: unix time / step, rounded down. */
const HEAD = 0;
/** Where the newest bucket stands in its ring. */
const SLOT = 1;
const TIER_RECORD = 2;

/** Which tier serves the window. */
const TIER = 0;
/** How many of the tier's newest buckets it sums, the current partial one included. */
const BUCKETS = 1;
const TOTAL = 2;
const BAD = 3;
const WINDOW_RECORD = 4;

/**
 * Counts of one SLO by event time, in rings from seconds to hours, with the running sum of every
 * window. Counts are in COUNT_UNIT units (`model/delta.ts`): sums of integers below 2^53 are exact, so
 * adding and subtracting for years leaves no residue. No method but the constructor allocates.
 *
 * A window is the newest n buckets of the finest tier that spans it; its edge moves in that tier's
 * step, so a 5 min window holds between 299 and 300 s of the past, a 1 h window between 3,590 and 3,600.
 */
export class SloWindows {
  private readonly tiers: readonly Tier[];
  private readonly windowCount: number;
  /** Where each tier's buckets begin. */
  private readonly starts: readonly number[];
  private readonly data: Float64Array;
  /** By bucket, those of all tiers behind one another. */
  private readonly totals: Counts;
  private readonly bads: Counts;
  private readonly windowsAt: number;
  private readonly latestAt: number;

  /**
   * @param windows what `totalOf` and `badOf` answer for, by index; also a rolling period may be one
   * @param now the clock; nothing later can be in the rings yet
   * @throws RangeError when a window is not positive or longer than the coarsest tier (31 d)
   */
  constructor(windows: readonly BurnWindow[], now: UnixSecond, tiers: readonly Tier[] = SLO_TIERS) {
    this.tiers = tiers;
    this.windowCount = windows.length;
    this.windowsAt = tiers.length * TIER_RECORD;
    this.latestAt = this.windowsAt + windows.length * WINDOW_RECORD;
    this.starts = startsOf(tiers);
    const data = new Float64Array(this.latestAt + 1);
    tiers.forEach((tier, t) => {
      data[t * TIER_RECORD + HEAD] = Math.floor(now / tier.stepSeconds);
    });
    windows.forEach(({ label, durationMs }, w) => {
      const t = durationMs > 0 ? tierFor(tiers, durationMs) : -1;
      const tier = tiers[t];
      if (tier === undefined) throw new RangeError(`no tier holds a window of ${label}`);
      const at = this.windowsAt + w * WINDOW_RECORD;
      data[at + TIER] = t;
      data[at + BUCKETS] = Math.ceil(durationMs / 1000 / tier.stepSeconds);
    });
    data[this.latestAt] = Number.NEGATIVE_INFINITY;
    this.data = data;
    const buckets = this.starts[tiers.length]!;
    this.totals = new Counts(buckets);
    this.bads = new Counts(buckets);
  }

  /**
   * Moves every window's edge to `now`. A clock that jumps ahead costs at most one pass over the rings,
   * one that goes back moves nothing.
   */
  advance(now: UnixSecond): void {
    for (let t = 0; t < this.tiers.length; t++) {
      const tier = this.tiers[t]!;
      const steps = Math.floor(now / tier.stepSeconds) - this.data[t * TIER_RECORD + HEAD]!;
      // A coarser bucket ends only where a finer one does: see SLO_TIERS.
      if (!(steps > 0)) return;
      if (steps >= tier.buckets) this.clearTier(t, tier, steps);
      else this.stepTier(t, tier, steps);
    }
  }

  /**
   * Adds to the bucket of `second` in every tier that still has it. Negative counts correct earlier
   * ones. A second ahead of the clock counts in the newest bucket.
   *
   * @returns false when the second is older than every tier; nothing was added then
   */
  add(second: UnixSecond, total: number, bad: number): boolean {
    const data = this.data;
    let kept = false;
    for (let t = 0; t < this.tiers.length; t++) {
      const { stepSeconds, buckets } = this.tiers[t]!;
      const record = t * TIER_RECORD;
      const age = Math.max(0, data[record + HEAD]! - Math.floor(second / stepSeconds));
      if (!(age < buckets)) continue;
      kept = true;
      const bucket = this.starts[t]! + wrap(data[record + SLOT]! - age, buckets);
      this.totals.add(bucket, total);
      this.bads.add(bucket, bad);
      for (let at = this.windowsAt; at < this.latestAt; at += WINDOW_RECORD) {
        if (data[at + TIER] !== t || age >= data[at + BUCKETS]!) continue;
        data[at + TOTAL]! += total;
        data[at + BAD]! += bad;
      }
    }
    if (kept && total > 0) {
      const latest = Math.min(Math.floor(second), this.newestSecond());
      if (latest > data[this.latestAt]!) data[this.latestAt] = latest;
    }
    return kept;
  }

  /** The same counts under other windows: after an edit of the policy or the period. */
  withWindows(windows: readonly BurnWindow[]): SloWindows {
    const other = new SloWindows(windows, this.newestSecond(), this.tiers);
    other.data.set(this.data.subarray(0, this.windowsAt));
    other.totals.copy(this.totals);
    other.bads.copy(this.bads);
    for (let at = other.windowsAt; at < other.latestAt; at += WINDOW_RECORD) {
      const t = other.data[at + TIER]!;
      const slot = other.data[t * TIER_RECORD + SLOT]!;
      for (let age = 0; age < other.data[at + BUCKETS]!; age++) {
        const bucket = other.starts[t]! + wrap(slot - age, this.tiers[t]!.buckets);
        other.data[at + TOTAL]! += other.totals.at(bucket);
        other.data[at + BAD]! += other.bads.at(bucket);
      }
    }
    other.data[other.latestAt] = this.data[this.latestAt]!;
    return other;
  }

  /** Count of the window at this index of the constructor's list, in COUNT_UNIT units. */
  totalOf(windowIndex: number): number {
    return this.data[this.recordOf(windowIndex) + TOTAL]!;
  }

  badOf(windowIndex: number): number {
    return this.data[this.recordOf(windowIndex) + BAD]!;
  }

  /** What will leave the window. Looks at each of its buckets, at most 864: not for every SLO at every tick. */
  leaving(windowIndex: number, into: RollOff): void {
    const data = this.data;
    const at = this.recordOf(windowIndex);
    const t = data[at + TIER]!;
    const { stepSeconds, buckets } = this.tiers[t]!;
    const record = t * TIER_RECORD;
    into.begin(stepSeconds, data[record + HEAD]!);
    if (data[at + BAD] === 0) return;
    for (let age = data[at + BUCKETS]! - 1; age >= 0; age--) {
      into.push(this.bads.at(this.starts[t]! + wrap(data[record + SLOT]! - age, buckets)));
    }
  }

  /** First second that the window still holds. */
  startOf(windowIndex: number): UnixSecond {
    const at = this.recordOf(windowIndex);
    const t = this.data[at + TIER]!;
    const head = this.data[t * TIER_RECORD + HEAD]!;
    return (head - this.data[at + BUCKETS]! + 1) * this.tiers[t]!.stepSeconds;
  }

  /**
   * The minutes of the last 6 h, oldest first, the current partial one last; empty minutes too. `fn` gets
   * the minute's first second and its counts. Nothing when the tiers have no minutes.
   */
  eachMinute(fn: (unixSecond: UnixSecond, total: number, bad: number) => void): void {
    const t = this.tiers.findIndex(({ stepSeconds }) => stepSeconds === 60);
    if (t < 0) return;
    const { buckets } = this.tiers[t]!;
    const record = t * TIER_RECORD;
    for (let age = buckets - 1; age >= 0; age--) {
      const bucket = this.starts[t]! + wrap(this.data[record + SLOT]! - age, buckets);
      const minute = this.data[record + HEAD]! - age;
      fn(minute * 60, this.totals.at(bucket), this.bads.at(bucket));
    }
  }

  /** Tiers and windows are part of the row: a state of other ones has another length, or is the caller's mistake. */
  carry(state: StateCarrier): void {
    state.numbers(this.data);
    this.totals.carry(state);
    this.bads.carry(state);
  }

  /** The newest second that saw a request; null before the first. */
  latestSecond(): UnixSecond | null {
    const latest = this.data[this.latestAt]!;
    return latest === Number.NEGATIVE_INFINITY ? null : latest;
  }

  private stepTier(t: number, { buckets }: Tier, steps: number): void {
    const data = this.data;
    const record = t * TIER_RECORD;
    const start = this.starts[t]!;
    let slot = data[record + SLOT]!;
    for (let i = 0; i < steps; i++) {
      slot = slot + 1 === buckets ? 0 : slot + 1;
      for (let at = this.windowsAt; at < this.latestAt; at += WINDOW_RECORD) {
        if (data[at + TIER] !== t) continue;
        // A window over the whole ring loses the bucket that the new one overwrites.
        const leaving = start + wrap(slot - data[at + BUCKETS]!, buckets);
        data[at + TOTAL]! -= this.totals.at(leaving);
        data[at + BAD]! -= this.bads.at(leaving);
      }
      this.totals.clear(start + slot);
      this.bads.clear(start + slot);
    }
    data[record + SLOT] = slot;
    data[record + HEAD]! += steps;
  }

  private clearTier(t: number, { buckets }: Tier, steps: number): void {
    const data = this.data;
    const record = t * TIER_RECORD;
    const start = this.starts[t]!;
    this.totals.clear(start, buckets);
    this.bads.clear(start, buckets);
    data[record + HEAD]! += steps;
    for (let at = this.windowsAt; at < this.latestAt; at += WINDOW_RECORD) {
      if (data[at + TIER] !== t) continue;
      data[at + TOTAL] = 0;
      data[at + BAD] = 0;
    }
  }

  private newestSecond(): UnixSecond {
    const step = this.tiers[0]!.stepSeconds;
    return (this.data[HEAD]! + 1) * step - 1;
  }

  private recordOf(windowIndex: number): number {
    // Out of range would read a bucket as a sum.
    if (!(windowIndex >= 0 && windowIndex < this.windowCount)) {
      throw new RangeError(`no window ${windowIndex}; there are ${this.windowCount}`);
    }
    return this.windowsAt + windowIndex * WINDOW_RECORD;
  }
}

/** Where each tier's buckets begin, and behind them all, where they end. */
function startsOf(tiers: readonly Tier[]): readonly number[] {
  const starts = [0];
  for (const { buckets } of tiers) starts.push(starts.at(-1)! + buckets);
  return starts;
}

/** `slot` of -buckets and more into the ring. */
function wrap(slot: number, buckets: number): number {
  return slot < 0 ? slot + buckets : slot;
}

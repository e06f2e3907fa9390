import { COUNT_UNIT } from "../model/delta.ts";
import type { Budgeting } from "../model/slo.ts";
import type { StateCarrier } from "../model/state-carrier.ts";
import type { UnixSecond } from "../model/time.ts";

/** Slices that can still change: 6 h of one-minute slices. */
const SLICES = 360;
/** Ratios are kept in steps of 2^-20 of a slice (a millionth): multiples of it add up without error. */
const RATIO_STEPS = 2 ** 20;

export type SliceBudgeting = Exclude<Budgeting, { method: "occurrences" }>;

/** `dTotal` and `dBad` in COUNT_UNIT units, a slice being one request; to be added at the slice's first second. */
export type EmitSlice = (sliceSecond: UnixSecond, dTotal: number, dBad: number) => void;

/**
 * Turns requests into slices for time-slice budgeting. A slice counts from its first request on; a slice
 * without requests is not counted: no traffic is not good traffic. As data arrives, in any order, the
 * slice's verdict follows its ratio and the change is emitted, so that what was emitted in sum always is
 * the verdict on all data seen.
 */
export class SliceJudge {
  private readonly sliceSeconds: number;
  /** Null: every slice counts with its own ratio. */
  private readonly sliceTarget: number | null;
  private readonly total = new Float64Array(SLICES);
  private readonly bad = new Float64Array(SLICES);
  /** Number of the newest slice: unix time / slice length. */
  private head = Number.NEGATIVE_INFINITY;

  /** @throws RangeError when slices are not whole seconds: requests are counted by the second */
  constructor(budgeting: SliceBudgeting) {
    this.sliceSeconds = budgeting.sliceMs / 1000;
    if (!Number.isInteger(this.sliceSeconds) || this.sliceSeconds < 1) {
      throw new RangeError(`a slice must last whole seconds, found ${budgeting.sliceMs} ms`);
    }
    this.sliceTarget = budgeting.method === "timeslices" ? budgeting.sliceTarget : null;
  }

  /**
   * Counts may be negative (corrections). The caller has clamped `second` to the clock: one far ahead
   * would make every slice before it too old.
   *
   * @returns false when the slice is older than the 360 newest; nothing was changed then
   */
  add(second: UnixSecond, total: number, bad: number, emit: EmitSlice): boolean {
    const slice = Math.floor(second / this.sliceSeconds);
    if (slice <= this.head - SLICES) return false;
    if (slice > this.head) this.moveHead(slice);
    const slot = slice % SLICES;
    const totalBefore = this.total[slot]!;
    const badBefore = this.bad[slot]!;
    const totalAfter = totalBefore + total;
    const badAfter = badBefore + bad;
    this.total[slot] = totalAfter;
    this.bad[slot] = badAfter;
    const dTotal = counted(totalAfter) - counted(totalBefore);
    const dBad = this.judge(totalAfter, badAfter) - this.judge(totalBefore, badBefore);
    if (dTotal !== 0 || dBad !== 0) emit(slice * this.sliceSeconds, dTotal, dBad);
    return true;
  }

  carry(state: StateCarrier): void {
    this.head = state.number(this.head);
    state.numbers(this.total);
    state.numbers(this.bad);
  }

  /** How much of the slice is bad, in COUNT_UNIT units: all or nothing with a target, else its ratio. */
  private judge(total: number, bad: number): number {
    if (total <= 0) return 0;
    if (this.sliceTarget !== null) {
      return (total - bad) / total < this.sliceTarget ? COUNT_UNIT : 0;
    }
    const badRatio = Math.min(1, Math.max(0, bad / total));
    return (Math.round(badRatio * RATIO_STEPS) / RATIO_STEPS) * COUNT_UNIT;
  }

  private moveHead(slice: number): void {
    if (slice - this.head >= SLICES) {
      this.total.fill(0);
      this.bad.fill(0);
    } else {
      for (let i = this.head + 1; i <= slice; i++) {
        this.total[i % SLICES] = 0;
        this.bad[i % SLICES] = 0;
      }
    }
    this.head = slice;
  }
}

function counted(total: number): number {
  return total > 0 ? COUNT_UNIT : 0;
}

import { SECOND, type UnixMs, type UnixSecond } from "../model/time.ts";

/** Replicas compare at these seconds of their clocks. */
const STEP_S = 10;
/** Instants that are remembered: the leader's number comes with its lease, seconds later. */
const REMEMBERED = 6;
/** Share of the larger total by which two replicas may differ. */
const TOLERANCE = 0.01;
/** Below this many requests of difference it is what is under way at the instant. */
const LEAST_DIFFERENCE = 10;
/** Comparisons in a row beyond the tolerance that are needed to say so. */
const NEEDED = 3;

/**
 * What this replica counted in the last five minutes, at instants that all replicas share, to find out whether one of them
 * misses data.
 */
export class ReplicaTotals {
  private readonly totals = new Map<UnixSecond, number>();
  private comparedAt: UnixSecond = 0;
  private beyond = 0;
  /** Of the last comparison: the other total minus the own, over the larger of them; null before the first. */
  difference: number | null = null;

  /** Once a second. */
  tick(now: UnixMs, requests: () => number): void {
    const second = Math.floor(now / SECOND);
    if (second % STEP_S !== 0 || this.totals.has(second)) return;
    this.totals.set(second, requests());
    for (const old of this.totals.keys()) {
      if (old <= second - REMEMBERED * STEP_S) this.totals.delete(old);
    }
  }

  /** The newest total, `UNIX_SECONDS=REQUESTS`; null before the first. */
  text(): string | null {
    const newest = [...this.totals].at(-1);
    return newest === undefined ? null : `${newest[0]}=${Math.round(newest[1])}`;
  }

  /**
   * Compares with another replica's `text()`.
   *
   * @returns true when it has just become clear that they differ
   */
  compare(text: string): boolean {
    const [second = Number.NaN, theirs = Number.NaN] = text.split("=").map(Number);
    const ours = this.totals.get(second);
    if (ours === undefined || Number.isNaN(theirs) || second <= this.comparedAt) return false;
    this.comparedAt = second;
    const larger = Math.max(ours, theirs);
    this.difference = larger === 0 ? 0 : (theirs - ours) / larger;
    const isBeyond =
      Math.abs(this.difference) > TOLERANCE && Math.abs(theirs - ours) >= LEAST_DIFFERENCE;
    this.beyond = isBeyond ? this.beyond + 1 : 0;
    return this.beyond === NEEDED;
  }
}

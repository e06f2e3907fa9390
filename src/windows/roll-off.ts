import type { UnixSecond } from "../model/time.ts";
import { SLO_TIERS } from "./tiers.ts";

const MOST_BUCKETS = Math.max(...SLO_TIERS.map(({ buckets }) => buckets));

/**
 * Bad counts of a window, oldest bucket first, as sums: what will have left it by any time to come, if nothing is added, is
 * read in one step. Filled for one SLO at a moment, and used again for the next.
 */
export class RollOff {
  /** By number of buckets, what those that leave first hold together. */
  private readonly sums = new Float64Array(MOST_BUCKETS + 1);
  private length = 0;
  private stepSeconds = 1;
  private head = 0;

  /** A window without buckets: nothing leaves it. @param head number of the newest bucket: unix time / step, rounded down */
  begin(stepSeconds: number, head: number): void {
    this.length = 0;
    this.stepSeconds = stepSeconds;
    this.head = head;
  }

  /** The next bucket to leave. At most as many as the largest of SLO_TIERS has. */
  push(bad: number): void {
    this.sums[this.length + 1] = this.sums[this.length]! + bad;
    this.length++;
  }

  /** Bad count that leaves by `until`, in the units of what was pushed. */
  by(until: UnixSecond): number {
    const leaving = Math.floor(until / this.stepSeconds) - this.head;
    return this.sums[Math.min(this.length, Math.max(0, leaving))]!;
  }
}

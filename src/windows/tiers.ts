import type { DurationMs } from "../model/time.ts";

/** A ring of `buckets` buckets of `stepSeconds` each; together they span the product. */
export interface Tier {
  readonly stepSeconds: number;
  readonly buckets: number;
}

/**
 * Finest first; every step divides the next, so a coarse bucket ends only where a finer one does.
 * 2,628 buckets; see Counts for how large they are.
 */
export const SLO_TIERS: readonly Tier[] = [
  { stepSeconds: 1, buckets: 300 }, // 5 min: the shortest burn window
  { stepSeconds: 10, buckets: 360 }, // 1 h
  { stepSeconds: 60, buckets: 360 }, // 6 h, and the minutes of charts
  { stepSeconds: 300, buckets: 864 }, // 3 d: the longest burn window of the SRE workbook
  { stepSeconds: 3600, buckets: 744 }, // 31 d: rolling periods
];

/** The longest window or rolling period that `tiers` can hold; 31 days for SLO_TIERS. */
export function longestWindowMs(tiers: readonly Tier[]): DurationMs {
  return tiers.reduce((longest, tier) => Math.max(longest, spanMs(tier)), 0);
}

/** Index of the finest tier that spans `durationMs`, or -1 when none does. */
export function tierFor(tiers: readonly Tier[], durationMs: DurationMs): number {
  return tiers.findIndex((tier) => spanMs(tier) >= durationMs);
}

function spanMs(tier: Tier): DurationMs {
  return tier.stepSeconds * tier.buckets * 1000;
}

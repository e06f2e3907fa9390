import { type DurationMs, HOUR, MINUTE } from "../model/time.ts";

/** A silence of so many mean gaps has p < 0.001 where requests come by chance: -ln 0.001. */
export const IMPROBABLE_GAPS = 6.9;

/** The mean gap between arrivals, after one more of them; null before the first. One outage must not teach that outages are usual. */
export function meanGapAfter(meanMs: DurationMs | null, gapMs: DurationMs): DurationMs {
  if (meanMs === null) return Math.min(gapMs, HOUR);
  return meanMs + 0.1 * (Math.min(gapMs, Math.max(MINUTE, 10 * meanMs)) - meanMs);
}

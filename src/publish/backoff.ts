import { type DurationMs, SECOND } from "../model/time.ts";

export interface BackoffSettings {
  /** The longest first delay. */
  readonly baseMs: DurationMs;
  readonly maxMs: DurationMs;
}

/** Soon enough to catch a broker's restart, rare enough not to hinder it. */
export const DEFAULT_BACKOFF: BackoffSettings = { baseMs: SECOND / 4, maxMs: 15 * SECOND };

/**
 * How long to wait before the next attempt: doubles from `baseMs` to `maxMs`; half of it is fixed and half
 * is spread by `jitter`, so that replicas that failed together do not return together.
 *
 * @param attempt 0 after the first failure, 1 after the second one in a row, and so on
 * @param jitter random number in [0, 1)
 */
export function backoffMs(
  attempt: number,
  jitter: number,
  settings: BackoffSettings = DEFAULT_BACKOFF,
): DurationMs {
  // 2^30 x 1 ms is 12 days: a higher power changes nothing and would end at Infinity.
  const longest = Math.min(settings.maxMs, settings.baseMs * 2 ** Math.min(attempt, 30));
  return Math.round((longest / 2) * (1 + jitter));
}

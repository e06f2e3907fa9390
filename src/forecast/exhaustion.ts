import type { Exhaustion } from "../model/gate.ts";
import type { DurationMs, UnixMs } from "../model/time.ts";

/** The coming traffic is known within this factor either way. */
const TRAFFIC_SPREAD = 1.25;
/** Rounds of "by then so much has rolled off, so it lasts longer". */
const ROUNDS = 16;
/** Rounds end when one gains less than this. */
const CLOSE_ENOUGH_SECONDS = 60;

export interface ExhaustionInput {
  readonly now: UnixMs;
  /** Bad requests the budget still allows; not positive when it is spent. */
  readonly remainingBad: number;
  /** Burn to come and its 80 % interval; null when it is not known. */
  readonly rate: { readonly burn: number; readonly lo80: number; readonly hi80: number } | null;
  readonly requestsPerSecond: number;
  /** Ratio in (0, 1). */
  readonly objective: number;
  /** Bad requests that leave a rolling period within so many seconds; never falls with them. */
  readonly rollsOff: (seconds: number) => number;
  /** When a calendar period ends and its budget is made anew; null for rolling periods. */
  readonly periodEndsAt: UnixMs | null;
  readonly periodMs: DurationMs;
}

/**
 * When the rest of the budget will be spent: at the expected burn, at the upper bound of its 80 %
 * interval with more traffic (earliest), at the lower with less (latest). A field is null when that is
 * not within the period. Old errors that roll off meanwhile give budget back.
 *
 * @returns null when the burn is not known and there still is budget
 */
export function exhaustion(input: ExhaustionInput): Exhaustion | null {
  const { now, remainingBad, rate, requestsPerSecond, objective } = input;
  if (remainingBad <= 0) return { expected: now, earliest: now, latest: now };
  if (rate === null) return null;
  const badPerSecondAtBurn1 = requestsPerSecond * (1 - objective);
  const at = (burn: number): UnixMs | null => {
    const seconds = secondsToSpend(input, burn * badPerSecondAtBurn1);
    return seconds === null ? null : now + Math.round(seconds * 1000);
  };
  const expected = at(rate.burn);
  const earliest = at(rate.hi80 * TRAFFIC_SPREAD);
  const latest = at(rate.lo80 / TRAFFIC_SPREAD);
  // Rounds end a little short of the answer, each at its own place: keep the three in order.
  return {
    expected,
    earliest: earliest === null || expected === null ? earliest : Math.min(earliest, expected),
    latest: latest === null || expected === null ? null : Math.max(latest, expected),
  };
}

/**
 * Smallest t with badPerSecond x t = remaining + rollsOff(t). Starting without any roll-off, every round
 * moves t up and never beyond the answer, as `rollsOff` never falls.
 */
function secondsToSpend(input: ExhaustionInput, badPerSecond: number): number | null {
  const { now, remainingBad, rollsOff, periodEndsAt, periodMs } = input;
  const limitMs = periodEndsAt === null ? periodMs : periodEndsAt - now;
  if (!(badPerSecond > 0)) return null;
  let seconds = remainingBad / badPerSecond;
  for (let round = 0; round < ROUNDS; round++) {
    if (!(seconds * 1000 <= limitMs)) return null;
    const next = (remainingBad + rollsOff(seconds)) / badPerSecond;
    if (next - seconds < CLOSE_ENOUGH_SECONDS) return next * 1000 <= limitMs ? next : null;
    seconds = next;
  }
  return seconds * 1000 <= limitMs ? seconds : null;
}

import type { Exhaustion } from "../model/gate.ts";
import type { DurationMs, UnixMs } from "../model/time.ts";
import type { BurnForecast } from "./forecast.ts";

/** The coming traffic is known within this factor either way. */
const TRAFFIC_SPREAD = 1.25;
/** Rounds of "by then so much has rolled off, so it lasts longer", before larger steps are taken. */
const ROUNDS = 8;
/** Rounds end when one gains less than this. */
const CLOSE_ENOUGH_SECONDS = 60;
const LARGER_STEP = 1.25;

export interface ExhaustionInput {
  readonly now: UnixMs;
  /** Bad requests the budget still allows; not positive when it is spent. */
  readonly remainingBad: number;
  /** Burn to come and its intervals; null when it is not known. */
  readonly rate: BurnForecast | null;
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
  if (remainingBad <= 0) {
    return { expected: now, earliest: now, latest: now, earliest95: now, latest95: now };
  }
  if (rate === null) return null;
  const badPerSecondAtBurn1 = requestsPerSecond * (1 - objective);
  const at = (burn: number): UnixMs | null => {
    const seconds = secondsToSpend(input, burn * badPerSecondAtBurn1);
    return seconds === null ? null : now + Math.round(seconds * 1000);
  };
  const expected = at(rate.burn);
  // Rounds end a little short of the answer, each at its own place: keep all in order.
  const before = (then: UnixMs | null) =>
    then === null || expected === null ? then : Math.min(then, expected);
  const after = (then: UnixMs | null) =>
    then === null || expected === null ? null : Math.max(then, expected);
  return {
    expected,
    earliest: before(at(rate.hi80 * TRAFFIC_SPREAD)),
    latest: after(at(rate.lo80 / TRAFFIC_SPREAD)),
    earliest95: before(at(rate.hi95 * TRAFFIC_SPREAD)),
    latest95: after(at(rate.lo95 / TRAFFIC_SPREAD)),
  };
}

/**
 * Smallest t with badPerSecond x t = remaining + rollsOff(t). Starting without any roll-off, every round
 * moves t up and never beyond the answer, as `rollsOff` never falls. Where nearly as much rolls off as is
 * spent, rounds hardly move: then t grows by larger steps until the budget is spent, and the last step is
 * halved.
 */
function secondsToSpend(input: ExhaustionInput, badPerSecond: number): number | null {
  const { now, remainingBad, rollsOff, periodEndsAt, periodMs } = input;
  const limit = (periodEndsAt === null ? periodMs : periodEndsAt - now) / 1000;
  if (!(badPerSecond > 0)) return null;
  const roundAfter = (seconds: number) => (remainingBad + rollsOff(seconds)) / badPerSecond;
  let seconds = remainingBad / badPerSecond;
  for (let round = 0; round < ROUNDS; round++) {
    if (!(seconds <= limit)) return null;
    const next = roundAfter(seconds);
    if (next - seconds < CLOSE_ENOUGH_SECONDS) return next <= limit ? next : null;
    seconds = next;
  }
  let notYet = seconds;
  while (roundAfter(seconds) > seconds) {
    if (!(seconds < limit)) return null;
    notYet = seconds;
    seconds = Math.min(limit, seconds * LARGER_STEP);
  }
  while (seconds - notYet > CLOSE_ENOUGH_SECONDS) {
    const middle = (notYet + seconds) / 2;
    if (roundAfter(middle) > middle) notYet = middle;
    else seconds = middle;
  }
  return seconds <= limit ? seconds : null;
}

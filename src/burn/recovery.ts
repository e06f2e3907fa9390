import {
  CALM_BAD,
  CALM_EXPECTED,
  CALM_SINCE,
  GOOD_SINCE,
  LONGEST_PAUSE,
  NOW,
  PROVEN_UNTIL,
  RECOVERY,
  TICK_BAD,
  TICK_EXPECTED,
  WORST_BURN,
} from "./row.ts";

/** Nats for being well again from which recovery counts. */
export const RECOVER_NATS = 3;
const MOST_NATS = 2 * RECOVER_NATS;
/** While well, the burn over five minutes must be below this, so that a milder trouble does not pass for recovery. */
export const CALM_BURN = 1.5;
/** Bad requests of the last five minutes from which their burn says how bad an incident is. */
const FEWEST_BAD = 5;

/** Burn that recovery is tested against: a third of the incident's worst, 2 to 100. */
export function stillBad(row: Float64Array): number {
  return Math.min(100, Math.max(2, 0.35 * row[WORST_BURN]!));
}

/**
 * One tick while closed: the log-likelihood ratio of "well, burn 1" against "still b times too bad",
 *
 *     R = min(6, max(0, R + (expected (b - 1) - bad ln b) / phi))
 *
 * Recovery is proven from 3 nats on. A tick without requests is no evidence of anything. What is no longer a third as bad
 * as the worst may be a milder trouble still: when the calm itself shows 3 nats for burn 2, it begins anew.
 *
 * @param recentBad bad requests of the last five minutes
 * @param recentExpected what burn 1 would have made of that time's traffic
 */
export function stepRecovery(
  row: Float64Array,
  phi: number,
  recentBad: number,
  recentExpected: number,
): void {
  const expected = row[TICK_EXPECTED]!;
  // A slice that turns bad while it runs comes as a bad one without a new one.
  if (!(expected > 0) && row[TICK_BAD] === 0) {
    if (row[RECOVERY] === 0) endPause(row);
    return;
  }
  const burn = recentBad / Math.max(recentExpected, 1e-12);
  if (burn > row[WORST_BURN]! && recentBad >= FEWEST_BAD) row[WORST_BURN] = burn;
  const b = stillBad(row);
  const gain = (expected * (b - 1) - row[TICK_BAD]! * Math.log(b)) / phi;
  row[RECOVERY] = Math.min(MOST_NATS, Math.max(0, row[RECOVERY]! + gain));
  if (row[RECOVERY] === 0) endPause(row);
  if (row[RECOVERY]! < RECOVER_NATS) {
    row[CALM_SINCE] = Number.NaN;
    return;
  }
  row[PROVEN_UNTIL] = row[NOW]!;
  if (Number.isNaN(row[CALM_SINCE]!)) beginCalm(row);
  else {
    row[CALM_BAD]! += row[TICK_BAD]!;
    row[CALM_EXPECTED]! += expected;
    const milder = row[CALM_BAD]! * Math.LN2 - row[CALM_EXPECTED]!;
    if (milder >= RECOVER_NATS * phi) beginCalm(row);
  }
}

function beginCalm(row: Float64Array): void {
  row[CALM_SINCE] = row[NOW]!;
  row[CALM_BAD] = row[CALM_EXPECTED] = 0;
}

/** Trouble for certain: had it passed for recovery in between, that was a pause. */
function endPause(row: Float64Array): void {
  const pause = row[PROVEN_UNTIL]! - row[GOOD_SINCE]!;
  row[LONGEST_PAUSE] = Math.max(row[LONGEST_PAUSE]!, pause);
  row[GOOD_SINCE] = row[PROVEN_UNTIL] = row[NOW]!;
}

/** The gate has closed at this burn: recovery begins at nothing. */
export function beginRecovery(row: Float64Array, burn: number): void {
  row[WORST_BURN] = Math.max(1.4, burn);
  row[RECOVERY] = row[LONGEST_PAUSE] = 0;
  row[GOOD_SINCE] = row[PROVEN_UNTIL] = row[NOW]!;
  row[CALM_SINCE] = Number.NaN;
}

import { clearDispersion, dispersion, stepDispersion } from "./dispersion.ts";
import { echo, fadeEcho, rememberEcho } from "./echo.ts";
import { type Alternatives, clearEvidence, MOST_NATS, mostNats, stepEvidence } from "./evidence.ts";
import {
  decayFloors,
  followExcursions,
  forgetLesson,
  learnLesson,
  noteShortClosing,
} from "./floor.ts";
import { beginRecovery, stepRecovery } from "./recovery.ts";
import {
  BAD,
  BAD_TICKS,
  BURNT_SINCE,
  CALM_SINCE,
  CLOSED,
  CLOSED_AT,
  COST_BAD,
  COST_EXPECTED,
  EXPECTED,
  FLOOR,
  LESSON,
  MOST_ALTERNATIVES,
  NATS,
  NOW,
  OPENED_AT,
  PEAK,
  ROW_LENGTH,
  SINCE,
  TICK_BAD,
  TICK_BAD_SECONDS,
  TICK_EXPECTED,
  WEIGHT_SQUARES,
  WEIGHTS,
} from "./row.ts";
import type { DetectorTuning } from "./tuning.ts";

export const TICK_S = 10;
/**
 * A lone burst is no run of evidence: errors must have come in two ticks or three seconds, or have cost so many
 * burn-minutes.
 */
const LONE_BURST = 201.6;
const RUN_TICKS = 2;
const RUN_SECONDS = 3;
/** A lesson is learned when nothing has closed the gate for so long. */
const LESSON_AFTER_S = 2 * 3600;
/** A closing this much longer than the hold was short: perhaps a blip. */
const SHORT_CLOSING_S = 900;

/** A detector that has seen nothing, its gate open. */
export function newRow(tuning: DetectorTuning, now: number, length = ROW_LENGTH): Float64Array {
  const row = new Float64Array(length);
  row.fill(tuning.floorStart, FLOOR, FLOOR + MOST_ALTERNATIVES);
  row.fill(now, SINCE, SINCE + MOST_ALTERNATIVES);
  row[NOW] = now;
  row[OPENED_AT] = row[CLOSED_AT] = Number.NEGATIVE_INFINITY;
  row[CALM_SINCE] = Number.NaN;
  clearDispersion(row);
  return row;
}

/** What the tick is judged with besides its own counts; one record is reused. */
export interface Surroundings {
  /** Bad requests a minute at burn 1, over the period; 0 while nothing is known. */
  perMinute: number;
  /** Of the last five minutes by event time: bad requests, and those that burn 1 would have made. */
  recentBad: number;
  recentExpected: number;
}

/**
 * One 10-second tick: what it has brought (TICK_BAD, TICK_EXPECTED) becomes evidence of burn while the gate is
 * open, evidence of recovery while it is closed. O(1), without allocation.
 *
 * @param now the tick's end, unix seconds
 */
export function step(
  row: Float64Array,
  alternatives: Alternatives,
  tuning: DetectorTuning,
  around: Surroundings,
  now: number,
): void {
  const phi = dispersion(row) * meanWeight(row);
  const open = row[CLOSED] === 0;
  fadeEcho(row, row[NOW]!, now);
  row[NOW] = now;
  stepDispersion(row, open, mostNats(row, alternatives) < tuning.closeNats / 2);
  if (open) {
    if (now - row[OPENED_AT]! >= LESSON_AFTER_S && pending(row)) learnLesson(row, tuning);
    decayFloors(row, alternatives.count, tuning.floorLeast);
    stepEvidence(row, alternatives, phi);
    followExcursions(row, alternatives, tuning, around.perMinute);
  } else {
    stepRecovery(row, phi, around.recentBad, around.recentExpected);
    // What comes once recovery is proven is everyday traffic again.
    if (Number.isNaN(row[CALM_SINCE]!)) {
      row[COST_BAD]! += row[TICK_BAD]!;
      row[COST_EXPECTED]! += row[TICK_EXPECTED]!;
    }
  }
  clearTick(row);
}

/**
 * The alternative that closes the gate: the one with most evidence of those that have enough evidence, bad requests
 * and impact; -1 when none has. The running part of the tick counts as if the tick ended now, and nothing is stored.
 */
export function closingAlternative(
  row: Float64Array,
  alternatives: Alternatives,
  tuning: DetectorTuning,
  perMinute: number,
): number {
  const weight = meanWeight(row);
  const phi = dispersion(row) * weight;
  const bad = row[TICK_BAD]!;
  const expected = row[TICK_EXPECTED]!;
  const echoed = tuning.echoes ? echo(row, row[NOW]!) : 0;
  const run = row[TICK_BAD_SECONDS]! >= RUN_SECONDS;
  let best = -1;
  let most = 0;
  for (let r = 0; r < alternatives.count; r++) {
    const nats =
      row[NATS + r]! + (bad * alternatives.gain[r]! - expected * alternatives.cost[r]!) / phi;
    if (nats < tuning.closeNats || nats <= most) continue;
    const allBad = row[BAD + r]! + bad;
    if (allBad < tuning.minBad * weight) continue;
    const spent = perMinute > 0 ? (allBad - row[EXPECTED + r]! - expected) / perMinute : 0;
    if (spent < Math.max(tuning.floorLeast, row[FLOOR + r]!, echoed)) continue;
    if (!run && row[BAD_TICKS + r]! + (bad > 0 ? 1 : 0) < RUN_TICKS && spent < LONE_BURST) continue;
    best = r;
    // Beyond MOST_NATS all are sure, and the higher burn tells more.
    most = Math.min(MOST_NATS, nats);
  }
  return best;
}

/** The gate closes for alternative `r`. */
export function close(row: Float64Array, r: number, now: number): void {
  row[CLOSED] = 1;
  row[CLOSED_AT] = now;
  forgetLesson(row);
  row[COST_BAD] = row[BAD + r]!;
  row[COST_EXPECTED] = row[EXPECTED + r]!;
  row[BURNT_SINCE] = row[SINCE + r]!;
  beginRecovery(row, row[BAD + r]! / Math.max(row[EXPECTED + r]!, 1e-9));
}

/**
 * The gate opens: all evidence begins anew, and a short closing is a lesson.
 *
 * @param hold seconds that recovery had to last
 */
export function open(
  row: Float64Array,
  tuning: DetectorTuning,
  perMinute: number,
  now: number,
  hold: number,
): void {
  row[CLOSED] = 0;
  const calmSince = row[CALM_SINCE]!;
  if (!Number.isNaN(calmSince) && perMinute > 0) {
    const spent = (row[COST_BAD]! - row[COST_EXPECTED]!) / perMinute;
    rememberEcho(row, row[BURNT_SINCE]!, calmSince, spent);
  }
  row[OPENED_AT] = now;
  if (now - row[CLOSED_AT]! <= hold + SHORT_CLOSING_S) noteShortClosing(row, tuning);
  restart(row, now);
}

/** All evidence begins anew; what was learned stays. */
export function restart(row: Float64Array, now: number): void {
  row[NOW] = now;
  for (let r = 0; r < MOST_ALTERNATIVES; r++) {
    row[PEAK + r] = 0;
    clearEvidence(row, r);
  }
  clearTick(row);
  row[CALM_SINCE] = Number.NaN;
}

/** Mean weight of a bad request: 1 when nothing is sampled. */
export function meanWeight(row: Float64Array): number {
  return row[WEIGHTS]! > 0 ? Math.max(1, row[WEIGHT_SQUARES]! / row[WEIGHTS]!) : 1;
}

function clearTick(row: Float64Array): void {
  row[TICK_BAD] = row[TICK_EXPECTED] = row[TICK_BAD_SECONDS] = 0;
}

function pending(row: Float64Array): boolean {
  for (let r = 0; r < MOST_ALTERNATIVES; r++) if (row[LESSON + r]! > 0) return true;
  return false;
}

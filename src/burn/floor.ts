import { rememberEcho } from "./echo.ts";
import type { Alternatives } from "./evidence.ts";
import { BAD, EXPECTED, FLOOR, LESSON, MOST_ALTERNATIVES, NATS, NOW, PEAK } from "./row.ts";
import type { DetectorTuning } from "./tuning.ts";

/** An excursion that healed by itself must not close the gate when it comes again a little larger. */
const LEARN_HEALED = 1.75;
/** Share of a floor that is left after ten seconds: half after 96 h. */
const KEEP_PER_TICK = 0.5 ** (10 / (96 * 3600));

/**
 * Impact: burn-minutes of budget spent in excess since the evidence began, the budget of a minute being what burn 1
 * spends in it. Evidence alone would close for a trifle that is certain; the floor says how large is worth it.
 *
 * @param perMinute bad requests a minute at burn 1, over the period; 0 while nothing is known
 */
export function impact(row: Float64Array, r: number, perMinute: number): number {
  return perMinute > 0 ? (row[BAD + r]! - row[EXPECTED + r]!) / perMinute : 0;
}

/** Floors fall back slowly: a spiky service earns a higher one, a quiet one gets a sharp gate. */
export function decayFloors(row: Float64Array, count: number, least: number, ticks = 1): void {
  const keep = ticks === 1 ? KEEP_PER_TICK : KEEP_PER_TICK ** ticks;
  for (let r = 0; r < count; r++) {
    if (row[FLOOR + r]! > least) row[FLOOR + r]! *= keep;
  }
}

/** After a step while open: notes how far an excursion goes, and learns from one that has healed by itself. */
export function followExcursions(
  row: Float64Array,
  alternatives: Alternatives,
  tuning: DetectorTuning,
  perMinute: number,
): void {
  for (let r = 0; r < alternatives.count; r++) {
    if (row[NATS + r]! > 0) {
      const spent = impact(row, r, perMinute);
      if (spent > row[PEAK + r]! && row[NATS + r]! >= tuning.closeNats / 2) row[PEAK + r] = spent;
    } else if (row[PEAK + r]! > 0) {
      rememberEcho(row, row[NOW]!, row[NOW]!, row[PEAK + r]!);
      raiseFloor(row, r, LEARN_HEALED * row[PEAK + r]!, tuning.floorMost);
      row[PEAK + r] = 0;
    }
  }
}

/** The gate opens after it was closed for a short time only: a lesson, a part of it (or all) at once. */
export function noteShortClosing(row: Float64Array, tuning: DetectorTuning): void {
  for (let r = 0; r < MOST_ALTERNATIVES; r++) {
    const peak = row[PEAK + r]!;
    row[LESSON + r] = peak;
    if (peak > 0) raiseFloor(row, r, tuning.learnAtOnce * peak, tuning.floorMost);
  }
}

/** Nothing has followed the short closing: it was a lone blip. */
export function learnLesson(row: Float64Array, tuning: DetectorTuning): void {
  for (let r = 0; r < MOST_ALTERNATIVES; r++) {
    const peak = row[LESSON + r]!;
    if (peak > 0) raiseFloor(row, r, LEARN_HEALED * peak, tuning.floorMost);
  }
  forgetLesson(row);
}

export function forgetLesson(row: Float64Array): void {
  row.fill(0, LESSON, LESSON + MOST_ALTERNATIVES);
}

function raiseFloor(row: Float64Array, r: number, to: number, most: number): void {
  row[FLOOR + r] = Math.min(most, Math.max(row[FLOOR + r]!, to));
}

import {
  BASE_BAD,
  BASE_EXPECTED,
  BIN_BAD,
  BIN_EXPECTED,
  BIN_TICKS,
  SQUARES,
  TICK_BAD,
  TICK_EXPECTED,
  WEIGHT,
} from "./row.ts";

/** 5 minutes of 10-second ticks. */
const TICKS_PER_BIN = 30;
/** Share of what was learned that is left after one bin: half after 12 h. */
const KEEP_PER_BIN = 0.5 ** (300 / (12 * 3600));
/** Share of the base level that is left after one tick with requests: half after 24 h. */
const KEEP_PER_TICK = 0.5 ** (10 / 86_400);
/** Two hours of bins that say "as Poisson", before anything was seen. */
const PRIOR_BINS = 24;
const LARGEST = 30;
/** One bin's squared residual counts as at most six standard deviations. */
const CLIP = 36;
/** What a service is assumed to burn before it has been seen to. */
const FIRST_GUESS = 0.3;
const SMALLEST_BASE = 0.02;

/**
 * How much more the errors of a calm service vary than independent ones would: the quasi-Poisson factor
 * phi, sum (bad - mu)² / sum mu over 5-minute bins, mu being what the base level of the last day makes of the
 * bin's traffic. Retries and bursts make it large; evidence is divided by it and intervals widened by its root.
 *
 * @returns from 1 (independent errors) to 30
 * @see https://en.wikipedia.org/wiki/Overdispersion
 */
export function dispersion(row: Float64Array): number {
  return Math.min(LARGEST, Math.max(1, row[SQUARES]! / Math.max(row[WEIGHT]!, 1e-9)));
}

export function clearDispersion(row: Float64Array): void {
  row[SQUARES] = row[WEIGHT] = PRIOR_BINS;
  row[BIN_BAD] = row[BIN_EXPECTED] = row[BIN_TICKS] = 0;
  row[BASE_BAD] = row[BASE_EXPECTED] = 0;
}

/**
 * One tick, before its evidence is added.
 *
 * @param open counts teach only while the gate is open
 * @param calm a bin that ends with evidence of an incident teaches nothing
 */
export function stepDispersion(row: Float64Array, open: boolean, calm: boolean): void {
  if (open && row[TICK_EXPECTED]! > 0) {
    row[BIN_BAD]! += row[TICK_BAD]!;
    row[BIN_EXPECTED]! += row[TICK_EXPECTED]!;
    row[BASE_BAD] = row[BASE_BAD]! * KEEP_PER_TICK + row[TICK_BAD]!;
    row[BASE_EXPECTED] = row[BASE_EXPECTED]! * KEEP_PER_TICK + row[TICK_EXPECTED]!;
  }
  row[BIN_TICKS]! += 1;
  if (row[BIN_TICKS]! < TICKS_PER_BIN) return;
  if (open && calm && row[BIN_EXPECTED]! > 0) learn(row);
  row[BIN_BAD] = row[BIN_EXPECTED] = row[BIN_TICKS] = 0;
}

function learn(row: Float64Array): void {
  const phi = dispersion(row);
  const base = row[BASE_EXPECTED]! > 0 ? row[BASE_BAD]! / row[BASE_EXPECTED]! : FIRST_GUESS;
  const mu = Math.max(SMALLEST_BASE, base) * row[BIN_EXPECTED]!;
  const square = Math.min((row[BIN_BAD]! - mu) ** 2, CLIP * phi * Math.max(mu, 0.25));
  // Where next to no error is expected, a bin says next to nothing.
  const weight = mu / (mu + 0.5);
  row[WEIGHT] = row[WEIGHT]! * KEEP_PER_BIN + weight;
  row[SQUARES] = row[SQUARES]! * KEEP_PER_BIN + (mu > 0.05 ? (weight * square) / mu : weight);
}

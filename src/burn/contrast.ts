/**
 * Is one version worse than the others? Of the k errors in a cell of time, version v with the share w of the requests has
 * k_v. Were all versions equally error-prone, k_v given k would be binomial(k, w); were v's requests r times as
 * error-prone as the others', binomial(k, r w / (1 + (r - 1) w)). So the log-likelihood ratio of "r times" against "r0 times" is
 *
 *     k_v ln(r / r0) - k ln((1 + (r - 1) w) / (1 + (r0 - 1) w))
 *
 * The null is r0 = 2 and not 1: a canary's mix of requests differs. A failing dependency makes k large and is no evidence, since
 * its errors fall on the versions by their shares.
 *
 * @see Lehmann and Romano, Testing Statistical Hypotheses: conditioning on the sum of two Poisson counts
 */

/** A mix of requests that is up to this much more error-prone is nobody's fault. */
export const MIX_ODDS = 2;
/** Odds that are tested against it. */
export const ODDS = [4, 8, 20] as const;
/** Nats that a blame needs. */
export const BLAME_NATS = 10;
/** More proves nothing more. */
const MOST_NATS = 60;

const PRIOR_CELLS = 24;
const CLIP = 36;
const LARGEST = 30;
/** Share of what was learned of the spread that is left after one cell of 10 s: half after an hour. */
const KEEP_PER_CELL = 0.5 ** (1 / 360);

/** Layout of a version's contrast: nats for each of ODDS, then the sums of its spread. */
const SQUARES = ODDS.length;
const WEIGHT = SQUARES + 1;
export const CONTRAST_LENGTH = WEIGHT + 1;

export function newContrast(): Float64Array {
  const row = new Float64Array(CONTRAST_LENGTH);
  row[SQUARES] = row[WEIGHT] = PRIOR_CELLS;
  return row;
}

/**
 * How much more a version's part of the errors varies than by chance: one caller's retries fall on one version. From 1 to 30.
 */
export function spread(row: Float64Array): number {
  return Math.min(LARGEST, Math.max(1, row[SQUARES]! / row[WEIGHT]!));
}

/** The most that any odds have, nats. */
export function contrastNats(row: Float64Array): number {
  let most = 0;
  for (let i = 0; i < ODDS.length; i++) most = Math.max(most, row[i]!);
  return most;
}

/**
 * One cell of time.
 *
 * @param bad the version's errors, of `allBad`
 * @param share the version's part of the requests, in (0, 1); with all of them there is nothing to compare
 * @param phi how much more the errors vary than independent ones, from 1
 */
export function stepContrast(
  row: Float64Array,
  bad: number,
  allBad: number,
  share: number,
  phi: number,
): void {
  if (!(share > 0 && share < 1) || !(allBad > 0)) return;
  for (let i = 0; i < ODDS.length; i++) {
    const r = ODDS[i]!;
    const gain =
      bad * Math.log(r / MIX_ODDS) -
      allBad * Math.log((1 + (r - 1) * share) / (1 + (MIX_ODDS - 1) * share));
    row[i] = Math.min(MOST_NATS, Math.max(0, row[i]! + gain / phi));
  }
}

/** What a calm cell teaches of the spread of a version's part. */
export function learnSpread(row: Float64Array, bad: number, allBad: number, share: number): void {
  if (!(share > 0 && share < 1) || !(allBad > 0)) return;
  learn(row, bad - allBad * share, allBad * share * (1 - share));
}

/** What a cell teaches of how errors of all versions together come in clusters, `mean` being expected of it. */
export function learnClusters(row: Float64Array, allBad: number, mean: number): void {
  if (mean > 0) learn(row, allBad - mean, mean);
}

function learn(row: Float64Array, residual: number, variance: number): void {
  const square = Math.min(residual ** 2, CLIP * spread(row) * Math.max(variance, 0.25));
  // Where next to no error is expected, a cell says next to nothing.
  const weight = variance / (variance + 0.5);
  row[WEIGHT] = row[WEIGHT]! * KEEP_PER_CELL + weight;
  row[SQUARES] =
    row[SQUARES]! * KEEP_PER_CELL + (variance > 0.05 ? (weight * square) / variance : weight);
}

export function clearContrast(row: Float64Array): void {
  row.fill(0, 0, ODDS.length);
}

import type { PointRecord } from "../decode/point-record.ts";
import * as points from "../decode/point-record.ts";

// Compiled in as numbers: an imported constant is looked up at every use (decision D-072).
const { EXP_HISTOGRAM } = points;

/** Bounds come from decimal text, unit conversion and powers of two: equal within this share. */
const SAME = 1e-9;

/**
 * Observations of a histogram point at or below `bound`, which must be one of its bucket bounds: a
 * count between two bounds would be a guess.
 *
 * @param bound in the metric's own unit
 * @returns a count, or NaN when `bound` is not a bucket bound
 */
export function countAtOrBelow(point: PointRecord, bound: number): number {
  return point.type === EXP_HISTOGRAM ? exponential(point, bound) : explicit(point, bound);
}

function explicit(point: PointRecord, bound: number): number {
  const { bounds, buckets, view } = point;
  // A point may come with its count alone; then no bound says anything.
  if (buckets.length !== bounds.length + 1) return Number.NaN;
  let sum = 0;
  for (let i = 0; i < bounds.length; i++) {
    // Bucket i holds (bounds[i - 1], bounds[i]]: upper bounds are inclusive in OTLP.
    sum += buckets.count(view, i);
    const difference = bounds.double(view, i) - bound;
    if (Math.abs(difference) <= SAME * Math.abs(bound)) return sum;
    if (difference > 0) return Number.NaN;
  }
  return Number.NaN;
}

/**
 * Positive bucket i holds (base^i, base^(i + 1)] with base = 2^(2^-scale), so `bound` is a bucket bound
 * when log2(bound) * 2^scale is a whole number. Where no observation is in the bucket that `bound` cuts, the
 * count is exact all the same.
 */
function exponential(point: PointRecord, bound: number): number {
  const atOrBelowZero = point.zeroCount + point.negativeCount;
  if (bound < 0 || (point.zeroCount > 0 && bound < point.zeroThreshold)) return Number.NaN;
  if (bound === 0) return atOrBelowZero;
  const position = Math.log2(bound) * 2 ** point.scale;
  if (!Number.isFinite(position)) return Number.NaN;
  const nearest = Math.round(position);
  const onBound = Math.abs(position - nearest) <= SAME * Math.max(1, Math.abs(position));
  const firstAbove = onBound ? nearest : Math.floor(position) + 1;
  let sum = atOrBelowZero;
  for (let i = 0; i < point.buckets.length; i++) {
    const index = point.offset + i;
    const count = point.buckets.count(point.view, i);
    if (!onBound && index === firstAbove - 1 && count > 0) return Number.NaN;
    if (index < firstAbove) sum += count;
  }
  return sum;
}

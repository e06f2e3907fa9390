import {
  FLAG_NO_RECORDED_VALUE,
  TEMPORALITY_CUMULATIVE,
  TEMPORALITY_DELTA,
} from "../decode/fields.ts";
import { GAUGE, type PointRecord, SUM } from "../decode/point-record.ts";
import { COUNT_UNIT } from "../model/delta.ts";
import type { UnixSecond } from "../model/time.ts";
import { countAtOrBelow } from "./histogram.ts";
import type { PointRule } from "./rules.ts";
import { SERIES_LIMIT, type SeriesStore } from "./series.ts";
import type { Tally } from "./tally.ts";

/** Why a point gave nothing although a rule asked for it. */
export type PointRefusal = "no-bucket-bound" | "series-limit" | "unusable";

/** Adds what `rule` selects of the point to the delta. Null when it counted (also as nothing new). */
export function addPoint(
  rule: PointRule,
  point: PointRecord,
  second: UnixSecond,
  version: number,
  tally: Tally,
  series: SeriesStore,
): PointRefusal | null {
  if ((point.flags & FLAG_NO_RECORDED_VALUE) !== 0 || !point.hasValue) return null;
  const selected = selectedCount(rule, point);
  if (selected === Unusable.NoBound) return "no-bucket-bound";
  if (selected === Unusable.Kind) return "unusable";
  let requests = selected;
  if (point.type !== GAUGE && point.temporality === TEMPORALITY_CUMULATIVE) {
    requests = series.increase(point, rule.selector, selected, tally.receivedAt);
    if (requests === SERIES_LIMIT) return "series-limit";
    if (requests < 0) return null;
  } else if (point.type !== GAUGE && point.temporality !== TEMPORALITY_DELTA) return "unusable";

  const units = Math.round(requests * COUNT_UNIT);
  const cell = tally.cell(rule.slo, version, second);
  tally.total[cell]! += rule.addsTotal * units;
  tally.bad[cell]! += rule.addsBad * units;
  tally.rawBad[cell]! += rule.addsBad * requests;
  tally.badSquares[cell]! += rule.addsBad * requests;
  return null;
}

/** Counts are never negative, so these cannot be mistaken for one. */
const Unusable = { NoBound: -1, Kind: -2 } as const;

function selectedCount(rule: PointRule, point: PointRecord): number {
  const threshold = rule.threshold;
  if (point.type === GAUGE) {
    return threshold === null || holds(point.value, threshold.op, boundOf(rule, point)) ? 1 : 0;
  }
  if (point.type === SUM) {
    // Going down, or up and down: not a count of requests.
    return point.monotonic && point.value >= 0 && Number.isFinite(point.value)
      ? point.value
      : Unusable.Kind;
  }
  if (threshold === null) return point.count;
  const below = countAtOrBelow(point, boundOf(rule, point));
  if (Number.isNaN(below)) return Unusable.NoBound;
  // Bounds are inclusive above: "lt" and "gte" cannot be told from "lte" and "gt" in a histogram.
  return threshold.op === "lte" || threshold.op === "lt" ? below : Math.max(0, point.count - below);
}

/** The threshold in the point's own unit. */
function boundOf(rule: PointRule, point: PointRecord): number {
  const { value, isDuration } = rule.threshold!;
  return isDuration && point.unitSeconds > 0 ? value / point.unitSeconds : value;
}

function holds(value: number, op: "lte" | "lt" | "gte" | "gt", bound: number): boolean {
  if (op === "lte") return value <= bound;
  if (op === "lt") return value < bound;
  return op === "gte" ? value >= bound : value > bound;
}

import * as fields from "../decode/fields.ts";
import type { PointRecord } from "../decode/point-record.ts";
import * as points from "../decode/point-record.ts";
import * as deltas from "../model/delta.ts";
import type { UnixSecond } from "../model/time.ts";
import { countAtOrBelow } from "./histogram.ts";
import type { PointRule } from "./rules.ts";
import type { SeriesStore } from "./series.ts";
import * as outcomes from "./series.ts";
import { MAX_VALUES } from "./series-rows.ts";
import type { Tally } from "./tally.ts";

// Compiled in as numbers: an imported constant is looked up at every use (decision D-072).
const { FLAG_NO_RECORDED_VALUE, TEMPORALITY_CUMULATIVE, TEMPORALITY_DELTA } = fields;
const { GAUGE, SUM } = points;
const { COUNT_UNIT } = deltas;
const { COUNTED, SERIES_LIMIT } = outcomes;

/** Why a point gave nothing although a rule asked for it. */
export type PointRefusal = "no-bucket-bound" | "series-limit" | "unusable";

/**
 * What the rules of one SLO (its total, and its bad or good) select of one point. They count together or not
 * at all: a total without its good would make every request a bad one.
 */
export class PointCounts {
  private readonly rules: PointRule[] = [];
  private readonly counts = new Float64Array(MAX_VALUES);
  private length = 0;
  /** Identity of the rules that were selected: the sum of theirs. */
  private readonly reader = new Int32Array(4);

  /** A new point, or the next SLO. */
  begin(): void {
    this.length = 0;
  }

  /** The rule's metric and conditions match the point. At most MAX_VALUES rules: an SLO has no more. */
  select(rule: PointRule): void {
    const { reader } = this;
    const { selector } = rule;
    if (this.length === 0) reader.fill(0);
    for (let i = 0; i < 4; i++) reader[i] = reader[i]! + selector[i]!;
    this.rules[this.length++] = rule;
  }

  isEmpty(): boolean {
    return this.length === 0;
  }

  /** Adds what was selected to the delta. Null when it counted (also as nothing new). */
  addTo(
    tally: Tally,
    point: PointRecord,
    second: UnixSecond,
    version: number,
    series: SeriesStore,
  ): PointRefusal | null {
    const { rules, counts, length } = this;
    const isGauge = point.type === GAUGE;
    const isCumulative = !isGauge && point.temporality === TEMPORALITY_CUMULATIVE;
    if (!isGauge && !isCumulative && point.temporality !== TEMPORALITY_DELTA) return "unusable";
    const most = isCumulative ? Number.MAX_SAFE_INTEGER : MAX_REQUESTS;
    for (let i = 0; i < length; i++) {
      const count = selectedCount(rules[i]!, point, most);
      if (count === Unusable.NoBound) return "no-bucket-bound";
      if (count === Unusable.Kind) return "unusable";
      counts[i] = count;
    }
    if (isCumulative) {
      const { since } = rules[0]!;
      const now = tally.receivedAt;
      const outcome = series.increase(point, this.reader, counts, length, now, since);
      if (outcome !== COUNTED) return outcome === SERIES_LIMIT ? "series-limit" : null;
      for (let i = 0; i < length; i++) if (counts[i]! > MAX_REQUESTS) return "unusable";
    }
    const cell = tally.cell(rules[0]!.slo, version, second);
    for (let i = 0; i < length; i++) addCount(tally, cell, rules[i]!, counts[i]!);
    return null;
  }
}

/** True for a point that says "no value" or has none. */
export function isWithoutValue(point: PointRecord): boolean {
  return (point.flags & FLAG_NO_RECORDED_VALUE) !== 0 || !point.hasValue;
}

function addCount(tally: Tally, cell: number, rule: PointRule, requests: number): void {
  const units = Math.round(requests * COUNT_UNIT);
  tally.total[cell]! += rule.addsTotal * units;
  tally.bad[cell]! += rule.addsBad * units;
  tally.rawBad[cell]! += rule.addsBad * requests;
  tally.badSquares[cell]! += rule.addsBad * requests;
}

/** More requests in one point than this are no count: sums must stay exact below 2^53 / COUNT_UNIT. */
const MAX_REQUESTS = 2 ** 40;

/** Counts are never negative, so these cannot be mistaken for one. */
const Unusable = { NoBound: -1, Kind: -2 } as const;

function selectedCount(rule: PointRule, point: PointRecord, most: number): number {
  const threshold = rule.threshold;
  if (point.type === GAUGE) {
    if (Number.isNaN(point.value)) return Unusable.Kind;
    return threshold === null || holds(point.value, threshold.op, boundOf(rule, point)) ? 1 : 0;
  }
  if (point.type === SUM) {
    // Going down, or up and down: not a count of requests. And a sum has no distribution to cut at a threshold.
    return threshold === null && point.monotonic && point.value >= 0 && point.value <= most
      ? point.value
      : Unusable.Kind;
  }
  if (point.count > most) return Unusable.Kind;
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

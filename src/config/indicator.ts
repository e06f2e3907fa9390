import type { z } from "zod";
import type { Indicator, MetricIndicator, SpanIndicator } from "../model/slo.ts";
import { countBounds, toMatcher, toSelector } from "./matcher.ts";
import type { RawMatcher } from "./matcher-schema.ts";
import type { Complain } from "./period.ts";
import { show } from "./problem.ts";
import type { indicatorSpec, metricSource, objective } from "./schema.ts";

type RawIndicator = z.infer<typeof indicatorSpec>;
type RawObjective = z.infer<typeof objective>;
type RawSource = z.infer<typeof metricSource>;
type RawRatio = NonNullable<RawIndicator["ratioMetric"]>;

/** Where complaints and warnings go: the indicator stands apart from the SLO when it is referenced. */
export interface IndicatorReport {
  readonly indicator: Complain;
  readonly objective: Complain;
  readonly warn: Complain;
}

/**
 * The spec of an indicator as the model has it; null after a complaint.
 *
 * @param objective the SLO's objective, whose `op` and `value` judge a threshold metric; null when it
 *   could not be read and has been reported
 */
export function toIndicator(
  raw: RawIndicator,
  objective: RawObjective | null,
  report: IndicatorReport,
): Indicator | null {
  const { ratioMetric, thresholdMetric } = raw;
  if ((ratioMetric === undefined) === (thresholdMetric === undefined)) {
    report.indicator(
      [],
      ratioMetric === undefined
        ? "must have ratioMetric or thresholdMetric, found neither"
        : "must have ratioMetric or thresholdMetric, found both",
    );
    return null;
  }
  if (thresholdMetric !== undefined) {
    return gauge(thresholdMetric.metricSource, objective, report);
  }
  if (objective !== null) {
    for (const key of ["op", "value"] as const) {
      if (objective[key] === undefined) continue;
      report.objective([key], "must be absent with ratioMetric; it judges a thresholdMetric");
    }
  }
  return ratioMetric === undefined ? null : ratio(ratioMetric, report);
}

function ratio(raw: RawRatio, report: IndicatorReport): Indicator | null {
  const complain: Complain = (path, message) => report.indicator(["ratioMetric", ...path], message);
  const role = raw.bad === undefined ? "good" : "bad";
  const judged = raw.bad?.metricSource ?? raw.good?.metricSource;
  if (raw.good !== undefined && raw.bad !== undefined) {
    complain([], "must have good or bad, found both");
    return null;
  }
  if (judged === undefined) complain([], "must have good or bad, found neither");
  if (raw.total === undefined)
    complain(["total"], "is missing; it selects what counts as a request");
  if (judged === undefined || raw.total === undefined) return null;
  const total = raw.total.metricSource;
  if (total.type !== judged.type) {
    complain(
      [role, "metricSource", "type"],
      `must be ${total.type} like the total's, found ${judged.type}`,
    );
    return null;
  }
  if (total.type === "otlp.spans") {
    if (!restrictsKind(total.spec)) {
      report.warn(
        ["ratioMetric", "total", "metricSource", "spec"],
        "has no kind, so client and internal spans count as requests too; kind: server is usual",
      );
    }
    return spans(total.spec, judged.spec, role);
  }
  return metrics(total, judged, role, complain);
}

function spans(total: RawMatcher, judged: RawMatcher, role: "good" | "bad"): SpanIndicator {
  const matcher = toMatcher(judged);
  return {
    signal: "spans",
    total: toMatcher(total),
    bad: role === "bad" ? matcher : null,
    good: role === "good" ? matcher : null,
  };
}

function metrics(
  total: RawSource,
  judged: RawSource,
  role: "good" | "bad",
  complain: Complain,
): MetricIndicator | null {
  if (total.spec.threshold !== undefined) {
    complain(
      ["total", "metricSource", "spec", "threshold"],
      "must be absent: the total is every request, good and bad ones have the threshold",
    );
    return null;
  }
  const { threshold } = judged.spec;
  if (threshold !== undefined && countBounds(threshold) !== 1) {
    complain(
      [role, "metricSource", "spec", "threshold"],
      `must have one bound, found ${countBounds(threshold)}`,
    );
    return null;
  }
  const selector = toSelector(judged.spec, role);
  return {
    signal: "metrics",
    total: toSelector(total.spec, "total"),
    bad: role === "bad" ? selector : null,
    good: role === "good" ? selector : null,
  };
}

/** A threshold metric: every point of a gauge is one request, good when `point op value` holds. */
function gauge(
  source: RawSource,
  objective: RawObjective | null,
  report: IndicatorReport,
): MetricIndicator | null {
  const path = ["thresholdMetric", "metricSource"];
  if (source.type !== "otlp.metrics") {
    report.indicator(
      [...path, "type"],
      `must be otlp.metrics, found ${show(source.type)}; for the latency of spans use ratioMetric with good: {duration: {lte: 300ms}}`,
    );
    return null;
  }
  if (source.spec.threshold !== undefined) {
    report.indicator(
      [...path, "spec", "threshold"],
      "must be absent: op and value of the objective are the threshold",
    );
    return null;
  }
  if (objective === null) return null;
  const { op, value } = objective;
  if (op === undefined) {
    report.objective(["op"], "is missing; a thresholdMetric is good when point op value holds");
  }
  if (value === undefined) {
    report.objective(["value"], "is missing; a thresholdMetric is good when point op value holds");
  }
  if (op === undefined || value === undefined) return null;
  const total = toSelector(source.spec, "total");
  return {
    signal: "metrics",
    total,
    bad: null,
    good: { ...total, threshold: { op, value, isDuration: false } },
  };
}

function restrictsKind(spec: RawMatcher): boolean {
  if (spec.kind !== undefined) return true;
  if (spec.all?.some(restrictsKind)) return true;
  return spec.any?.every(restrictsKind) ?? false;
}

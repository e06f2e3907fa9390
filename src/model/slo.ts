import type { GatePolicy } from "./gate.ts";
import type { Matcher } from "./matcher.ts";
import type { DurationMs } from "./time.ts";

/** One service level objective, validated. Its `name` is unique in an engine. */
export interface Slo {
  readonly name: string;
  readonly displayName: string;
  readonly service: string;
  /** Ratio in (0, 1), for example 0.999. */
  readonly objective: number;
  readonly period: Period;
  readonly budgeting: Budgeting;
  readonly indicator: Indicator;
  /** Requests expected in one period (`slogate.dev/period-requests`), or null when unknown. */
  readonly plannedRequests: number | null;
  /** Data sampled upstream without `ot=th`: the ratio is not trusted and the gate does not close on it. */
  readonly sampledUpstream: boolean;
  readonly policy: GatePolicy;
}

/** The compliance period. `calendar` boundaries come from the `Calendar` port (time zones, month lengths). */
export type Period =
  | { readonly kind: "rolling"; readonly durationMs: DurationMs; readonly text: string }
  | {
      readonly kind: "calendar";
      readonly count: number;
      readonly unit: "day" | "week" | "month" | "quarter" | "year";
      /** ISO local date-time without zone, for example "2026-01-01T00:00:00". */
      readonly startLocal: string;
      readonly timeZone: string;
      /** Nominal length, for thresholds and projections. */
      readonly durationMs: DurationMs;
      readonly text: string;
    };

export type Budgeting =
  | { readonly method: "occurrences" }
  /** A slice is bad when its good ratio is below `sliceTarget`; a slice without requests is not counted. */
  | { readonly method: "timeslices"; readonly sliceMs: DurationMs; readonly sliceTarget: number }
  /** Every slice counts with its own ratio, whatever its traffic. */
  | { readonly method: "ratio-timeslices"; readonly sliceMs: DurationMs };

export type Indicator = SpanIndicator | MetricIndicator;

/** Request spans: `total` selects, `bad` (or the complement of `good`) judges. */
export interface SpanIndicator {
  readonly signal: "spans";
  readonly total: Matcher;
  /** Exactly one of the two is set. */
  readonly bad: Matcher | null;
  readonly good: Matcher | null;
}

/** Metric points; every part adds what it selects. */
export interface MetricIndicator {
  readonly signal: "metrics";
  /** What counts as a request. Of a gauge every point does. */
  readonly total: MetricSelector;
  /** Exactly one of the two is set. */
  readonly bad: MetricSelector | null;
  readonly good: MetricSelector | null;
}

export interface MetricSelector {
  /** Metric names, any of them (for example the current and the legacy name); usually one. */
  readonly metrics: readonly string[];
  readonly where: Matcher;
  /**
   * Null: the point's own value (sum) or count (histogram).
   * Histograms: `op` is lte (observations at or below) or gt (above); `value` in the metric's base unit
   * as seconds when `isDuration`, so that a metric in ms is converted.
   * Gauges: every point is one request; it is selected when `point op value` holds.
   */
  readonly threshold: {
    readonly op: "lte" | "lt" | "gte" | "gt";
    readonly value: number;
    readonly isDuration: boolean;
  } | null;
}

/** Whether counts of one still mean the same for the other. */
export function sameCounting(a: Slo, b: Slo): boolean {
  return sameIndicator(a, b) && JSON.stringify(a.budgeting) === JSON.stringify(b.budgeting);
}

/** Whether the same requests are good for both, and the same are bad. */
export function sameIndicator(a: Slo, b: Slo): boolean {
  return JSON.stringify(a.indicator) === JSON.stringify(b.indicator);
}

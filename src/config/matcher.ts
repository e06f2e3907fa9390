import type { Matcher, Scalar, ValueTest } from "../model/matcher.ts";
import type { MetricSelector } from "../model/slo.ts";
import { parseFixedDuration } from "./duration.ts";
import type {
  RawBounds,
  RawMatcher,
  RawOperators,
  RawTest,
  RawThreshold,
} from "./matcher-schema.ts";

/** The model's matcher for a checked `otlp.spans` spec, or the `where` of an `otlp.metrics` one. */
export function toMatcher(raw: RawMatcher): Matcher {
  const parts: Matcher[] = [];
  if (raw.kind !== undefined) parts.push({ kind: listOf(raw.kind) });
  if (raw.name !== undefined) parts.push({ name: toTest(raw.name) });
  if (raw.status !== undefined) parts.push({ status: listOf(raw.status) });
  for (const [resource, test] of Object.entries(raw.resource ?? {})) {
    parts.push({ resource, test: toTest(test) });
  }
  for (const [attribute, test] of Object.entries(raw.attributes ?? {})) {
    parts.push({ attribute, test: toTest(test) });
  }
  if (raw.duration !== undefined) parts.push({ durationMs: toDurationTest(raw.duration) });
  if (raw.any !== undefined) parts.push({ any: raw.any.map(toMatcher) });
  if (raw.all !== undefined) parts.push(...raw.all.map(toMatcher));
  if (raw.not !== undefined) parts.push({ not: toMatcher(raw.not) });
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : { all: parts };
}

/**
 * The model's selector for a checked `otlp.metrics` spec. A threshold without operator selects
 * observations at or below it in `good` and above it in `bad`.
 */
export function toSelector(raw: RawMatcher, role: "total" | "good" | "bad"): MetricSelector {
  return {
    metrics: raw.metric === undefined ? [] : listOf(raw.metric),
    where: toMatcher({
      resource: raw.resource,
      attributes: raw.attributes,
      any: raw.any,
      all: raw.all,
      not: raw.not,
    }),
    threshold: raw.threshold === undefined ? null : toThreshold(raw.threshold, role),
  };
}

/** How many operators a threshold has; the model can hold one. */
export function countBounds(raw: RawThreshold): number {
  if (typeof raw !== "object") return 1;
  return Object.values(raw).filter((bound) => bound !== undefined).length;
}

function toThreshold(
  raw: RawThreshold,
  role: "total" | "good" | "bad",
): MetricSelector["threshold"] {
  if (typeof raw !== "object") return thresholdOf(role === "bad" ? "gt" : "lte", raw);
  for (const op of ["lte", "gt", "lt", "gte"] as const) {
    const bound = raw[op];
    if (bound !== undefined) return thresholdOf(op, bound);
  }
  return null;
}

function thresholdOf(
  op: "lte" | "lt" | "gte" | "gt",
  bound: string | number,
): MetricSelector["threshold"] {
  if (typeof bound === "number") return { op, value: bound, isDuration: false };
  return { op, value: millis(bound) / 1000, isDuration: true };
}

function toTest(raw: RawTest): ValueTest {
  if (typeof raw !== "object") return { in: [raw] };
  if (!isOperators(raw)) return { in: raw };
  const { eq, ne, in: anyOf, not_in: noneOf, ...others } = raw;
  const test: { -readonly [Key in keyof ValueTest]: ValueTest[Key] } = {};
  if (eq !== undefined) test.in = [eq];
  if (anyOf !== undefined) test.in = anyOf;
  if (ne !== undefined || noneOf !== undefined) {
    test.notIn = [...(ne === undefined ? [] : [ne]), ...(noneOf ?? [])];
  }
  return { ...test, ...defined(others) };
}

function toDurationTest(raw: RawBounds<string>): ValueTest {
  return Object.fromEntries(
    Object.entries(defined(raw)).map(([op, bound]) => [op, millis(String(bound))]),
  );
}

function millis(text: string): number {
  const parsed = parseFixedDuration(text);
  if ("fault" in parsed) throw new Error("unreachable: the schema checked this duration");
  return parsed.ms;
}

/** Absent keys rather than undefined ones: the model's optional keys do not take undefined. */
function defined<T extends object>(value: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  const kept = Object.entries(value).filter(([, part]) => part !== undefined);
  return Object.fromEntries(kept) as { [Key in keyof T]?: Exclude<T[Key], undefined> };
}

function isOperators(raw: Exclude<RawTest, Scalar>): raw is RawOperators {
  return !Array.isArray(raw);
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}

function listOf<T extends string>(value: T | readonly T[]): readonly T[] {
  return isList(value) ? value : [value];
}

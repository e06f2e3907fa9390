import { z } from "zod";
import { DURATION_PATTERN, parseDuration } from "./duration.ts";
import { must, oneOf, strict } from "./issues.ts";
import { metricMatcher, spanMatcher } from "./matcher-schema.ts";
import { show, suggest } from "./problem.ts";

/*
 * OpenSLO v1 documents as written: shapes and single values. What concerns several keys at once is checked
 * where it is used (period.ts, indicator.ts, policy.ts).
 * Source: https://github.com/OpenSLO/OpenSLO#specification
 */

export const API_VERSION = "openslo/v1";

const text = z.string(must("text"));
const name = z
  .string(must("a name"))
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    must("at most 63 of a-z, 0-9 and -, beginning and ending with a letter or digit", nameHint),
  );
const freeMap = z.record(z.string(), z.unknown(), must("a mapping"));

/** Quoting is easily forgotten for numbers and true/false, and harmless. */
const annotation = z.union([z.string(), z.number(), z.boolean()], must("text"));

const metadata = strict({
  name,
  displayName: text.optional(),
  labels: freeMap.optional(),
  annotations: z.record(z.string(), annotation, must("a mapping")).optional().meta({
    description:
      "Of an SLO: slogate.dev/ mode, on-unknown, hold-for, keep-closed-for, freeze, close-on-forecast, min-bad, detector, sensitivity, smallest-burn, windows, period-requests, sampled; others are free.",
  }),
}).meta({ id: "Metadata" });

const description = z.string(must("text")).max(1050, must("at most 1050 characters")).optional();

/** A duration whose meaning (fixed or calendar) is decided where it is used. */
const anyDuration = z
  .string(must("a duration such as 5m, 28d or 1M"))
  .superRefine((value, context) => {
    const parsed = parseDuration(value);
    if ("fault" in parsed) {
      context.addIssue({ code: "custom", message: `${parsed.fault}, found ${show(value)}` });
    }
  })
  .meta({ pattern: DURATION_PATTERN, examples: ["5m", "28d"] });

const ratio = (be: string) => z.number(must(be, percentHint));
const TARGET = "at least 0 and below 1";
const PERCENT = "at least 0 and below 100";
const SLICE_TARGET = "above 0 and at most 1";

const SOURCE_TYPES = ["otlp.spans", "otlp.metrics"] as const;

const knownSource = z.discriminatedUnion(
  "type",
  [
    strict({ metricSourceRef: text.optional(), type: z.literal("otlp.spans"), spec: spanMatcher }),
    strict({
      metricSourceRef: text.optional(),
      type: z.literal("otlp.metrics"),
      spec: metricMatcher,
    }),
  ],
  {
    error: (issue) => {
      if (issue.code !== "invalid_union") return undefined;
      const found = (issue.input as { type?: unknown } | undefined)?.type;
      return found === undefined
        ? "is missing; it must be otlp.spans or otlp.metrics"
        : `must be otlp.spans or otlp.metrics, found ${show(found)}`;
    },
  },
);

/** With a misspelt type, too, the spec is judged: type and keys tell which of the two is meant. */
export const metricSource = knownSource.superRefine(
  ({ type, spec }: { readonly type?: unknown; readonly spec?: unknown }, context) => {
    const isMetric = /metric/i.test(String(type)) || Object.hasOwn(Object(spec), "metric");
    const meant = isMetric ? metricMatcher : spanMatcher;
    for (const issue of meant.safeParse(spec, { reportInput: true }).error?.issues ?? []) {
      context.addIssue({ ...issue, path: ["spec", ...issue.path] });
    }
  },
  { when: ({ value, issues }) => issues.length > 0 && isMisspeltSource(value) },
);

const part = strict({ metricSource });

const notSupported = (message: string) => z.undefined({ error: () => message }).optional();

export const indicatorSpec = strict({
  ratioMetric: strict({
    counter: z.boolean(must("true or false")).optional(),
    good: part.optional(),
    bad: part.optional(),
    total: part.optional(),
    rawType: notSupported("is not supported; write good (or bad) and total instead of a raw ratio"),
    raw: notSupported("is not supported; write good (or bad) and total instead of a raw ratio"),
  }).optional(),
  thresholdMetric: strict({ metricSource }).optional(),
}).meta({ id: "IndicatorSpec" });

const indicatorInline = strict({
  apiVersion: text.optional(),
  kind: text.optional(),
  metadata: strict({
    name: name.optional(),
    displayName: text.optional(),
    labels: freeMap.optional(),
    annotations: freeMap.optional(),
  }).optional(),
  spec: strict({ description, ...indicatorSpec.shape }),
});

export const timeWindow = strict({
  duration: anyDuration,
  isRolling: z.boolean(must("true or false")).optional(),
  calendar: strict({
    startTime: text.meta({ examples: ["2026-01-01 00:00:00"] }),
    timeZone: text.meta({ examples: ["Europe/Berlin"] }),
  }).optional(),
}).meta({ id: "TimeWindow" });

export const objective = strict({
  displayName: text.optional(),
  op: oneOf(["lte", "gte", "lt", "gt"]).optional(),
  value: z.number(must("a number")).optional(),
  target: ratio(TARGET)
    .min(0, must(TARGET, percentHint))
    .lt(1, must(TARGET, percentHint))
    .optional()
    .meta({ description: "Share of good requests wanted, for example 0.999." }),
  targetPercent: ratio(PERCENT).min(0, must(PERCENT)).lt(100, must(PERCENT)).optional(),
  timeSliceTarget: ratio(SLICE_TARGET)
    .gt(0, must(SLICE_TARGET, percentHint))
    .max(1, must(SLICE_TARGET, percentHint))
    .optional(),
  timeSliceWindow: anyDuration.optional(),
  indicator: notSupported("is not supported: composite SLOs; put the indicator into spec"),
  indicatorRef: notSupported("is not supported: composite SLOs; put indicatorRef into spec"),
  compositeWeight: notSupported("is not supported: composite SLOs; write one SLO per indicator"),
}).meta({ id: "Objective" });

export const conditionSpec = strict({
  description,
  severity: z.unknown(),
  condition: strict({
    kind: oneOf(["burnrate"]),
    op: oneOf(["gt", "gte"]).optional(),
    threshold: z.number(must("a burn rate above 0")).gt(0, must("a burn rate above 0")),
    lookbackWindow: anyDuration,
    alertAfter: anyDuration.optional(),
  }),
}).meta({ id: "AlertConditionSpec" });

const conditionItem = strict({
  conditionRef: name.optional(),
  apiVersion: text.optional(),
  kind: oneOf(["AlertCondition"]).optional(),
  metadata: metadata.optional(),
  spec: conditionSpec.optional(),
});

export const policySpec = strict({
  description,
  alertWhenNoData: z.boolean(must("true or false")).optional(),
  alertWhenResolved: z.boolean(must("true or false")).optional(),
  alertWhenBreaching: z.boolean(must("true or false")).optional(),
  conditions: z.array(conditionItem, must("a list")),
  notificationTargets: z.array(z.unknown(), must("a list")).optional(),
}).meta({ id: "AlertPolicySpec" });

export const policyItem = strict({
  alertPolicyRef: name.optional(),
  apiVersion: text.optional(),
  kind: oneOf(["AlertPolicy"]).optional(),
  metadata: metadata.optional(),
  spec: policySpec.optional(),
});

export const METHODS = ["Occurrences", "Timeslices", "RatioTimeslices"] as const;

export const service = z
  .string(must("the service.name of the requests"))
  .min(1, must("the service.name of the requests"))
  .max(256, must("at most 256 characters"));

const sloSpec = strict({
  description,
  service: service.meta({
    description: "service.name of the requests, unless an indicator says otherwise.",
  }),
  indicator: indicatorInline.optional(),
  indicatorRef: name.optional(),
  timeWindow: z.array(timeWindow, must("a list with one time window")).optional(),
  budgetingMethod: oneOf(METHODS).optional(),
  objectives: z.array(objective, must("a list with one objective")),
  alertPolicies: z.array(policyItem, must("a list")).optional(),
});

const document = <Kind extends string>(kind: Kind, spec: z.ZodType) =>
  strict({ apiVersion: z.literal(API_VERSION), kind: z.literal(kind), metadata, spec });

/** Every kind of OpenSLO v1 by name; those this product has no use for are taken as they are. */
export const DOCUMENTS = {
  SLO: document("SLO", sloSpec),
  SLI: document("SLI", strict({ description, ...indicatorSpec.shape })),
  AlertPolicy: document("AlertPolicy", policySpec),
  AlertCondition: document("AlertCondition", conditionSpec),
  Service: document("Service", freeMap),
  DataSource: document("DataSource", freeMap),
  AlertNotificationTarget: document("AlertNotificationTarget", freeMap),
} as const;

export type DocumentKind = keyof typeof DOCUMENTS;

function percentHint(input: unknown): string {
  if (typeof input !== "number" || !(input > 1 && input < 100)) return "";
  return ` (${input} % is ${Number((input / 100).toPrecision(12))})`;
}

function nameHint(input: unknown): string {
  const better = String(input)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 63);
  return better === "" ? "" : ` (${better} would do)`;
}

/** The spec of another product's source would only make noise. */
function isMisspeltSource(value: unknown): boolean {
  const { type, spec } = Object(value) as { type?: unknown; spec?: unknown };
  if (typeof spec !== "object" || spec === null) return false;
  if (type === undefined) return true;
  const known = SOURCE_TYPES.some((name) => name === type);
  return !known && typeof type === "string" && suggest(type, SOURCE_TYPES) !== "";
}

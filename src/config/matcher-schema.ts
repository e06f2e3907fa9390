import { z } from "zod";
import type { SpanKind, SpanStatus } from "../model/matcher.ts";
import { DURATION_PATTERN, parseFixedDuration } from "./duration.ts";
import { must, oneOf, strict } from "./issues.ts";
import { show } from "./problem.ts";

/** `metricSource.spec` as written, before `matcher.ts` turns it into the model's matchers. */
export interface RawMatcher {
  readonly kind?: RawList<SpanKind> | undefined;
  readonly name?: RawTest | undefined;
  readonly status?: RawList<SpanStatus> | undefined;
  readonly resource?: Readonly<Record<string, RawTest>> | undefined;
  readonly attributes?: Readonly<Record<string, RawTest>> | undefined;
  readonly duration?: RawBounds<string> | undefined;
  readonly metric?: RawList<string> | undefined;
  readonly threshold?: RawThreshold | undefined;
  readonly any?: readonly RawMatcher[] | undefined;
  readonly all?: readonly RawMatcher[] | undefined;
  readonly not?: RawMatcher | undefined;
}

type RawScalar = string | number | boolean;
type RawList<T> = T | readonly T[];

export interface RawOperators {
  readonly eq?: RawScalar | undefined;
  readonly ne?: RawScalar | undefined;
  readonly in?: readonly RawScalar[] | undefined;
  readonly not_in?: readonly RawScalar[] | undefined;
  readonly prefix?: string | undefined;
  readonly suffix?: string | undefined;
  readonly contains?: string | undefined;
  readonly exists?: boolean | undefined;
  readonly gt?: number | undefined;
  readonly gte?: number | undefined;
  readonly lt?: number | undefined;
  readonly lte?: number | undefined;
}

export type RawTest = RawScalar | readonly RawScalar[] | RawOperators;

export interface RawBounds<T> {
  readonly gt?: T | undefined;
  readonly gte?: T | undefined;
  readonly lt?: T | undefined;
  readonly lte?: T | undefined;
}

/** A bare threshold means "at or below" in `good` and "above" in `bad`. */
export type RawThreshold = string | number | RawBounds<string | number>;

const SPAN_KINDS = [
  "unspecified",
  "internal",
  "server",
  "client",
  "producer",
  "consumer",
] as const satisfies readonly SpanKind[];
const SPAN_STATUSES = ["unset", "ok", "error"] as const satisfies readonly SpanStatus[];

export const durationText = z
  .string(must("a duration such as 300ms, 5m or 28d"))
  .superRefine((text, context) => {
    const parsed = parseFixedDuration(text);
    if ("fault" in parsed) {
      context.addIssue({ code: "custom", message: `${parsed.fault}, found ${show(text)}` });
    }
  })
  .meta({ pattern: DURATION_PATTERN, examples: ["300ms", "5m"] });

const finite = z.number(must("a number"));
const text = z.string(must("text"));
const scalar = z.union([z.string(), z.number(), z.boolean()], must("text, a number or true/false"));
const scalars = z.array(scalar).min(1, must("a list with at least one value"));

/** `{}` would hold for everything, which nobody means. */
function atLeastOneOf<T extends z.ZodType>(schema: T, what: string): T {
  return schema.refine(
    (value) => Object.values(value as object).some((part) => part !== undefined),
    {
      message: `must have at least one ${what}, found {}`,
      // A mapping with a misspelt key has been complained about.
      when: ({ issues }) => issues.length === 0,
    },
  );
}

const operators = atLeastOneOf(
  strict({
    eq: scalar.optional(),
    ne: scalar.optional(),
    in: scalars.optional(),
    not_in: scalars.optional(),
    prefix: text.optional(),
    suffix: text.optional(),
    contains: text.optional(),
    exists: z.boolean(must("true or false")).optional(),
    gt: finite.optional(),
    gte: finite.optional(),
    lt: finite.optional(),
    lte: finite.optional(),
  }).refine((value) => value.eq === undefined || value.in === undefined, {
    message: "must have eq or in, not both",
  }),
  "operator",
);

const test = z
  .union(
    [z.string(), z.number(), z.boolean(), scalars, operators],
    must("a value, a list of values or operators such as {gte: 500}"),
  )
  .meta({ description: "An exact value, a list (any of them), or operators such as {gte: 500}." });

function wordOrList<const Words extends readonly [string, ...string[]]>(words: Words) {
  const word = oneOf(words);
  return z.union(
    [word, z.array(word).min(1, must("a list with at least one value"))],
    must("a word or a list of words"),
  );
}

const tests = z.record(z.string(), test).refine((map) => Object.keys(map).length > 0, {
  message: "must name at least one attribute, found {}",
});

function bounds<T extends z.ZodType>(bound: T) {
  return atLeastOneOf(
    strict({
      gt: bound.optional(),
      gte: bound.optional(),
      lt: bound.optional(),
      lte: bound.optional(),
    }),
    "of gt, gte, lt and lte",
  );
}

const combined = (self: z.ZodType<RawMatcher>) => {
  const list = z.array(self).min(1, must("a list with at least one matcher")).optional();
  return { any: list, all: list, not: self.optional() };
};

const conditions = (schema: z.ZodType<RawMatcher>) => atLeastOneOf(schema, "condition");

/** What a span must be. Keys of one mapping must all hold. */
export const spanMatcher: z.ZodType<RawMatcher> = z
  .lazy(() =>
    conditions(
      strict({
        kind: wordOrList(SPAN_KINDS).optional(),
        name: test.optional(),
        status: wordOrList(SPAN_STATUSES).optional(),
        resource: tests.optional(),
        attributes: tests.optional(),
        duration: bounds(durationText).optional(),
        ...combined(spanMatcher),
      }),
    ),
  )
  .meta({ id: "SpanMatcher", description: "Conditions on a span; all of them must hold." });

/** What a metric point's attributes must be; the metric itself is named once, at the top. */
const pointMatcher: z.ZodType<RawMatcher> = z
  .lazy(() =>
    conditions(
      strict({
        resource: tests.optional(),
        attributes: tests.optional(),
        ...combined(pointMatcher),
      }),
    ),
  )
  .meta({
    id: "PointMatcher",
    description: "Conditions on a metric point; all of them must hold.",
  });

const thresholdBound = z.union(
  [z.number(), durationText],
  must("a number in the metric's unit or a duration such as 300ms"),
);

const metricName = z.string(must("a metric name")).min(1, must("a metric name"));

export const metricMatcher: z.ZodType<RawMatcher> = strict({
  metric: z
    .union([metricName, z.array(metricName).min(1, must("a metric name"))], must("a metric name"))
    .meta({ description: "Metric name, or a list of names of the same thing (any of them)." }),
  threshold: z
    .union(
      [z.number(), durationText, bounds(thresholdBound)],
      must("a number in the metric's unit or a duration such as 300ms"),
    )
    .optional()
    .meta({
      description:
        "Histograms: observations at or below (in `good`) or above (in `bad`) this bucket bound. Gauges: points beyond it.",
    }),
  resource: tests.optional(),
  attributes: tests.optional(),
  ...combined(pointMatcher),
}).meta({ id: "MetricMatcher" });

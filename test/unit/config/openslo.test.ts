import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseSlos } from "../../../src/config/openslo.ts";
import type { Slo } from "../../../src/model/slo.ts";
import { DAY, HOUR, MINUTE } from "../../../src/model/time.ts";

/** An SLO file in JSON (which is YAML), so that a case is one changed part. */
function sloText(spec: object = {}, metadata: object = {}): string {
  return JSON.stringify({
    apiVersion: "openslo/v1",
    kind: "SLO",
    metadata: { name: "payment", ...metadata },
    spec: { service: "payment", objectives: [{ target: 0.999 }], ...spec },
  });
}

const parse = (text: string) => parseSlos([{ path: "a.yaml", text }]);

function problemsOf(text: string): string[] {
  return parse(text).problems.map(({ path, message }) => `${path}: ${message}`);
}

function only(text: string): Slo {
  const { slos, problems } = parse(text);
  expect(problems).toEqual([]);
  const [slo] = slos;
  if (slos.length !== 1 || slo === undefined) throw new Error(`expected one SLO: ${slos.length}`);
  return slo;
}

const spans = (spec: object) => ({ metricSource: { type: "otlp.spans", spec } });
const metric = (spec: object) => ({ metricSource: { type: "otlp.metrics", spec } });
const ratio = (ratioMetric: object) => ({ indicator: { spec: { ratioMetric } } });
const total = spans({ kind: "server", resource: { "service.name": "payment" } });
const bad = spans({ status: "error" });
const rolling = (duration: string) => ({ timeWindow: [{ duration, isRolling: true }] });
const annotated = (annotations: object, spec: object = {}) => sloText(spec, { annotations });

describe("parseSlos: what an SLO gets without saying so", () => {
  const slo = only(sloText());

  it("is 28 days rolling, occurrences, and the default policy", () => {
    expect(slo.period).toEqual({ kind: "rolling", durationMs: 28 * DAY, text: "28d" });
    expect(slo.budgeting).toEqual({ method: "occurrences" });
    expect(slo.displayName).toBe("payment");
    expect(slo.plannedRequests).toBeNull();
    expect(slo.sampledUpstream).toBe(false);
    const { pairs: _pairs, ...policy } = slo.policy;
    expect(policy).toEqual({
      mode: "enforce",
      onUnknown: "hold",
      holdForMs: 15 * MINUTE,
      keepClosedForMs: 5 * MINUTE,
      freezeWhenExhausted: true,
      closeOnForecast: true,
      minBad: 4,
      detector: "sequential",
      sensitivity: "normal",
      smallestBurn: null,
    });
  });

  it("has the workbook's windows with thresholds scaled to the period", () => {
    // 2 % x 28 d / 1 h = 0.02 x 672 = 13.44; 5 % x 672 / 6 = 5.6; 10 % x 28 / 3 = 0.9333
    const [page, slow, ticket] = slo.policy.pairs;
    expect(page).toEqual({
      short: { label: "5m", durationMs: 5 * MINUTE },
      long: { label: "1h", durationMs: HOUR },
      threshold: 13.44,
    });
    expect(slow?.threshold).toBe(5.6);
    expect(ticket?.threshold).toBeCloseTo(28 / 30, 12);
    expect(slo.policy.pairs).toHaveLength(3);
  });

  it("counts server spans of the service, without health checks and synthetic traffic", () => {
    const paths = ["/healthz", "/readyz", "/livez"];
    const names = paths.flatMap((path) => [path, `GET ${path}`, `HEAD ${path}`]);
    const codes = [2, 4, 12, 13, 14, 15];
    const words = [
      "UNKNOWN",
      "DEADLINE_EXCEEDED",
      "UNIMPLEMENTED",
      "INTERNAL",
      "UNAVAILABLE",
      "DATA_LOSS",
    ];
    expect(slo.indicator).toEqual({
      signal: "spans",
      total: {
        all: [
          { kind: ["server"] },
          { resource: "service.name", test: { in: ["payment"] } },
          {
            not: {
              any: [
                { attribute: "url.path", test: { in: paths } },
                { attribute: "http.route", test: { in: paths } },
                { attribute: "http.target", test: { in: paths } },
                { attribute: "http.target", test: { prefix: "/healthz?" } },
                { attribute: "http.target", test: { prefix: "/readyz?" } },
                { attribute: "http.target", test: { prefix: "/livez?" } },
                { name: { in: names } },
              ],
            },
          },
          { not: { attribute: "user_agent.synthetic.type", test: { in: ["bot", "test"] } } },
        ],
      },
      bad: {
        any: [
          { status: ["error"] },
          { attribute: "http.response.status_code", test: { gte: 500 } },
          { attribute: "http.status_code", test: { gte: 500 } },
          { attribute: "rpc.grpc.status_code", test: { in: codes } },
          { attribute: "rpc.status_code", test: { in: [...words, ...codes] } },
          { attribute: "rpc.response.status_code", test: { in: [...words, ...codes] } },
        ],
      },
      good: null,
    });
  });
});

describe("parseSlos: indicators", () => {
  it("reads every condition and operator of a span matcher", () => {
    const slo = only(
      sloText(
        ratio({
          total: spans({ kind: ["server", "consumer"], resource: { "service.name": "payment" } }),
          bad: spans({
            name: { prefix: "POST " },
            any: [
              { status: "error" },
              { attributes: { code: { gte: 500, not_in: [501], ne: 599 }, tier: ["a", 1, true] } },
              { not: { attributes: { x: { exists: false } } } },
            ],
            all: [{ duration: { gt: "300ms", lte: "1.5s" } }],
          }),
        }),
      ),
    );
    expect(slo.indicator).toEqual({
      signal: "spans",
      total: {
        all: [
          { kind: ["server", "consumer"] },
          { resource: "service.name", test: { in: ["payment"] } },
        ],
      },
      bad: {
        all: [
          { name: { prefix: "POST " } },
          {
            any: [
              { status: ["error"] },
              {
                all: [
                  { attribute: "code", test: { gte: 500, notIn: [599, 501] } },
                  { attribute: "tier", test: { in: ["a", 1, true] } },
                ],
              },
              { not: { attribute: "x", test: { exists: false } } },
            ],
          },
          { durationMs: { gt: 300, lte: 1500 } },
        ],
      },
      good: null,
    });
  });

  it.each([
    ["good", "300ms", { op: "lte", value: 0.3, isDuration: true }],
    ["bad", "300ms", { op: "gt", value: 0.3, isDuration: true }],
    ["good", 0.25, { op: "lte", value: 0.25, isDuration: false }],
    ["bad", { gte: "2s" }, { op: "gte", value: 2, isDuration: true }],
    ["good", { lt: 100 }, { op: "lt", value: 100, isDuration: false }],
  ])("reads a histogram threshold in %s: %j", (role, threshold, expected) => {
    const { indicator } = only(
      sloText(
        ratio({ total: metric({ metric: "d" }), [role]: metric({ metric: "d", threshold }) }),
      ),
    );
    if (indicator.signal !== "metrics") throw new Error("expected metrics");
    expect(indicator.total).toEqual({ metrics: ["d"], where: { all: [] }, threshold: null });
    expect(indicator[role as "good" | "bad"]?.threshold).toEqual(expected);
  });

  it("lists only the metric names the user wrote", () => {
    const both = ["http.server.request.duration", "http.server.duration"];
    const { indicator } = only(
      sloText(
        ratio({
          total: metric({ metric: both, attributes: { "http.route": "/pay" } }),
          bad: metric({ metric: "errors", resource: { "service.name": "payment" } }),
        }),
      ),
    );
    expect(indicator).toEqual({
      signal: "metrics",
      total: {
        metrics: both,
        where: { attribute: "http.route", test: { in: ["/pay"] } },
        threshold: null,
      },
      bad: {
        metrics: ["errors"],
        where: { resource: "service.name", test: { in: ["payment"] } },
        threshold: null,
      },
      good: null,
    });
  });

  it("takes the good side of a threshold metric from the objective", () => {
    const { indicator } = only(
      sloText({
        objectives: [{ target: 0.99, op: "lte", value: 80 }],
        indicator: { spec: { thresholdMetric: metric({ metric: "queue.depth" }) } },
      }),
    );
    const total = { metrics: ["queue.depth"], where: { all: [] }, threshold: null };
    expect(indicator).toEqual({
      signal: "metrics",
      total,
      bad: null,
      good: { ...total, threshold: { op: "lte", value: 80, isDuration: false } },
    });
  });

  it("warns when the total takes spans of every kind", () => {
    const { warnings } = parse(
      sloText(
        ratio({
          total: spans({ name: "x", resource: { "service.name": "payment" } }),
          bad: spans({ status: "error" }),
        }),
      ),
    );
    expect(warnings.map((warning) => warning.message)).toEqual([
      "has no kind, so client and internal spans count as requests too; kind: server is usual",
    ]);
  });
});

describe("parseSlos: periods, budgeting and policy", () => {
  it.each([
    ["1d", "day", 1, DAY],
    ["1w", "week", 1, 7 * DAY],
    ["1M", "month", 1, 30 * DAY],
    ["2Q", "quarter", 2, 182 * DAY],
    ["1Y", "year", 1, 365 * DAY],
  ])("reads a calendar window of %s", (duration, unit, count, durationMs) => {
    const calendar = { startTime: "2026-01-01 00:00:00", timeZone: "Europe/Berlin" };
    const timeWindow = [{ duration, isRolling: false, calendar }];
    expect(only(sloText({ timeWindow })).period).toEqual({
      kind: "calendar",
      count,
      unit,
      startLocal: "2026-01-01T00:00:00",
      timeZone: "Europe/Berlin",
      durationMs,
      text: duration,
    });
  });

  it("reads both kinds of time slices", () => {
    const slices = (method: string, more: object) =>
      only(
        sloText({
          budgetingMethod: method,
          objectives: [{ target: 0.99, timeSliceWindow: "1m", ...more }],
        }),
      ).budgeting;
    expect(slices("Timeslices", { timeSliceTarget: 0.95 })).toEqual({
      method: "timeslices",
      sliceMs: MINUTE,
      sliceTarget: 0.95,
    });
    expect(slices("RatioTimeslices", {})).toEqual({ method: "ratio-timeslices", sliceMs: MINUTE });
  });

  it("turns percent into a ratio without binary dust", () => {
    expect(only(sloText({ objectives: [{ targetPercent: 99.9 }] })).objective).toBe(0.999);
    expect(only(sloText({ objectives: [{ targetPercent: 99.95 }] })).objective).toBe(0.9995);
  });

  it("reads every annotation, quoted or not, and leaves other tools' alone", () => {
    const slo = only(
      annotated({
        "slogate.dev/mode": "shadow",
        "slogate.dev/on-unknown": "close",
        "slogate.dev/hold-for": "1h",
        "slogate.dev/keep-closed-for": "90s",
        "slogate.dev/freeze": "off",
        "slogate.dev/close-on-forecast": false,
        "slogate.dev/min-bad": 10,
        "slogate.dev/windows": "60m/6h>3.5",
        "slogate.dev/sensitivity": "high",
        "slogate.dev/smallest-burn": 2.5,
        "slogate.dev/period-requests": "2.4e6",
        "slogate.dev/sampled": "upstream",
        "other.example/mode": "whatever",
      }),
    );
    expect(slo.policy).toEqual({
      mode: "shadow",
      onUnknown: "close",
      holdForMs: HOUR,
      keepClosedForMs: 90_000,
      freezeWhenExhausted: false,
      closeOnForecast: false,
      minBad: 10,
      detector: "windows",
      sensitivity: "high",
      smallestBurn: 2.5,
      pairs: [
        {
          short: { label: "1h", durationMs: HOUR },
          long: { label: "6h", durationMs: 6 * HOUR },
          threshold: 3.5,
        },
      ],
    });
    expect(slo.plannedRequests).toBe(2_400_000);
    expect(slo.sampledUpstream).toBe(true);
  });

  it("drops default windows that no burn can reach, and says so", () => {
    // objective 0.9: all requests failing is burn 10, below 13.44
    const { slos, warnings } = parse(
      annotated({ "slogate.dev/detector": "windows" }, { objectives: [{ target: 0.9 }] }),
    );
    expect(slos[0]?.policy.pairs.map((pair) => pair.long.label)).toEqual(["6h", "3d"]);
    expect(warnings.map((warning) => warning.message)).toEqual([
      "the default burn windows 5m/1h are left out: burn 13.44 cannot be reached, all requests failing is 10",
    ]);
  });

  it("drops default windows of short periods, and warns when none is left", () => {
    // 7 d: 0.02 x 168 = 3.36, 0.05 x 28 = 1.4, 0.1 x 7 / 3 = 0.233
    const windows = { "slogate.dev/detector": "windows" };
    const week = parse(annotated(windows, rolling("7d")));
    expect(week.slos[0]?.policy.pairs.map((pair) => pair.threshold)).toEqual([3.36, 1.4]);
    expect(week.warnings[0]?.message).toContain("0.233 would forbid a burn this period can bear");
    const day = parse(annotated(windows, rolling("1d")));
    expect(parse(sloText(rolling("1d"))).warnings).toEqual([]);
    expect(day.slos[0]?.policy.pairs).toEqual([]);
    expect(day.warnings.at(-1)?.message).toBe(
      'no burn windows are left, so only an exhausted budget closes this gate; set the annotation slogate.dev/windows, for example "5m/1h>2"',
    );
  });
});

describe("parseSlos: problems", () => {
  const objective = (value: object) => sloText({ objectives: [value] });
  const slices = (timeSliceWindow: string) =>
    sloText({
      budgetingMethod: "Timeslices",
      objectives: [{ target: 0.9, timeSliceTarget: 0.9, timeSliceWindow }],
    });
  const calendar = (startTime: string, timeZone: string, duration = "1M") =>
    sloText({ timeWindow: [{ duration, isRolling: false, calendar: { startTime, timeZone } }] });
  const windows = (text: string, spec = {}) => annotated({ "slogate.dev/windows": text }, spec);
  const RATIO = "spec.indicator.spec.ratioMetric";
  const WINDOWS = 'metadata.annotations["slogate.dev/windows"]';

  it.each<[string, string, string]>([
    [
      "a target in percent",
      objective({ target: 99.9 }),
      "spec.objectives[0].target: must be at least 0 and below 1, found 99.9 (99.9 % is 0.999)",
    ],
    [
      "a target of 1",
      objective({ target: 1 }),
      "spec.objectives[0].target: must be at least 0 and below 1, found 1",
    ],
    [
      "a target of 0",
      objective({ target: 0 }),
      "spec.objectives[0].target: must be above 0: a target of 0 lets every request fail",
    ],
    [
      "a target as text",
      objective({ target: "0.999" }),
      'spec.objectives[0].target: must be at least 0 and below 1, found "0.999"',
    ],
    ["no target", objective({}), "spec.objectives[0].target: is missing; for example 0.999"],
    [
      "two targets",
      objective({ target: 0.9, targetPercent: 90 }),
      "spec.objectives[0]: must have target or targetPercent, found both",
    ],
    [
      "several objectives",
      sloText({ objectives: [{ target: 0.9 }, { target: 0.99 }] }),
      "spec.objectives: must hold exactly one objective, found 2; split them into one SLO per objective",
    ],
    [
      "no objective",
      sloText({ objectives: [] }),
      "spec.objectives: must hold exactly one objective, found 0",
    ],
    [
      "an unknown key",
      sloText({ timeWindows: [] }),
      "spec.timeWindows: is not a known key; did you mean timeWindow? known: description, service, indicator, indicatorRef, timeWindow, budgetingMethod, objectives, alertPolicies",
    ],
    [
      "a composite",
      objective({ target: 0.9, compositeWeight: 1 }),
      "spec.objectives[0].compositeWeight: is not supported: composite SLOs; write one SLO per indicator",
    ],
    [
      "a name Kubernetes would refuse",
      sloText({}, { name: "Payment_API" }),
      'metadata.name: must be at most 63 of a-z, 0-9 and -, beginning and ending with a letter or digit, found "Payment_API" (payment-api would do)',
    ],
    [
      "a budgeting method in the wrong case",
      sloText({ budgetingMethod: "occurrences" }),
      'spec.budgetingMethod: must be Occurrences, Timeslices or RatioTimeslices, found "occurrences" (did you mean Occurrences?)',
    ],
    [
      "a long rolling window",
      sloText(rolling("90d")),
      "spec.timeWindow[0].duration: must be at most 31d, found 90d: a rolling window forgets each hour exactly, and the hours of 31 days are kept; use a calendar window for longer periods",
    ],
    [
      "minutes where months were meant",
      sloText(rolling("1m")),
      "spec.timeWindow[0].duration: must be at least 10m, found 1m (m is minutes; months are M)",
    ],
    [
      "a rolling month",
      sloText(rolling("1M")),
      'spec.timeWindow[0].duration: must have a fixed length when rolling, found "1M"; write 28d or 30d, or a calendar',
    ],
    [
      "a duration that is none",
      sloText(rolling("28 days")),
      'spec.timeWindow[0].duration: must be a duration such as 300ms, 5m or 28d, found "28 days"',
    ],
    [
      "an unknown time zone",
      calendar("2026-01-01 00:00:00", "Berlin"),
      'spec.timeWindow[0].calendar.timeZone: must be a time zone such as Europe/Berlin or UTC, found "Berlin"',
    ],
    [
      "a start with a zone",
      calendar("2026-01-01T00:00:00Z", "UTC"),
      'spec.timeWindow[0].calendar.startTime: must be a local time without zone such as "2026-01-01 00:00:00", found "2026-01-01T00:00:00Z"',
    ],
    [
      "a start that does not exist",
      calendar("2026-02-30 00:00:00", "UTC"),
      'spec.timeWindow[0].calendar.startTime: must be a local time without zone such as "2026-01-01 00:00:00", found "2026-02-30 00:00:00"',
    ],
    [
      "calendar hours",
      calendar("2026-01-01", "UTC", "36h"),
      'spec.timeWindow[0].duration: must be whole days, weeks, months, quarters or years (1d, 1w, 1M, 1Q, 1Y), found "36h"',
    ],
    [
      "a slice that does not divide the hour",
      slices("7m"),
      "spec.objectives[0].timeSliceWindow: must be a multiple of 10s that divides the hour evenly (10s, 30s, 1m, 5m, 1h), found 7m",
    ],
    [
      "a slice shorter than a tick",
      slices("5s"),
      "spec.objectives[0].timeSliceWindow: must be a multiple of 10s that divides the hour evenly (10s, 30s, 1m, 5m, 1h), found 5s",
    ],
    [
      "time slices without a slice target",
      sloText({
        budgetingMethod: "Timeslices",
        objectives: [{ target: 0.9, timeSliceWindow: "1m" }],
      }),
      "spec.objectives[0].timeSliceTarget: is missing; budgetingMethod Timeslices needs the good ratio of a good slice, for example 0.95",
    ],
    [
      "a slice window with occurrences",
      objective({ target: 0.9, timeSliceWindow: "1m" }),
      "spec.objectives[0].timeSliceWindow: must be absent with budgetingMethod Occurrences",
    ],
    [
      "a source of another product",
      sloText(ratio({ total: { metricSource: { type: "Prometheus", spec: {} } }, bad })),
      `${RATIO}.total.metricSource.type: must be otlp.spans or otlp.metrics, found "Prometheus"`,
    ],
    [
      "good and bad",
      sloText(ratio({ total, bad, good: bad })),
      `${RATIO}: must have good or bad, found both`,
    ],
    [
      "no total",
      sloText(ratio({ bad })),
      `${RATIO}.total: is missing; it selects what counts as a request`,
    ],
    [
      "mixed signals",
      sloText(ratio({ total, bad: metric({ metric: "m" }) })),
      `${RATIO}.bad.metricSource.type: must be otlp.spans like the total's, found otlp.metrics`,
    ],
    [
      "a condition that holds for everything",
      sloText(ratio({ total, bad: spans({}) })),
      `${RATIO}.bad.metricSource.spec: must have at least one condition, found {}`,
    ],
    [
      "an unknown status, deep down",
      sloText(ratio({ total, bad: spans({ any: [{ not: { status: "err" } }] }) })),
      `${RATIO}.bad.metricSource.spec.any[0].not.status: must be unset, ok or error, found "err"`,
    ],
    [
      "an unknown operator",
      sloText(ratio({ total, bad: spans({ attributes: { "http.status_code": { get: 500 } } }) })),
      `${RATIO}.bad.metricSource.spec.attributes["http.status_code"].get: is not a known key; did you mean gt? known: eq, ne, in, not_in, prefix, suffix, contains, exists, gt, gte, lt, lte`,
    ],
    [
      "a number where a bound is a duration",
      sloText(ratio({ total, good: spans({ duration: { lte: 300 } }) })),
      `${RATIO}.good.metricSource.spec.duration.lte: must be a duration such as 300ms, 5m or 28d, found 300`,
    ],
    [
      "a span condition on a metric",
      sloText(
        ratio({ total: metric({ metric: "m", status: "ok" }), bad: metric({ metric: "m" }) }),
      ),
      `${RATIO}.total.metricSource.spec.status: is not a known key; known: metric, threshold, resource, attributes, any, all, not`,
    ],
    [
      "a raw ratio",
      sloText(ratio({ raw: total, total, bad })),
      `${RATIO}.raw: is not supported; write good (or bad) and total instead of a raw ratio`,
    ],
    [
      "a threshold metric of spans",
      sloText({ indicator: { spec: { thresholdMetric: total } } }),
      'spec.indicator.spec.thresholdMetric.metricSource.type: must be otlp.metrics, found "otlp.spans"; for the latency of spans use ratioMetric with good: {duration: {lte: 300ms}}',
    ],
    [
      "op and value beside a ratio",
      sloText({ ...ratio({ total, bad }), objectives: [{ target: 0.9, value: 1 }] }),
      "spec.objectives[0].value: must be absent with ratioMetric; it judges a thresholdMetric",
    ],
    [
      "an unknown annotation",
      annotated({ "slogate.dev/holdfor": "1m" }),
      'metadata.annotations["slogate.dev/holdfor"]: is not a known annotation; did you mean slogate.dev/hold-for? known: slogate.dev/mode, slogate.dev/on-unknown, slogate.dev/hold-for, slogate.dev/keep-closed-for, slogate.dev/freeze, slogate.dev/close-on-forecast, slogate.dev/min-bad, slogate.dev/detector, slogate.dev/sensitivity, slogate.dev/smallest-burn, slogate.dev/windows, slogate.dev/period-requests, slogate.dev/sampled',
    ],
    [
      "an annotation with another word",
      annotated({ "slogate.dev/on-unknown": "allow" }),
      'metadata.annotations["slogate.dev/on-unknown"]: must be hold or open or close, found "allow"',
    ],
    [
      "an annotation out of range",
      annotated({ "slogate.dev/min-bad": "0" }),
      'metadata.annotations["slogate.dev/min-bad"]: must be a whole number from 1 to 1000000, found "0"',
    ],
    [
      "windows that cannot be read",
      windows("5m,1h>14.4"),
      `${WINDOWS}: must be pairs such as "5m/1h>14.4, 30m/6h>6", found "5m"`,
    ],
    [
      "windows in the wrong order",
      windows("1h/5m>14.4"),
      `${WINDOWS}: must have the shorter window first, found 1h/5m`,
    ],
    [
      "a window too long for the rings",
      windows("6h/4d>1"),
      `${WINDOWS}: must have windows from 10s to 3d, found 4d`,
    ],
    [
      "a window between its ring's steps",
      windows("301s/1h>2"),
      `${WINDOWS}: must have windows in whole steps of 10s at this length, found 301s`,
    ],
    [
      "a threshold no burn reaches",
      windows("5m/1h>14.4", { objectives: [{ target: 0.9 }] }),
      `${WINDOWS}: must have thresholds that can be reached, found 14.4: with objective 0.9 all requests failing is burn 10`,
    ],
    [
      "an SLI that is not there",
      sloText({ indicatorRef: "nope" }),
      'spec.indicatorRef: must name an SLI in these files, found "nope"',
    ],
    [
      "both kinds of indicator",
      sloText({ ...ratio({ total, bad }), indicatorRef: "x" }),
      "spec: must have indicator or indicatorRef, found both",
    ],
    [
      "another version of OpenSLO",
      '{"apiVersion": "openslo.com/v2alpha", "kind": "SLO"}',
      'apiVersion: must be openslo/v1, found "openslo.com/v2alpha"',
    ],
    [
      "an unknown kind",
      '{"apiVersion": "openslo/v1", "kind": "Slo"}',
      'kind: is not a known kind, found "Slo"; did you mean SLO? known: SLO, SLI, AlertPolicy, AlertCondition, Service, DataSource, AlertNotificationTarget',
    ],
    ["a list", "- 1", ": must be an OpenSLO document (a mapping), found a list"],
    ["a key twice", "a: 1\na: 2", ': must have each key once, found "a" twice'],
  ])("names %s", (_what, text, expected) => {
    expect(problemsOf(text)).toContain(expected);
    expect(parse(text).slos).toEqual([]);
  });
});

describe("parseSlos: several problems, documents and files", () => {
  it("reports everything at once, with lines, in reading order", () => {
    const text = `apiVersion: openslo/v1
kind: SLO
metadata:
  name: a
  annotations:
    slogate.dev/freeze: maybe
spec:
  servce: payment
  objectives:
    - target: 99.9
  timeWindow:
    - duration: 1M
      isRolling: true
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: b}
spec: {service: b, objectives: [{target: 0.99}]}
`;
    const { slos, problems } = parse(text);
    expect(problems.map(({ line, path }) => `${line} ${path}`)).toEqual([
      '6 metadata.annotations["slogate.dev/freeze"]',
      "7 spec.service",
      "8 spec.servce",
      "10 spec.objectives[0].target",
      "12 spec.timeWindow[0].duration",
    ]);
    expect(slos.map((slo) => slo.name)).toEqual(["b"]);
  });

  it("does not complain twice about a mapping whose only key is misspelt", () => {
    const text = sloText(ratio({ total, bad: spans({ attributes: { code: { gtee: 5 } } }) }));
    expect(parse(text).problems).toHaveLength(1);
  });

  it("finds names used twice across files, and keeps the first", () => {
    const { slos, problems } = parseSlos([
      { path: "a.yaml", text: sloText() },
      { path: "b.yaml", text: `\n${sloText()}` },
    ]);
    expect(slos).toHaveLength(1);
    expect(problems).toEqual([
      {
        file: "b.yaml",
        path: "metadata.name",
        line: 2,
        message: 'must be unique, found "payment" also in a.yaml:1',
      },
    ]);
  });

  it("follows references to indicators, alert policies and conditions in other files", () => {
    const document = (kind: string, name: string, spec: object) =>
      JSON.stringify({ apiVersion: "openslo/v1", kind, metadata: { name }, spec });
    const condition = { kind: "burnrate", op: "gt", threshold: 10, lookbackWindow: "6h" };
    const { slos, problems, warnings } = parseSlos([
      {
        path: "slo.yaml",
        text: sloText({ indicatorRef: "sli", alertPolicies: [{ alertPolicyRef: "fast" }] }),
      },
      { path: "sli.yaml", text: document("SLI", "sli", { ratioMetric: { total, bad } }) },
      {
        path: "policy.yaml",
        text: document("AlertPolicy", "fast", { conditions: [{ conditionRef: "burn" }] }),
      },
      {
        path: "condition.yaml",
        text: document("AlertCondition", "burn", { severity: "page", condition }),
      },
      { path: "service.yaml", text: document("Service", "payment", { description: "x" }) },
    ]);
    expect(problems).toEqual([]);
    expect(slos[0]?.indicator).toMatchObject({ signal: "spans", bad: { status: ["error"] } });
    // lookback 6 h is the long window, a twelfth of it (30 min) the short one
    expect(slos[0]?.policy.pairs).toEqual([
      {
        short: { label: "30m", durationMs: 30 * MINUTE },
        long: { label: "6h", durationMs: 6 * HOUR },
        threshold: 10,
      },
    ]);
    expect(warnings.map(({ file, message }) => `${file}: ${message}`)).toEqual([
      "service.yaml: Service is accepted and ignored",
    ]);
  });

  it("reports a fault of a referenced indicator once, where it stands, and drops every SLO that uses it", () => {
    const sli = JSON.stringify({
      apiVersion: "openslo/v1",
      kind: "SLI",
      metadata: { name: "sli" },
      spec: { ratioMetric: { bad } },
    });
    const { slos, problems } = parseSlos([
      { path: "a.yaml", text: sloText({ indicatorRef: "sli" }, { name: "a" }) },
      { path: "b.yaml", text: sloText({ indicatorRef: "sli" }, { name: "b" }) },
      { path: "sli.yaml", text: sli },
    ]);
    expect(slos).toEqual([]);
    expect(problems.map(({ file, path }) => `${file} ${path}`)).toEqual([
      "sli.yaml spec.ratioMetric.total",
    ]);
  });

  it("drops an SLO whose referenced indicator is misspelt in a place it could do without", () => {
    const sli = JSON.stringify({
      apiVersion: "openslo/v1",
      kind: "SLI",
      metadata: { name: "sli" },
      spec: { ratioMetric: { bad, total, totl: 1 } },
    });
    const { slos, problems } = parseSlos([
      { path: "a.yaml", text: sloText({ indicatorRef: "sli" }) },
      { path: "sli.yaml", text: sli },
    ]);
    expect(problems).toHaveLength(1);
    expect(slos).toEqual([]);
  });

  it("lets the annotation overrule alert policies, and says so", () => {
    const alert = {
      kind: "AlertPolicy",
      metadata: { name: "p" },
      spec: {
        conditions: [
          {
            kind: "AlertCondition",
            metadata: { name: "c" },
            spec: {
              severity: "page",
              condition: { kind: "burnrate", threshold: 2, lookbackWindow: "1h" },
            },
          },
        ],
      },
    };
    const { slos, warnings } = parse(
      annotated({ "slogate.dev/windows": "5m/1h>3" }, { alertPolicies: [alert] }),
    );
    expect(slos[0]?.policy.pairs.map((pair) => pair.threshold)).toEqual([3]);
    expect(warnings.map((warning) => warning.message)).toEqual([
      "is overruled by slogate.dev/windows",
    ]);
  });

  it("names an alert threshold that cannot be reached", () => {
    const condition = { kind: "burnrate", threshold: 14.4, lookbackWindow: "1h" };
    const alertPolicies = [{ spec: { conditions: [{ spec: { severity: "page", condition } }] } }];
    expect(problemsOf(sloText({ objectives: [{ target: 0.9 }], alertPolicies }))).toEqual([
      "spec.alertPolicies[0].spec.conditions[0].spec.condition: must have thresholds that can be reached, found 14.4: with objective 0.9 all requests failing is burn 10",
    ]);
  });
});

describe("parseSlos: hostile and broken files", () => {
  it.each([
    ["a file over 1 MiB", "x".repeat(2 ** 20 + 1), "must be at most 1 MiB; split it"],
    ["an endless alias", "a: &a [*a]", "must not nest deeper than 48 levels"],
    [
      "an alias bomb",
      `a0: &a0 [x]\n${Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`).join("\n")}`,
      "cannot be read: Excessive alias count indicates a resource exhaustion attack",
    ],
    ["deep nesting", "[".repeat(500) + "]".repeat(500), "must not nest deeper than 48 levels"],
    [
      "nesting beyond the stack",
      "[".repeat(20_000) + "]".repeat(20_000),
      "is not valid YAML: it nests too deep",
    ],
  ])("refuses %s", (_what, text, message) => {
    expect(parse(text).problems[0]?.message).toBe(message);
  });

  it("gives the line of a syntax error and still reads the other documents", () => {
    const { slos, problems } = parse(`${sloText()}\n---\na: b: c\n`);
    expect(slos).toHaveLength(1);
    expect(problems[0]).toMatchObject({ file: "a.yaml", line: 3 });
    expect(problems[0]?.message).toContain("is not valid YAML: ");
  });

  it("stops listing after 200 problems of a file, within a second or two", () => {
    const keys = Array.from({ length: 20_000 }, (_, i) => `  k${i}: 1`).join("\n");
    const text = `apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: a}\nspec:\n${keys}\n`;
    const began = performance.now();
    const { problems } = parse(text);
    expect(problems).toHaveLength(201);
    expect(problems.filter((problem) => problem.message.startsWith("more than 200"))).toHaveLength(
      1,
    );
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it("never throws, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (text) => {
        parse(text);
      }),
      { numRuns: 500 },
    );
  });

  it("never throws, whatever stands in place of any part, and yields no SLO with a problem", () => {
    const original = JSON.parse(
      sloText(
        {
          ...ratio({ total, bad }),
          ...rolling("28d"),
          alertPolicies: [{ spec: { conditions: [{ spec: { severity: "x", condition: {} } }] } }],
        },
        { annotations: { "slogate.dev/windows": "5m/1h>14.4" } },
      ),
    ) as object;
    const places = pathsOf(original);
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.jsonValue(), (place, value) => {
        const { slos, problems } = parse(JSON.stringify(replaced(original, place, value)));
        if (problems.length > 0) expect(slos).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});

function pathsOf(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...path, key]))];
}

function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  if (Array.isArray(value))
    return value.map((item, i) => (String(i) === key ? replaced(item, rest, by) : item));
  const map = value as Record<string, unknown>;
  return { ...map, [key]: replaced(map[key], rest, by) };
}

it("keeps what SLOs have alike once for all of them", () => {
  const texts = ["a", "b"].map((name) => sloText({ service: name }, { name }));
  const { slos } = parse(texts.join("\n---\n"));
  const [a, b] = slos;
  expect(b?.service).toBe("b");
  expect(b?.policy).toBe(a?.policy);
  expect(b?.period).toBe(a?.period);
  const judged = slos.map(({ indicator }) => indicator.bad);
  expect(judged[1]).toBe(judged[0]);
});

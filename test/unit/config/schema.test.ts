import { expect, it } from "vitest";
import { parseSlos } from "../../../src/config/openslo.ts";

function problemsOf(spec: object, annotations: object = {}): string[] {
  const text = JSON.stringify({
    apiVersion: "openslo/v1",
    kind: "SLO",
    metadata: { name: "payment", annotations },
    spec: { service: "payment", objectives: [{ target: 0.999 }], ...spec },
  });
  const { slos, problems } = parseSlos([{ path: "a.yaml", text }]);
  expect(slos).toEqual([]);
  return problems.map(({ path, message }) => `${path}: ${message.replace(/; .*known: .*/, "")}`);
}

const source = (metricSource: object) => ({
  indicator: { spec: { ratioMetric: { total: { metricSource }, bad: { metricSource } } } },
});
const TOTAL = "spec.indicator.spec.ratioMetric.total.metricSource";

it("judges a source's spec though its type is misspelt or missing", () => {
  expect(problemsOf(source({ type: "otlp.span", spec: { knd: "server" } }))).toContain(
    `${TOTAL}.spec.knd: is not a known key`,
  );
  expect(problemsOf(source({ type: "otlp.metric", spec: { metric: 5 } }))).toContain(
    `${TOTAL}.spec.metric: must be a metric name, found 5`,
  );
  expect(problemsOf(source({ type: "otlp.metric", spec: { metrc: "m" } }))).toContain(
    `${TOTAL}.spec.metric: is missing; it must be a metric name`,
  );
  expect(problemsOf(source({ spec: { status: "err" } }))).toEqual(
    expect.arrayContaining([
      `${TOTAL}.type: is missing; it must be otlp.spans or otlp.metrics`,
      `${TOTAL}.spec.status: must be unset, ok or error, found "err"`,
    ]),
  );
});

it("does not judge the spec of another product's source", () => {
  const problems = problemsOf(source({ type: "Prometheus", spec: { query: "up" } }));
  expect(problems.filter((problem) => problem.includes(".spec.query"))).toEqual([]);
});

it.each([
  ["a bad period", { timeWindow: [{ duration: "28 days" }] }],
  ["a bad objective", { objectives: [{ target: 99.9 }] }],
])("judges burn windows beside %s", (_what, spec) => {
  const bad = problemsOf(spec, { "slogate.dev/windows": "5m,1h>2" });
  expect(bad).toHaveLength(3);
  expect(bad).toContain(
    'metadata.annotations["slogate.dev/windows"]: must be pairs such as "5m/1h>14.4, 30m/6h>6", found "5m"',
  );
  // Whether a sound window fits cannot be told then.
  expect(problemsOf(spec, { "slogate.dev/windows": "5m/3d>900" })).toHaveLength(1);
  expect(problemsOf(spec, { "slogate.dev/detector": "windows" })).toHaveLength(1);
});

it("says of a key that OpenSLO requires, whatever its value, that it is missing", () => {
  const condition = { kind: "burnrate", threshold: 13, lookbackWindow: "1h" };
  const spec = { conditions: [{ kind: "AlertCondition", spec: { condition } }] };
  expect(problemsOf({ alertPolicies: [{ kind: "AlertPolicy", spec }] })).toEqual([
    "spec.alertPolicies[0].spec.conditions[0].spec.severity: is missing",
  ]);
});

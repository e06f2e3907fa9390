import { describe, expect, it } from "vitest";
import { parseSlos } from "../../../src/config/openslo.ts";

const source = (type: string) => (spec: object) => ({ metricSource: { type, spec } });
const spans = source("otlp.spans");
const metric = source("otlp.metrics");

/** Warnings of an SLO with `spec.service: billing` and this indicator. */
function warningsOf(indicator: object, objective: object = {}): string[] {
  const text = JSON.stringify({
    apiVersion: "openslo/v1",
    kind: "SLO",
    metadata: { name: "billing" },
    spec: {
      service: "billing",
      objectives: [{ target: 0.99, ...objective }],
      indicator: { spec: indicator },
    },
  });
  const { problems, warnings } = parseSlos([{ path: "a.yaml", text }]);
  expect(problems).toEqual([]);
  return warnings.map(({ path, message }) => `${path}: ${message}`);
}

const ofSpans = (total: object) =>
  warningsOf({
    ratioMetric: { total: spans({ kind: "server", ...total }), bad: spans({ status: "error" }) },
  });
const named = (test: unknown) => ({ resource: { "service.name": test } });
const EVERY =
  'counts the requests of every service; add resource: { service.name: "billing" } to count those of billing only, or resource: { service.name: { exists: true } } if all are meant';

describe("an indicator that asks nothing of the resource", () => {
  it("is warned of, since spec.service does not select", () => {
    expect(ofSpans({})).toEqual([
      `spec.indicator.spec.ratioMetric.total.metricSource.spec: ${EVERY}`,
    ]);
  });

  it("is warned of in each selector of metrics that lacks it", () => {
    const ratioMetric = {
      total: metric({ metric: "requests", ...named("billing") }),
      good: metric({ metric: "requests", attributes: { outcome: "good" } }),
    };
    expect(warningsOf({ ratioMetric })).toEqual([
      `spec.indicator.spec.ratioMetric.good.metricSource.spec: ${EVERY}`,
    ]);
  });

  it("is warned of once for a threshold metric", () => {
    const thresholdMetric = metric({ metric: "queue.depth" });
    expect(warningsOf({ thresholdMetric }, { op: "lte", value: 80 })).toEqual([
      `spec.indicator.spec.thresholdMetric.metricSource.spec: ${EVERY}`,
    ]);
  });
});

describe("an indicator that asks something of the resource", () => {
  it.each([
    ["its service", named("billing")],
    ["one of several services", named(["billing", "invoices"])],
    ["every service, on purpose", named({ exists: true })],
    ["another attribute of the resource", { resource: { "k8s.namespace.name": "shop" } }],
    ["alternatives", { any: [named("billing"), named("invoices")] }],
    ["its service as an attribute", { attributes: { service: "billing" } }],
    ["another service altogether", named("gateway")],
  ])("is not warned of: %s", (_, total) => {
    expect(ofSpans(total)).toEqual([]);
  });

  it.each(["biling", "Billing", "billings"])("is warned of when it nearly is: %s", (name) => {
    expect(ofSpans(named(name))).toEqual([
      `spec.indicator.spec.ratioMetric.total.metricSource.spec.resource["service.name"]: is "${name}", but spec.service is "billing": if they are one service, one of the two is misspelt`,
    ]);
  });
});

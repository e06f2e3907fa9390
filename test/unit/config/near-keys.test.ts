import { describe, expect, it } from "vitest";
import { parseSlos } from "../../../src/config/openslo.ts";

function warningsOf(metadata: object): string[] {
  const text = JSON.stringify({
    apiVersion: "openslo/v1",
    kind: "SLO",
    metadata: { name: "payment", ...metadata },
    spec: { service: "payment", objectives: [{ target: 0.999 }] },
  });
  const { slos, problems, warnings } = parseSlos([{ path: "a.yaml", text }]);
  expect(problems).toEqual([]);
  expect(slos).toHaveLength(1);
  return warnings.map(({ path, message }) => `${path}: ${message}`);
}

it.each([
  ["slogat.dev/mode", "slogate.dev/mode"],
  ["solgate.dev/mode", "slogate.dev/mode"],
  ["slogate.io/windows", "slogate.dev/windows"],
  ["slogate/mode", "slogate.dev/mode"],
  ["Slogate.dev/mode", "slogate.dev/mode"],
  ["slogate-dev/mode", "slogate.dev/mode"],
  ["slogate.dev", "slogate.dev/<name>"],
  ["slogate.dev.mode", "slogate.dev/<name>"],
])("warns that an annotation %s decides nothing, and names what was meant", (key, meant) => {
  expect(warningsOf({ annotations: { [key]: "shadow" } })).toEqual([
    `metadata.annotations["${key}"]: decides nothing; did you mean ${meant}?`,
  ]);
});

it.each(["slogate.dev/mode", "slogat.dev/mode"])("warns of the label %s", (key) => {
  expect(warningsOf({ labels: { [key]: "shadow", app: "shop" } })).toEqual([
    `metadata.labels["${key}"]: decides nothing; did you mean the annotation slogate.dev/mode?`,
  ]);
});

it("leaves other tools' annotations and labels alone", () => {
  const others = {
    "sloth.dev/mode": "x",
    "app.kubernetes.io/name": "x",
    "example.com/slogate": "x",
    mode: "x",
    slo: "x",
    "": "x",
    ["slogate".repeat(20)]: "x",
  };
  expect(warningsOf({ annotations: others, labels: others })).toEqual([]);
  expect(warningsOf({ annotations: { "slogate.dev/mode": "shadow" } })).toEqual([]);
});

describe("a setting in the metadata of something other than an SLO", () => {
  const SPAN = (spec: object) => ({ metricSource: { type: "otlp.spans", spec } });
  const total = SPAN({ kind: "server", resource: { "service.name": { exists: true } } });
  const sli = { ratioMetric: { total, bad: SPAN({ status: "error" }) } };
  const policy = {
    conditions: [
      {
        kind: "AlertCondition",
        metadata: { name: "fast" },
        spec: {
          severity: "page",
          condition: { kind: "burnrate", op: "gt", threshold: 14, lookbackWindow: "1h" },
        },
      },
    ],
  };
  const decidesNothing = (path: string) =>
    `${path}: decides nothing here; write the annotation slogate.dev/mode into the SLO`;

  function warnings(settings: object, spec: object, ...others: readonly object[]): string[] {
    const slo = {
      kind: "SLO",
      metadata: { name: "payment", annotations: { "slogate.dev/freeze": "off" } },
      spec: { service: "payment", objectives: [{ target: 0.999 }], ...spec },
    };
    const text = [
      slo,
      ...others.map((other) => ({ metadata: { name: "other", ...settings }, ...other })),
    ]
      .map((document) => JSON.stringify({ apiVersion: "openslo/v1", ...document }))
      .join("\n---\n");
    const parsed = parseSlos([{ path: "a.yaml", text }]);
    expect(parsed.problems).toEqual([]);
    expect(parsed.slos).toHaveLength(1);
    return parsed.warnings.map(({ path, message }) => `${path}: ${message}`);
  }

  it.each(["slogate.dev/mode", "slogat.dev/mode"])("is warned of in documents: %s", (key) => {
    const settings = { annotations: { [key]: "shadow", team: "pay" }, labels: { [key]: "x" } };
    const expected = [
      decidesNothing(`metadata.annotations["${key}"]`),
      decidesNothing(`metadata.labels["${key}"]`),
    ];
    const indicator = { kind: "SLI", spec: sli };
    expect(warnings(settings, { indicatorRef: "other" }, indicator)).toEqual(expected);
    const alerts = { kind: "AlertPolicy", spec: policy };
    expect(warnings(settings, { alertPolicies: [{ alertPolicyRef: "other" }] }, alerts)).toEqual(
      expected,
    );
    expect(warnings(settings, {}, { kind: "Service", spec: {} })).toEqual([
      ": Service is accepted and ignored",
      ...expected,
    ]);
  });

  it("is warned of where those stand in the SLO", () => {
    const metadata = { name: "own", annotations: { "slogate.dev/mode": "shadow" } };
    const place = (part: string) => `${part}.metadata.annotations["slogate.dev/mode"]`;
    expect(warnings({}, { indicator: { metadata, spec: sli } })).toEqual([
      decidesNothing(place("spec.indicator")),
    ]);
    const item = { kind: "AlertPolicy", metadata, spec: policy };
    expect(warnings({}, { alertPolicies: [item] })).toEqual([
      decidesNothing(place("spec.alertPolicies[0]")),
    ]);
  });
});

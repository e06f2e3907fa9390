import { expect, it } from "vitest";
import { parseSlos } from "../../../src/config/openslo.ts";

const ALERTS = [
  {
    kind: "AlertPolicy",
    metadata: { name: "page" },
    spec: {
      conditions: [
        {
          kind: "AlertCondition",
          metadata: { name: "fast" },
          spec: {
            severity: "page",
            condition: { kind: "burnrate", threshold: 13, lookbackWindow: "1h" },
          },
        },
      ],
    },
  },
];

function warningsOf(settings: Readonly<Record<string, string>>, spec: object = {}): string[] {
  const annotations = Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [`slogate.dev/${name}`, value]),
  );
  const text = JSON.stringify({
    apiVersion: "openslo/v1",
    kind: "SLO",
    metadata: { name: "payment", annotations },
    spec: { service: "payment", objectives: [{ target: 0.999 }], ...spec },
  });
  const { problems, warnings } = parseSlos([{ path: "a.yaml", text }]);
  expect(problems).toEqual([]);
  return warnings.map(({ path, message }) => `${path}: ${message}`);
}

const idle = (name: string, detector: string) =>
  `metadata.annotations["slogate.dev/${name}"]: decides nothing with the ${detector} detector`;

it.each([
  ["sensitivity", "low"],
  ["smallest-burn", "2"],
])("warns of %s beside burn windows, however these were chosen", (name, value) => {
  const warning = [idle(name, "windows")];
  expect(warningsOf({ detector: "windows", [name]: value })).toEqual(warning);
  expect(warningsOf({ windows: "5m/1h>13", [name]: value })).toEqual(warning);
  expect(warningsOf({ [name]: value }, { alertPolicies: ALERTS })).toEqual(warning);
  expect(warningsOf({ [name]: value })).toEqual([]);
});

it("warns of what only burn windows read beside the sequential detector", () => {
  expect(warningsOf({ detector: "sequential", windows: "5m/1h>13" })).toEqual([
    idle("windows", "sequential"),
  ]);
  expect(warningsOf({ "close-on-forecast": "on" })).toEqual([
    idle("close-on-forecast", "sequential"),
  ]);
  expect(warningsOf({ detector: "sequential" }, { alertPolicies: ALERTS })).toEqual([
    "spec.alertPolicies: decides nothing with the sequential detector",
  ]);
  expect(warningsOf({ detector: "windows", "close-on-forecast": "off" })).toEqual([]);
});

it("takes on and off without quotes, and what older YAML tools make of them", () => {
  for (const written of ["on", '"on"', "true", "off", '"off"', "false"]) {
    const { slos, problems, warnings } = parseSlos([
      {
        path: "a.yaml",
        text: `apiVersion: openslo/v1
kind: SLO
metadata: {name: a, annotations: {slogate.dev/freeze: ${written}}}
spec: {service: a, objectives: [{target: 0.999}]}
`,
      },
    ]);
    expect([problems, warnings]).toEqual([[], []]);
    expect(slos[0]?.policy.freezeWhenExhausted).toBe(/on|true/.test(written));
  }
});

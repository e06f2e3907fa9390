import { expect, it } from "vitest";
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

import { describe, expect, it } from "vitest";
import { compileRules, type RuleSet } from "../../../src/aggregate/rules.ts";
import { ServiceIndex } from "../../../src/aggregate/service-index.ts";
import type { Matcher } from "../../../src/model/matcher.ts";
import type { Slo } from "../../../src/model/slo.ts";
import { IngestRig, NOW_S, spanSlo } from "../../support/ingest-rig.ts";
import { traceFields } from "../../support/otlp-wire.ts";
import { encode } from "../../support/wire-message.ts";

const service = (...names: string[]): Matcher => ({
  resource: "service.name",
  test: { in: names },
});
const ERROR: Matcher = { status: ["error"] };
const utf8 = new TextEncoder();

function found(index: ServiceIndex<string>, name: string): string[] {
  const bytes = utf8.encode(`<${name}>`);
  return [...index.find(bytes, 1, bytes.length - 1)];
}

describe("the index of rules by service", () => {
  it("finds the rules of a service and those of any, in the order in which they were added", () => {
    const index = new ServiceIndex<string>();
    index.add(["cart"], "cart 1");
    index.add(null, "any 1");
    index.add(["shop", "cart"], "both");
    index.add(null, "any 2");
    index.add(["shop"], "shop 1");
    expect(found(index, "cart")).toEqual(["cart 1", "any 1", "both", "any 2"]);
    expect(found(index, "shop")).toEqual(["any 1", "both", "any 2", "shop 1"]);
    expect(found(index, "other")).toEqual(["any 1", "any 2"]);
    expect(found(index, "")).toEqual(["any 1", "any 2"]);
  });

  it("finds a rule once although its list names a service twice", () => {
    const index = new ServiceIndex<string>();
    index.add(["shop", "shop"], "rule");
    expect(found(index, "shop")).toEqual(["rule"]);
  });
});

describe("the cost of a span", () => {
  const send = (rig: IngestRig, resource: Record<string, string>, spans = 1) =>
    rig.spans(
      encode(
        traceFields(
          resource,
          Array.from({ length: spans }, () => ({ endNs: BigInt(NOW_S) * 1_000_000_000n })),
        ),
      ),
    );

  /** How many rules were asked about resources and spans. */
  function evaluations(slos: readonly Slo[], name: string, spans: number): [number, number] {
    const rules = compileRules(slos, (slo) => slos.indexOf(slo));
    let resources = 0;
    let items = 0;
    const bytes = utf8.encode(name);
    for (const rule of rules.spans.find(bytes, 0, bytes.length)) {
      resources++;
      items += spans;
      expect(rule.slo).toBeGreaterThanOrEqual(0);
    }
    return [resources, items];
  }

  it("is that of the SLOs of its own service, however many others there are", () => {
    const slos = Array.from({ length: 10_000 }, (_, i) =>
      spanSlo(`slo ${i}`, { all: [service(`service ${i % 5_000}`), { kind: ["server"] }] }, ERROR),
    );
    expect(evaluations(slos, "service 7", 100)).toEqual([2, 200]);
    expect(evaluations(slos, "unknown", 100)).toEqual([0, 0]);
  });

  it("does not include conditions on its resource: those are asked once a resource", () => {
    const slos = [
      spanSlo(
        "eu",
        { all: [service("shop"), { resource: "region", test: { in: ["eu"] } }] },
        ERROR,
      ),
    ];
    const rig = new IngestRig(slos);
    const asked = countResourceTests(rig);
    send(rig, { "service.name": "shop", region: "eu" }, 1_000);
    expect(asked()).toBe(1);
    expect(rig.take()).toEqual([1_000, 0]);
    send(rig, { "service.name": "shop", region: "us" }, 1_000);
    expect(asked()).toBe(2);
    expect(rig.take()).toEqual([0, 0]);
  });

  /** Wraps the resource condition of every rule of "shop" in a count. */
  function countResourceTests(rig: IngestRig): () => number {
    const { rules } = (rig.consumer as unknown as { reader: { rules: RuleSet } }).reader;
    const name = utf8.encode("shop");
    let asked = 0;
    for (const rule of rules.spans.find(name, 0, name.length)) {
      const test = rule.resource;
      (rule as { resource: typeof test }).resource = (record) => {
        asked++;
        return test(record);
      };
    }
    return () => asked;
  }
});

describe("the services of an SLO", () => {
  const counted = (total: Matcher, resource: Record<string, string>) => {
    const rig = new IngestRig([spanSlo("s", total, ERROR)]);
    rig.spans(encode(traceFields(resource, [{ kind: 2, endNs: BigInt(NOW_S) * 1_000_000_000n }])));
    return rig.take()[0] === 1;
  };

  it.each<[string, Matcher, Record<string, string>, boolean]>([
    ["one of a list", service("a", "b"), { "service.name": "b" }, true],
    ["none of a list", service("a", "b"), { "service.name": "c" }, false],
    [
      "in nested all",
      { all: [{ all: [service("a")] }, { kind: ["server"] }] },
      { "service.name": "a" },
      true,
    ],
    ["in any", { any: [service("a"), service("b")] }, { "service.name": "b" }, true],
    [
      "in any with a span's property",
      { any: [service("a"), { kind: ["server"] }] },
      { "service.name": "z" },
      true,
    ],
    ["negated", { not: service("a") }, { "service.name": "b" }, true],
    ["negated and named", { not: service("a") }, { "service.name": "a" }, false],
    ["negated without a name", { not: service("a") }, {}, true],
    [
      "by prefix",
      { resource: "service.name", test: { prefix: "pay" } },
      { "service.name": "payment" },
      true,
    ],
    ["any at all", { all: [] }, {}, true],
    ["absent", { resource: "service.name", test: { exists: false } }, {}, true],
    [
      "in two conditions that contradict",
      { all: [service("a"), service("b")] },
      { "service.name": "a" },
      false,
    ],
  ])("%s", (_name, total, resource, expected) => {
    expect(counted(total, resource)).toBe(expected);
  });
});

it("counts for every SLO that matches, once each", () => {
  const slos = [
    spanSlo("any", { all: [] }, ERROR),
    spanSlo("shop", service("shop"), ERROR),
    spanSlo("cart", service("cart"), ERROR),
    spanSlo("both", service("shop", "cart"), ERROR),
  ];
  const rig = new IngestRig(slos);
  const end = { endNs: BigInt(NOW_S) * 1_000_000_000n };
  rig.spans(encode(traceFields({ "service.name": "shop" }, [end, { ...end, status: 2 }])));
  expect(rig.cells.map(({ slo, total, bad }) => [slo, total, bad])).toEqual([
    ["any", 2, 1],
    ["both", 2, 1],
    ["shop", 2, 1],
  ]);
});

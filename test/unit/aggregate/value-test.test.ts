import { describe, expect, it } from "vitest";
import { parseDecimal } from "../../../src/aggregate/value-test.ts";
import type { ValueTest } from "../../../src/model/matcher.ts";
import { IngestRig, NOW_S, spanSlo } from "../../support/ingest-rig.ts";
import { type AttributeValue, spanFields } from "../../support/otlp-wire.ts";
import { encode, message } from "../../support/wire-message.ts";

const ABSENT: unique symbol = Symbol("absent");
type Value = AttributeValue | typeof ABSENT;

/** Does a span with this attribute match the test? Asked of the whole path, from wire bytes. */
function matches(test: ValueTest, value: Value): boolean {
  const rig = new IngestRig([spanSlo("s", { attribute: "key", test }, { any: [] })]);
  const span = spanFields({
    endNs: BigInt(NOW_S) * 1_000_000_000n,
    attributes: value === ABSENT ? { other: "500" } : { key: value },
  });
  expect(rig.spans(encode([message(1, [message(2, [message(2, span)])])]))).toBeNull();
  return rig.take()[0] === 1;
}

const LIST: AttributeValue = ["500"];

describe.each<[string, ValueTest, { yes: Value[]; no: Value[] }]>([
  [
    "in [500]",
    { in: [500] },
    {
      yes: [500, "500", 500n],
      no: [ABSENT, 501, "501", "500.0", "5", "", true, null, LIST, 500.5],
    },
  ],
  ['in ["500"]', { in: ["500"] }, { yes: [500, "500"], no: [ABSENT, 50, "0500", true, LIST] }],
  ['in ["0500"]', { in: ["0500"] }, { yes: ["0500"], no: [500, "500"] }],
  ["in [-1.5]", { in: [-1.5] }, { yes: [-1.5, "-1.5"], no: [1.5, -1, "-1"] }],
  [
    "in [true]",
    { in: [true] },
    { yes: [true, "true"], no: [ABSENT, false, 1, "1", "false", null] },
  ],
  ['in ["false"]', { in: ["false"] }, { yes: [false, "false"], no: [true, 0, "0", ABSENT] }],
  ['in [""]', { in: [""] }, { yes: [""], no: [ABSENT, 0, " ", null] }],
  ["in [a, b]", { in: ["a", "b"] }, { yes: ["a", "b"], no: ["c", "ab", ABSENT] }],
  ["in []", { in: [] }, { yes: [], no: ["a", 1, true, ABSENT, null] }],
  [
    "in two long texts",
    { in: ["of seventeen byte", `long ${"x".repeat(60)}`] },
    { yes: ["of seventeen byte", `long ${"x".repeat(60)}`], no: ["of seventeen bytes", "f"] },
  ],
  ["in naïve ✓", { in: ["naïve ✓"] }, { yes: ["naïve ✓"], no: ["naive ✓"] }],
  [
    "notIn [500, a]",
    { notIn: [500, "a"] },
    { yes: [ABSENT, 501, "b", true, null, LIST, ""], no: [500, "500", "a"] },
  ],
  ["notIn [true]", { notIn: [true] }, { yes: [ABSENT, false, 1, "x"], no: [true, "true"] }],
  ["exists", { exists: true }, { yes: ["", "a", 0, false, null, LIST], no: [ABSENT] }],
  ["exists false", { exists: false }, { yes: [ABSENT], no: ["", "a", 0, false, null, LIST] }],
  ["exists and notIn [a]", { exists: true, notIn: ["a"] }, { yes: ["b", 1], no: [ABSENT, "a"] }],
  ["exists false and in [a]", { exists: false, in: ["a"] }, { yes: [], no: [ABSENT, "a"] }],
  ["exists false and gte 1", { exists: false, gte: 1 }, { yes: [], no: [ABSENT, 2] }],
  [
    "gte 500",
    { gte: 500 },
    {
      yes: [500, "500", 599, "500.5", 1e9],
      no: [ABSENT, 499, "499", "5e9", "abc", "", true, null, LIST],
    },
  ],
  ["gt 500", { gt: 500 }, { yes: [501, "500.1"], no: [500, "500", ABSENT] }],
  ["lt 500", { lt: 500 }, { yes: [499, "-1", -1], no: [500, ABSENT, "", "x"] }],
  ["lte 0.5", { lte: 0.5 }, { yes: [0.5, "0.5", 0], no: [0.51, "0.6", ABSENT] }],
  ["500 to 599", { gte: 500, lte: 599 }, { yes: [500, "599"], no: [499, 600, ABSENT] }],
  ["not a number", { gte: 0 }, { yes: [], no: [Number.NaN] }],
  ["prefix /api", { prefix: "/api" }, { yes: ["/api", "/api/x"], no: ["/ap", "x/api", ABSENT, 1] }],
  ["suffix .ok", { suffix: ".ok" }, { yes: [".ok", "a.ok"], no: ["ok", "a.ok ", ABSENT] }],
  [
    "contains bot",
    { contains: "bot" },
    { yes: ["bot", "a bot b", "xbot"], no: ["bo t", "", ABSENT] },
  ],
  [
    "prefix, suffix, not equal",
    { prefix: "/a", suffix: "z", notIn: ["/abz"] },
    { yes: ["/az", "/acz"], no: ["/abz", "/a", "z", ABSENT] },
  ],
  ["a suffix longer than the value", { suffix: "other" }, { yes: [], no: ["r", "ther"] }],
])("%s", (_name, test, { yes, no }) => {
  it.each(yes.map((value): [Value] => [value]))("matches %s", (value) => {
    expect(matches(test, value)).toBe(true);
  });

  it.each(no.map((value): [Value] => [value]))("does not match %s", (value) => {
    expect(matches(test, value)).toBe(false);
  });
});

describe("an attribute", () => {
  it("given twice has its last value", () => {
    const rig = new IngestRig([
      spanSlo("s", { attribute: "key", test: { in: ["b"] } }, { any: [] }),
    ]);
    const twice = (first: string, second: string) => {
      const span = [
        ...spanFields({ endNs: BigInt(NOW_S) * 1_000_000_000n, attributes: { key: first } }),
        ...spanFields({ attributes: { key: second } }),
      ];
      rig.spans(encode([message(1, [message(2, [message(2, span)])])]));
      return rig.take()[0];
    };
    expect(twice("a", "b")).toBe(1);
    expect(twice("b", "a")).toBe(0);
  });
});

describe("decimal text", () => {
  const parse = (text: string) => {
    const padded = new TextEncoder().encode(`9${text}9`);
    return parseDecimal(padded, 1, padded.length - 1);
  };

  it.each(["0", "503", "-1", "0.25", "007", "-0.5", "999999999999999", ".5", "5."])(
    "%s is a number",
    (text) => expect(parse(text)).toBe(Number(text)),
  );

  it.each(["", "-", ".", "--1", "1-", "1e3", " 1", "1 ", "+1", "0x10", "1.2.3", "NaN", "१"])(
    "%j is none",
    (text) => expect(parse(text)).toBeNaN(),
  );

  it("with more digits than a double has is rounded", () => {
    expect(parse("0.30000000000000004")).toBeCloseTo(0.3, 14);
    expect(parse("12000000000000000000") / 12e18).toBeCloseTo(1, 12);
  });

  it("of absurd length is none", () => expect(parse("1".repeat(41))).toBeNaN());
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Matcher, SpanKind, SpanStatus, ValueTest } from "../../../src/model/matcher.ts";
import { IngestRig, NOW_S, spanSlo } from "../../support/ingest-rig.ts";
import { type AttributeValue, traceFields } from "../../support/otlp-wire.ts";
import { encode } from "../../support/wire-message.ts";

const KINDS: readonly SpanKind[] = [
  "unspecified",
  "internal",
  "server",
  "client",
  "producer",
  "consumer",
];
const STATUSES: readonly SpanStatus[] = ["unset", "ok", "error"];

interface Span {
  readonly name: string;
  readonly kind: number;
  readonly status: number;
  readonly durationMs: number;
  readonly resource: Readonly<Record<string, string>>;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

/** The meaning of a matcher, in the plainest words. Values here are texts and whole numbers only. */
function means(matcher: Matcher, span: Span): boolean {
  if ("all" in matcher) return matcher.all.every((part) => means(part, span));
  if ("any" in matcher) return matcher.any.some((part) => means(part, span));
  if ("not" in matcher) return !means(matcher.not, span);
  if ("kind" in matcher) return matcher.kind.some((kind) => KINDS[span.kind] === kind);
  if ("status" in matcher) return matcher.status.some((s) => STATUSES[span.status] === s);
  if ("name" in matcher) return holds(matcher.name, span.name);
  if ("durationMs" in matcher) return holds(matcher.durationMs, span.durationMs);
  if ("resource" in matcher) return holds(matcher.test, span.resource[matcher.resource]);
  return holds(matcher.test, span.attributes[matcher.attribute]);
}

function holds(test: ValueTest, value: AttributeValue | undefined): boolean {
  if (value === undefined) {
    const { exists, notIn, ...others } = test;
    return (
      Object.keys(others).length === 0 && (exists === false || (!exists && notIn !== undefined))
    );
  }
  if (test.exists === false) return false;
  const text = String(value);
  if (test.in !== undefined && !test.in.map(String).includes(text)) return false;
  if (test.notIn?.map(String).includes(text)) return false;
  if (test.prefix !== undefined && !(typeof value === "string" && text.startsWith(test.prefix)))
    return false;
  return test.gte === undefined || Number(value) >= test.gte;
}

const keys = fc.constantFrom("a", "b", "c");
const values = fc.oneof(fc.constantFrom("x", "xy", "5", "7"), fc.integer({ min: 4, max: 8 }));
const test: fc.Arbitrary<ValueTest> = fc.oneof(
  fc.record({ in: fc.array(values, { minLength: 1, maxLength: 3 }) }),
  fc.record({ notIn: fc.array(values, { maxLength: 3 }) }),
  fc.record({ exists: fc.boolean() }),
  fc.record({ prefix: fc.constantFrom("x", "xy", "") }),
  fc.record({ gte: fc.integer({ min: 4, max: 8 }) }),
  fc.record({ exists: fc.boolean(), notIn: fc.array(values, { maxLength: 2 }) }),
);
const { matcher } = fc.letrec<{ matcher: Matcher }>((tie) => ({
  matcher: fc.oneof(
    { maxDepth: 4, depthSize: "medium" },
    fc.record({ attribute: keys, test }),
    fc.record({ resource: fc.constantFrom("service.name", "r"), test }),
    fc.record({ name: test }),
    fc.record({ kind: fc.subarray([...KINDS]) }),
    fc.record({ status: fc.subarray([...STATUSES]) }),
    fc.record({ durationMs: fc.record({ gte: fc.integer({ min: 4, max: 8 }) }) }),
    fc.record({ not: tie("matcher") }),
    fc.record({ all: fc.array(tie("matcher"), { maxLength: 4 }) }),
    fc.record({ any: fc.array(tie("matcher"), { maxLength: 4 }) }),
  ),
}));
const span: fc.Arbitrary<Span> = fc.record({
  name: fc.constantFrom("x", "xy", "5", ""),
  kind: fc.nat(7),
  status: fc.nat(4),
  durationMs: fc.integer({ min: 4, max: 8 }),
  resource: fc.dictionary(fc.constantFrom("service.name", "r"), fc.constantFrom("x", "xy", "5"), {
    noNullPrototype: true,
  }),
  attributes: fc.dictionary(keys, values, { noNullPrototype: true }),
});

function counted(total: Matcher, bad: Matcher, { resource, durationMs, ...rest }: Span) {
  const rig = new IngestRig([spanSlo("s", total, bad)]);
  const endNs = BigInt(NOW_S) * 1_000_000_000n;
  const startNs = endNs - BigInt(durationMs) * 1_000_000n;
  expect(rig.spans(encode(traceFields(resource, [{ ...rest, startNs, endNs }])))).toBeNull();
  return rig.take();
}

describe("a compiled matcher", () => {
  it("means what it says, as total and as bad", () => {
    fc.assert(
      fc.property(
        matcher,
        matcher,
        fc.array(span, { minLength: 1, maxLength: 6 }),
        (m, bad, spans) => {
          for (const one of spans) {
            const isTotal = means(m, one);
            const isBad = isTotal && means(bad, one);
            expect(counted(m, bad, one)).toEqual([isTotal ? 1 : 0, isBad ? 1 : 0]);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe("a duration", () => {
  const slow: Matcher = { durationMs: { gt: 250 } };
  const isSlow = (startNs: bigint, endNs: bigint) => {
    const rig = new IngestRig([spanSlo("s", { all: [] }, slow)]);
    rig.spans(encode(traceFields({}, [{ startNs, endNs }])));
    return rig.take()[1] === 1;
  };
  const end = BigInt(NOW_S) * 1_000_000_000n;

  it("is exact to the nanosecond", () => {
    expect(isSlow(end - 250_000_000n, end)).toBe(false);
    expect(isSlow(end - 250_000_001n, end)).toBe(true);
  });

  it("across a change of the upper half of the time is exact too", () => {
    const carry = ((end >> 32n) + 0n) << 32n;
    expect(isSlow(carry - 100_000_000n, carry + 150_000_000n)).toBe(false);
    expect(isSlow(carry - 100_000_000n, carry + 150_000_001n)).toBe(true);
  });

  it("of a span that ends before it starts is 0", () => {
    expect(isSlow(end, end - 1_000_000_000n)).toBe(false);
  });
});

it("judges by good where an SLO says what is good", () => {
  const slo = {
    ...spanSlo("s", { all: [] }, { all: [] }),
    indicator: {
      signal: "spans" as const,
      total: { all: [] },
      bad: null,
      good: { status: ["ok" as const] },
    },
  };
  const rig = new IngestRig([slo]);
  const endNs = BigInt(NOW_S) * 1_000_000_000n;
  const spans = [0, 1, 2].map((status) => ({ status, endNs }));
  rig.spans(encode(traceFields({}, spans)));
  expect(rig.take()).toEqual([3, 2]);
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultIndicator } from "../../src/config/default-indicator.ts";
import type { Encoding, Signal } from "../../src/ports/otlp-consumer.ts";
import { IngestRig, metricSlo, NOW, NOW_S, sloOf, spanSlo } from "../support/ingest-rig.ts";
import { metricsRequest, tracesRequest } from "../support/otlp.ts";
import { exponentialHistogram, gauge, metricFields, traceFields } from "../support/otlp-wire.ts";
import { encode } from "../support/wire-message.ts";

/*
 * Any bytes give counts or a refusal: never a throw, a hang or a read past the end. FUZZ_SECONDS is the time per test,
 * FUZZ_SEED repeats a run: the seed is part of every failure, and printed.
 */
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 1);
const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 0x7fffffff));
/** For one input of a few kilobytes. A linear walk takes microseconds; the rest is for a busy machine. */
const LONGEST_MS = 1_000;
console.log(`fuzz seed ${SEED} (repeat with FUZZ_SEED=${SEED}), ${SECONDS} s a test`);

const duration = { op: "gt", value: 0.25, isDuration: true } as const;
const SLOS = [
  sloOf("shop", defaultIndicator("shop")),
  spanSlo(
    "everything",
    {
      any: [
        { name: { contains: "x" } },
        { attribute: "key", test: { notIn: ["a", 1, true] } },
        { all: [] },
      ],
    },
    { any: [{ durationMs: { gt: 5 } }, { attribute: "key", test: { suffix: "z", prefix: "a" } }] },
  ),
  metricSlo("sums", { total: {}, bad: { where: { attribute: "code", test: { gte: 500 } } } }),
  metricSlo("latency", {
    total: { metrics: ["duration"] },
    good: { metrics: ["duration"], threshold: { ...duration, op: "lte" } },
  }),
  metricSlo("gauge", {
    total: { metrics: ["queue"] },
    bad: { metrics: ["queue"], threshold: duration },
  }),
];

/** Small valid requests of every kind: what mutations start from. */
const SEEDS: { signal: Signal; encoding: Encoding; bytes: Uint8Array }[] = (() => {
  const spans = [
    { service: "shop", version: "1", status: "error", traceState: "ot=th:c" },
    { service: "shop", attributes: { "http.response.status_code": 503, key: "abz" } },
    { service: "cart", kind: "client", attributes: { key: true, list: ["a"], half: 0.5 } },
  ] as const;
  const described = spans.map((span, i) => ({
    ...span,
    endUnixMs: NOW - i,
    traceId: "ab".repeat(16),
    spanId: `0${i + 1}`.repeat(8),
  }));
  const times = { startUnixMs: NOW - 10_000, timeUnixMs: NOW };
  const metrics = [
    { name: "requests", points: [{ ...times, value: 5, attributes: { code: 500 } }] },
    { name: "requests", temporality: "delta", points: [{ ...times, value: 5 }] },
    {
      name: "duration",
      unit: "s",
      points: [{ ...times, value: { bounds: [0.1, 0.25], counts: [1, 2, 3] } }],
    },
  ] as const;
  const timeNs = BigInt(NOW_S) * 1_000_000_000n;
  const exponential = metricFields({ "service.name": "shop" }, [
    exponentialHistogram("delta", [
      { timeNs, scale: 2, offset: -9, counts: [1, 0, 2], negative: [1], zeroThreshold: 0.001 },
    ]),
    gauge("queue", "ms", [{ timeNs, value: 300 }]),
  ]);
  const bare = traceFields({ "service.name": "shop" }, [{ endNs: timeNs }, { name: "x" }]);
  return [
    { signal: "traces", encoding: "protobuf", bytes: tracesRequest(described) },
    { signal: "traces", encoding: "protobuf", bytes: encode(bare) },
    {
      signal: "metrics",
      encoding: "protobuf",
      bytes: metricsRequest({ service: "shop" }, metrics),
    },
    { signal: "metrics", encoding: "protobuf", bytes: encode(exponential) },
    { signal: "traces", encoding: "json", bytes: tracesRequest(described, "json") },
    {
      signal: "metrics",
      encoding: "json",
      bytes: metricsRequest({ service: "shop" }, metrics, "json"),
    },
  ];
})();

/** What came of the bytes, in full: the answer, the cells, the counters and what the memory of series holds. */
function outcome(signal: Signal, encoding: Encoding, bytes: Uint8Array) {
  const rig = new IngestRig(SLOS);
  const answer = rig.send(signal, encoding, bytes);
  for (const cell of rig.cells) {
    if (!Number.isFinite(cell.total) || !Number.isFinite(cell.bad)) {
      throw new Error(`not a count: ${JSON.stringify(cell)}`);
    }
  }
  return { answer, cells: rig.cells, counters: rig.counters, series: rig.series.size };
}

/** Consumes the bytes alone, then in the middle of buffers with different things around them. */
function check(signal: Signal, encoding: Encoding, bytes: Uint8Array): void {
  const start = performance.now();
  const alone = outcome(signal, encoding, bytes.slice());
  const elapsedMs = performance.now() - start;
  if (elapsedMs > LONGEST_MS) throw new Error(`took ${elapsedMs} ms`);
  for (const poison of POISONS) {
    const buffer = new Uint8Array(bytes.length + 128);
    for (let i = 0; i < buffer.length; i++) buffer[i] = poison[i % poison.length]!;
    buffer.set(bytes, 64);
    const inside = outcome(signal, encoding, buffer.subarray(64, 64 + bytes.length));
    if (JSON.stringify(inside) !== JSON.stringify(alone)) expect(inside).toEqual(alone);
  }
}

/** Endless varints; valid fields of a span; and text that continues a trace state or a key. */
const POISONS = [
  Uint8Array.of(0xff),
  Uint8Array.of(0x08, 0x00, 0x0a, 0x01, 0x41),
  new TextEncoder().encode("t=th:8,"),
];

const seed = fc.constantFrom(...SEEDS);
/** Bytes that mean something in protobuf: tags, lengths and the ends of ranges. */
const telling = fc.oneof(
  fc.constantFrom(0, 1, 2, 7, 8, 0x0a, 0x0b, 0x0c, 0x10, 0x12, 0x7f, 0x80, 0x81, 0xfe, 0xff),
  // Tags of spans, points and values.
  fc.constantFrom(
    0x18,
    0x1a,
    0x21,
    0x22,
    0x2a,
    0x30,
    0x39,
    0x41,
    0x4a,
    0x50,
    0x60,
    0x70,
    0x7a,
    0x85,
  ),
  fc.constantFrom(0x11, 0x19, 0x31, 0x32, 0x38, 0x3a, 0x40, 0x42, 0x52, 0x71),
  fc.nat(255),
);
const mutation = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), at: fc.nat(), to: telling }),
  fc.record({ kind: fc.constant("insert" as const), at: fc.nat(), to: telling }),
  fc.record({
    kind: fc.constant("remove" as const),
    at: fc.nat(),
    to: fc.integer({ min: 1, max: 9 }),
  }),
  fc.record({ kind: fc.constant("cut" as const), at: fc.nat(), to: fc.constant(0) }),
  fc.record({ kind: fc.constant("copy" as const), at: fc.nat(), to: fc.nat() }),
);

function mutated(
  bytes: Uint8Array,
  mutations: readonly { kind: string; at: number; to: number }[],
) {
  const result = [...bytes];
  for (const { kind, at, to } of mutations) {
    const place = at % (result.length + 1);
    if (kind === "set" && place < result.length) result[place] = to;
    if (kind === "insert") result.splice(place, 0, to);
    if (kind === "remove") result.splice(place, to);
    if (kind === "cut") result.length = place;
    if (kind === "copy")
      result.splice(place, 0, ...result.slice(to % (result.length + 1)).slice(0, 40));
  }
  return Uint8Array.from(result);
}

const forAWhile = { seed: SEED, numRuns: 1_000_000_000, interruptAfterTimeLimit: SECONDS * 1_000 };
const TIMEOUT_MS = SECONDS * 1_000 + 20_000;

describe("any bytes", { timeout: TIMEOUT_MS }, () => {
  it("that a valid request is bent into give counts or a refusal, the same wherever they stand", () => {
    fc.assert(
      fc.property(seed, fc.array(mutation, { maxLength: 8 }), (request, mutations) => {
        check(request.signal, request.encoding, mutated(request.bytes, mutations));
      }),
      forAWhile,
    );
  });

  it("at random do too", () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Signal>("traces", "metrics"),
        fc.constantFrom<Encoding>("protobuf", "json"),
        fc.array(telling, { maxLength: 60 }),
        (signal, encoding, bytes) => check(signal, encoding, Uint8Array.from(bytes)),
      ),
      forAWhile,
    );
  });

  it("behind the frame of a message do too", () => {
    // The request, resource, scope and item around them are sound, so that they reach the innermost readers.
    const framed = fc.tuple(
      fc.constantFrom<Signal>("traces", "metrics"),
      fc.array(fc.constantFrom(0x0a, 0x12, 0x3a, 0x4a, 0x52), { maxLength: 4 }),
      fc.array(telling, { maxLength: 90 }),
    );
    fc.assert(
      fc.property(framed, ([signal, path, inner]) => {
        const bytes = [...[0x0a, 0x12, 0x12], ...path].reduceRight<number[]>(
          (content, tag) =>
            [tag, (content.length & 0x7f) | 0x80, content.length >> 7].concat(content),
          inner,
        );
        check(signal, "protobuf", Uint8Array.from(bytes));
      }),
      forAWhile,
    );
  });

  it("that are JSON of another shape do too", () => {
    const keys = fc.constantFrom(
      ...["resourceSpans", "scopeSpans", "spans", "resource", "attributes", "key", "value", "kind"],
      ...["traceId", "endTimeUnixNano", "status", "code", "stringValue", "intValue", "arrayValue"],
      ...["resourceMetrics", "scopeMetrics", "metrics", "sum", "dataPoints", "asDouble", "values"],
      ...["__proto__", "toString", "bucketCounts", "explicitBounds", "histogram", "flags"],
    );
    const leaf = fc.oneof(
      fc.string(),
      fc.double(),
      fc.integer(),
      fc.boolean(),
      fc.constantFrom(null, "NaN", "Infinity", "-0", "1e400", "\ud800", 1e300, -1, 2 ** 53),
    );
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { depthSize: "large", maxDepth: 9 },
        leaf,
        fc.dictionary(keys, tie("tree"), { maxKeys: 5 }),
        fc.array(tie("tree"), { maxLength: 3 }),
      ),
    }));
    fc.assert(
      fc.property(fc.constantFrom<Signal>("traces", "metrics"), tree, (signal, value) => {
        check(signal, "json", new TextEncoder().encode(JSON.stringify(value) ?? "null"));
      }),
      forAWhile,
    );
  });
});

describe("every prefix and every changed byte of a valid request", { timeout: 60_000 }, () => {
  it.each(SEEDS)("gives counts or a refusal: $signal, $encoding", ({ signal, encoding, bytes }) => {
    for (let length = 0; length <= bytes.length; length++) {
      check(signal, encoding, bytes.subarray(0, length));
    }
    for (let at = 0; at < bytes.length; at++) {
      for (const value of [0, 0x7f, 0xff, bytes[at]! ^ 1]) {
        const changed = bytes.slice();
        changed[at] = value;
        outcome(signal, encoding, changed);
      }
    }
  });
});

describe("hostile size", () => {
  const refusal = { code: "malformed" };

  it("in depth of JSON is refused", () => {
    const deep = "[".repeat(200_000) + "]".repeat(200_000);
    expect(outcome("traces", "json", new TextEncoder().encode(deep)).answer).toMatchObject(refusal);
    const inside = `{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":${'{"arrayValue":{"values":['.repeat(5_000)}${"]}}".repeat(5_000)}}]}}]}`;
    expect(outcome("traces", "json", new TextEncoder().encode(inside)).answer).toMatchObject(
      refusal,
    );
  });

  it("of a JSON string where an id or a number should be is refused with a short text", () => {
    for (const field of ["traceId", "kind", "endTimeUnixNano", "attributes"]) {
      const json = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"${field}":"${"ab".repeat(5_000_000)}"}]}]}]}`;
      const { answer } = outcome("traces", "json", new TextEncoder().encode(json));
      expect(answer).toMatchObject(refusal);
      expect(answer!.message.length).toBeLessThan(300);
    }
  });

  it("of an attribute is only stepped over", () => {
    const huge = tracesRequest([
      { service: "shop", endUnixMs: NOW, attributes: { key: "v".repeat(10_000_000) } },
    ]);
    const start = performance.now();
    expect(outcome("traces", "protobuf", huge).cells).toHaveLength(2);
    expect(performance.now() - start).toBeLessThan(LONGEST_MS);
  });

  it.each<[string, number[]]>([
    ["resources", [0x0a, 0x00]],
    ["groups", [0x0b]],
    ["resources within a group", [0x0b, 0x0a, 0x00]],
    ["one-byte fields", [0x10, 0x00]],
  ])("of two million empty %s is walked in time", (_what, unit) => {
    const bytes = new Uint8Array(unit.length * 2_000_000);
    for (let i = 0; i < bytes.length; i++) bytes[i] = unit[i % unit.length]!;
    for (const signal of ["traces", "metrics"] as const) {
      const start = performance.now();
      outcome(signal, "protobuf", bytes);
      expect(performance.now() - start).toBeLessThan(5_000);
    }
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_CELLS } from "../../../src/aggregate/tally.ts";
import { defaultIndicator } from "../../../src/config/default-indicator.ts";
import { MAX_JSON_CONTAINERS } from "../../../src/decode/json.ts";
import { MAX_ITEMS } from "../../../src/decode/wire.ts";
import { IngestRig, NOW_S, sloOf, spanSlo } from "../../support/ingest-rig.ts";
import { traceFields, type WireSpan } from "../../support/otlp-wire.ts";
import {
  encode,
  message,
  rearranged,
  text,
  UNKNOWN_FIELDS,
  varint,
  type WireField,
} from "../../support/wire-message.ts";

const NS = 1_000_000_000n;
const SERVER = 2;
const ERROR = 2;
const SHOP = { "service.name": "shop", "service.version": "1.4.2" };
const SLOS = [sloOf("shop", defaultIndicator("shop"))];

let nextId = 1;
/** A span with ids of its own: a server request that ended in the second of `NOW_S`. */
function span(more: WireSpan = {}): WireSpan {
  const traceId = new Uint8Array(16).fill(7);
  const spanId = new Uint8Array(8);
  new DataView(spanId.buffer).setUint32(4, nextId++);
  return {
    traceId,
    spanId,
    name: "GET /buy",
    kind: SERVER,
    startNs: BigInt(NOW_S) * NS - 20_000_000n,
    endNs: BigInt(NOW_S) * NS,
    ...more,
  };
}

const request = (...spans: WireSpan[]) => encode(traceFields(SHOP, spans));
/** So many empty messages of this tag, inside one message of each of the tags in `around`. */
function nested(around: readonly number[], count: number, tag = 0x0a): Uint8Array {
  let wire: Buffer = Buffer.alloc(2 * count);
  for (let i = 0; i < wire.length; i += 2) wire[i] = tag;
  for (const outer of around.toReversed()) {
    const length = [0, 7, 14, 21].map((shift) => ((wire.length >> shift) & 0x7f) | 0x80);
    wire = Buffer.concat([Uint8Array.of(outer, ...length, 0), wire]);
  }
  return wire;
}
const endAt = (second: number) => span({ endNs: BigInt(second) * NS });

describe("the wire shape of a request", () => {
  const fields = traceFields(SHOP, [
    span(),
    span({ status: ERROR, attributes: { "http.response.status_code": 503, other: "x" } }),
    span({ attributes: { "http.response.status_code": "500", "url.scheme": "https" } }),
    span({ attributes: { "http.status_code": 502, "http.response.body.size": 200 } }),
    span({ attributes: { "http.response.status_code": 404, ["k".repeat(200)]: "v".repeat(300) } }),
    span({ attributes: { "url.path": "/healthz" }, traceState: "ot=th:8" }),
    span({ kind: 3 }),
    span({ traceState: "ot=th:8", attributes: { nothing: null, list: ["a"], yes: true } }),
  ]);
  const cellsOf = (wire: readonly WireField[]) => {
    const rig = new IngestRig(SLOS);
    expect(rig.spans(encode(wire))).toBeNull();
    return rig.cells;
  };
  const expected = [
    // Five of its spans count once, the sampled one twice; bad: 503, "500" and 502.
    { slo: "shop", version: "1.4.2", second: NOW_S, total: 7, bad: 3, rawBad: 3, badSquares: 3 },
  ];

  it("as encoders write it gives the counts", () => {
    expect(cellsOf(fields)).toEqual(expected);
  });

  it("does not depend on the order of fields at any level", () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat(1_000_000)), (random) => {
        const shuffled = rearranged(fields, (level) =>
          level
            .map((field) => ({ field, at: random.next().value as number }))
            .sort((a, b) => a.at - b.at)
            .map(({ field }) => field),
        );
        expect(cellsOf(shuffled)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it("may hold unknown fields at every level", () => {
    expect(cellsOf(rearranged(fields, (level) => [...UNKNOWN_FIELDS, ...level]))).toEqual(expected);
    expect(cellsOf(rearranged(fields, (level) => [...level, ...UNKNOWN_FIELDS]))).toEqual(expected);
    const between = rearranged(fields, (level) => level.flatMap((f) => [f, ...UNKNOWN_FIELDS]));
    expect(cellsOf(between)).toEqual(expected);
  });

  it("may hold the resource after its scopes, and in parts that are merged", () => {
    const part = (key: string, value: string) =>
      message(1, [message(1, [text(1, key), message(2, [text(1, value)])])]);
    const scopes = fields[0]!.value;
    if (!("message" in scopes)) throw new Error("unreachable: a message");
    const split = [
      message(1, [
        part("service.version", "1.4.2"),
        ...scopes.message.slice(1),
        part("service.name", "shop"),
      ]),
    ];
    expect(cellsOf(split)).toEqual(expected);
  });

  it("with padded lengths and tags means the same", () => {
    const request = fields[0]!.value;
    if (!("message" in request)) throw new Error("unreachable: a message");
    const inner = encode(request.message);
    // The outermost tag 0x0a as 0x8a 0x00, its length with one byte of padding.
    const length = [(inner.length & 0x7f) | 0x80, (inner.length >> 7) | 0x80, 0];
    const rig = new IngestRig(SLOS);
    expect(rig.spans(Uint8Array.from([0x8a, 0, ...length, ...inner]))).toBeNull();
    expect(rig.cells).toEqual(expected);
  });

  it("without anything in it is accepted and adds nothing", () => {
    const rig = new IngestRig(SLOS);
    for (const empty of [
      [],
      [message(1, [])],
      traceFields(SHOP, []),
      [message(1, [message(2, [message(2, [])])])],
    ]) {
      expect(rig.spans(encode(empty))).toBeNull();
    }
    expect(rig.spans(new TextEncoder().encode("{}"), "json")).toBeNull();
    expect(rig.spans(new TextEncoder().encode('{"resourceSpans":[{}]}'), "json")).toBeNull();
    expect(rig.cells).toEqual([]);
    expect(rig.counters.requestsAccepted).toBe(6);
  });
});

describe("a request that is not one", () => {
  const rig = () => new IngestRig(SLOS);

  it.each<[string, Uint8Array, string]>([
    ["is cut", request(span()).subarray(0, 60), "ends in the middle of a field"],
    ["has a wrong wire type", encode([varint(1, 5)]), "wrong wire type"],
    ["has a short trace id", request({ traceId: new Uint8Array(15) }), "not 16 bytes"],
    ["has a long span id", request({ spanId: new Uint8Array(9) }), "not 8 bytes"],
    ["has field 0", Uint8Array.of(0), "field number is 0"],
    [
      "has a 2^40 length",
      Uint8Array.of(0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x08),
      "middle of a field",
    ],
  ])("is refused with the reason when it %s", (_what, malformed, reason) => {
    const one = rig();
    const outcome = one.spans(malformed);
    expect(outcome).toMatchObject({ code: "malformed", retryAfterMs: null });
    expect(outcome?.message).toContain(reason);
    expect(one.counters.requestsRefused).toEqual({ malformed: 1 });
  });

  it("adds nothing of its good part, and the next request counts as if it had not been", () => {
    const one = rig();
    const good = request(span(), span());
    const tail = Uint8Array.from([...good, 0x0a, 0x7f]);
    expect(one.spans(tail)).toMatchObject({ code: "malformed" });
    expect(one.cells).toEqual([]);
    expect(one.counters.spansAccepted).toBe(0);
    expect(one.spans(good)).toBeNull();
    expect(one.take()).toEqual([2, 0]);
  });

  it.each<[string, string, string]>([
    ["is not JSON", "{", "not valid JSON"],
    ["is not an object", "[]", "$: must be an object (ExportTraceServiceRequest), found an array"],
    ["has an object for a list", '{"resourceSpans":{}}', "$.resourceSpans: must be an array"],
    [
      "names an enum",
      '{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"SPAN_KIND_SERVER"}]}]}]}',
      "$.resourceSpans[0].scopeSpans[0].spans[0].kind: must be the enum's integer",
    ],
    [
      "has no hex id",
      '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}',
      'must be an id in hex digits, found "xyz"',
    ],
    [
      "has a fractional time",
      '{"resourceSpans":[{"scopeSpans":[{"spans":[{"endTimeUnixNano":1.5}]}]}]}',
      "must be a whole number, found 1.5",
    ],
  ])("is refused with the place when its JSON %s", (_what, json, reason) => {
    const outcome = rig().spans(new TextEncoder().encode(json), "json");
    expect(outcome).toMatchObject({ code: "malformed", retryAfterMs: null });
    expect(outcome?.message).toContain(reason);
  });

  it.each<[string, "spans" | "metrics", (count: number) => Uint8Array]>([
    ["resources", "spans", (count) => nested([], count)],
    ["scopes", "spans", (count) => nested([0x0a], count, 0x12)],
    ["spans", "spans", (count) => nested([0x0a, 0x12], count, 0x12)],
    ["metrics", "metrics", (count) => nested([0x0a, 0x12], count, 0x12)],
    ["points", "metrics", (count) => nested([0x0a, 0x12, 0x12, 0x3a], count)],
  ])("of more empty %s than a real one can hold is too large", (_what, signal, wire) => {
    const one = rig();
    const outcome = one[signal](wire(MAX_ITEMS + 1));
    expect(outcome).toMatchObject({ code: "too-large", retryAfterMs: null });
    expect(outcome?.message).toContain("1000000 resources, scopes, spans, metrics and points");
    expect(outcome?.message).toContain("smaller batches");
    expect(one.cells).toEqual([]);
    expect(one[signal](wire(MAX_ITEMS - 3))).toBeNull();
  });

  it("says that its JSON is too large, not malformed, when there is too much in it", () => {
    const one = rig();
    const text = `{"a":[${"{},".repeat(MAX_JSON_CONTAINERS)}{}]}`;
    const outcome = one.spans(new TextEncoder().encode(text), "json");
    expect(outcome).toMatchObject({ code: "too-large", retryAfterMs: null });
    expect(one.counters.requestsRefused).toEqual({ "too-large": 1 });
  });

  it("spread over more seconds than a month of cells can hold is refused whole", () => {
    const everywhere = Array.from({ length: 600 }, (_, i) =>
      spanSlo(`any ${i}`, { all: [] }, { status: ["error"] }),
    );
    const one = new IngestRig(everywhere);
    const many = request(...Array.from({ length: 1_800 }, (_, i) => endAt(NOW_S - i)));
    expect(600 * 1_800).toBeGreaterThan(MAX_CELLS);
    expect(one.spans(many)).toMatchObject({ code: "too-large", retryAfterMs: null });
    expect(one.cells).toEqual([]);
    expect(one.spans(request(span()))).toBeNull();
    expect(one.take()).toEqual([600, 0]);
  });
});

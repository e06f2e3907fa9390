import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BOOL, KeyTable, NUMBER, OTHER, STRING } from "../../../src/decode/attributes.ts";
import type { SpanRecord } from "../../../src/decode/span-record.ts";
import { TraceDecoder } from "../../../src/decode/traces.ts";
import { NO_FAULT } from "../../../src/decode/wire.ts";
import {
  type AttributeValue,
  anyValue,
  keyValue,
  spanFields,
  traceFields,
  type WireSpan,
} from "../../support/otlp-wire.ts";
import { bytes, encode, fixed32, message, text, varint } from "../../support/wire-message.ts";

const KEYS = ["key", "http.response.status_code", "é", "server.address", "k"];

/** Everything a record says, in values that can be compared. */
function described(record: SpanRecord) {
  const part = (start: number, end: number) =>
    new TextDecoder().decode(record.bytes.subarray(start, end));
  const id = (at: number, length: number) =>
    at < 0 ? null : [...record.bytes.subarray(at, at + length)].join();
  const { attributes } = record;
  return {
    traceId: id(record.traceId, 16),
    spanId: id(record.spanId, 8),
    traceState: part(record.traceStateStart, record.traceStateEnd),
    name: part(record.nameStart, record.nameEnd),
    kind: record.kind,
    status: record.status,
    startNs: (BigInt(record.startHi) << 32n) | BigInt(record.startLo),
    endNs: (BigInt(record.endHi) << 32n) | BigInt(record.endLo),
    attributes: KEYS.map((_, slot) => {
      switch (attributes.typeOf(slot)) {
        case STRING:
          return part(attributes.start[slot]!, attributes.end[slot]!);
        case NUMBER:
          return attributes.number[slot]!;
        case BOOL:
          return attributes.number[slot] === 1;
        case OTHER:
          return "other";
        default:
          return undefined;
      }
    }),
  };
}

function decode(wire: Uint8Array) {
  const spans: ReturnType<typeof described>[] = [];
  const decoder = new TraceDecoder(new KeyTable([]), new KeyTable(KEYS), {
    resource() {},
    span: (record) => void spans.push(described(record)),
  });
  expect(decoder.decode(wire)).toBe(NO_FAULT);
  return spans;
}

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const value: fc.Arbitrary<AttributeValue> = fc.oneof(
  fc.string({ maxLength: 200 }),
  fc.integer(),
  fc.nat(20_000),
  fc.double({ noInteger: true, noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.constant(null),
  fc.constant(["a", "b"]),
);
const optional = { requiredKeys: [] };
const span: fc.Arbitrary<WireSpan> = fc.record(
  {
    traceId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    spanId: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    traceState: fc.constantFrom("", "ot=th:8", "x".repeat(150)),
    name: fc.string({ maxLength: 140, unit: "grapheme" }),
    kind: fc.nat(300),
    startNs: uint64,
    endNs: uint64,
    attributes: fc.dictionary(
      fc.oneof(
        fc.constantFrom(...KEYS),
        fc.string({ maxLength: 30 }),
        fc.constant("k".repeat(130)),
      ),
      value,
      { noNullPrototype: true },
    ),
    status: fc.nat(200),
    more: fc.constantFrom(
      [],
      [bytes(4, new Uint8Array(8)), fixed32(16, 257)],
      [varint(10, 0), message(11, [text(2, "an event")]), varint(12, 300), varint(14, 1)],
      [message(15, [text(2, "why"), varint(3, 2)])],
    ),
  },
  optional,
);

function expected({ attributes = {}, ...rest }: WireSpan) {
  const ids = (id: Uint8Array | undefined) => (id === undefined ? null : [...id].join());
  const last = rest.more?.some((field) => field.number === 15) ? 2 : rest.status;
  return {
    traceId: ids(rest.traceId),
    spanId: ids(rest.spanId),
    traceState: rest.traceState ?? "",
    name: rest.name ?? "",
    kind: rest.kind ?? 0,
    status: last ?? 0,
    startNs: rest.startNs ?? 0n,
    endNs: rest.endNs ?? 0n,
    attributes: KEYS.map((key) => {
      const found = Object.hasOwn(attributes, key) ? attributes[key] : undefined;
      return found === null || Array.isArray(found) ? "other" : found;
    }),
  };
}

describe("a span", () => {
  it("is read as it was written, whatever is in it and however it is padded", () => {
    const spans = fc.array(span, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(spans, fc.nat(2), (written, padding) => {
        const wire = encode(traceFields({}, written), padding);
        expect(decode(wire)).toEqual(written.map(expected));
      }),
      { numRuns: 500 },
    );
  });

  it.each([0, 1, 100, 126, 127, 128, 16_370, 16_384, 163_830, 164_000, 2_200_000])(
    "may have an attribute of %i bytes, wanted or not",
    (length) => {
      const value = "v".repeat(length);
      for (const attributes of [{ key: value }, { unknown: value, key: "a" }]) {
        const written = { attributes, name: value };
        expect(decode(encode(traceFields({}, [written])))).toEqual([expected(written)]);
      }
    },
  );

  it("holds nothing of the span before it", () => {
    const full: WireSpan = {
      traceId: new Uint8Array(16).fill(1),
      spanId: new Uint8Array(8).fill(2),
      traceState: "ot=th:8",
      name: "full",
      kind: 2,
      startNs: 1n,
      endNs: 2n,
      attributes: { key: "a", k: 5, é: true },
      status: 2,
    };
    expect(decode(encode(traceFields({}, [full, {}])))).toEqual([expected(full), expected({})]);
  });

  it("with an id of no bytes has none", () => {
    const empty = { traceId: new Uint8Array(0), spanId: new Uint8Array(0) };
    expect(decode(encode(traceFields({}, [empty])))[0]).toMatchObject({
      traceId: null,
      spanId: null,
    });
  });

  it("forgets attributes however many spans there were", () => {
    const decoder = new TraceDecoder(new KeyTable([]), new KeyTable(KEYS), {
      resource() {},
      span() {},
    });
    // The generations of slots are numbers that run full after 2^28 spans: as if that was now.
    const slots = decoder.record.attributes as unknown as { base: number; state: Int32Array };
    slots.base = 2 ** 30 - 8;
    for (const key of ["key", "k", "é", "key"]) {
      decoder.decode(encode(traceFields({}, [{ attributes: { [key]: 1 } }])));
      const types = KEYS.map((_, slot) => decoder.record.attributes.typeOf(slot));
      expect(types).toEqual(KEYS.map((other) => (other === key ? NUMBER : 0)));
    }
  });
});

describe("a message that ends in the middle of a field", () => {
  const inSpan = (content: Uint8Array) => [message(1, [message(2, [bytes(2, content)])])];
  const faultOf = (fields: Parameters<typeof encode>[0]) =>
    new TraceDecoder(new KeyTable([]), new KeyTable(KEYS), { resource() {}, span() {} }).decode(
      encode(fields),
    );

  /** Cuts the message everywhere; the lengths around it say so, and other fields come behind it. */
  function check(fields: Parameters<typeof encode>[0], wrap: typeof inSpan) {
    const whole = encode(fields);
    const boundaries = new Set(fields.map((_, i) => encode(fields.slice(0, i)).length));
    for (let length = 0; length < whole.length; length++) {
      const isSound = faultOf(wrap(whole.subarray(0, length))) === NO_FAULT;
      expect([length, isSound]).toEqual([length, boundaries.has(length)]);
    }
  }

  it("is a fault at every byte of a span", () => {
    const fields = spanFields({
      traceId: new Uint8Array(16),
      spanId: new Uint8Array(8),
      traceState: "a=b",
      name: "name",
      kind: 2,
      startNs: 5n,
      endNs: 2n ** 60n,
      attributes: { key: "v".repeat(200), other: 7 },
      more: [
        varint(10, 1),
        varint(12, 300),
        varint(14, 1),
        message(15, [varint(3, 2)]),
        fixed32(16, 257),
        bytes(4, new Uint8Array(8)),
      ],
    });
    check(fields, (cut) => [...inSpan(cut), ...traceFields({}, [{ name: "behind" }])]);
    check(fields, (cut) => [message(1, [message(2, [bytes(2, cut), message(2, fields)])])]);
  });

  it.each<[string, AttributeValue]>([
    ["text", "value"],
    ["an int", 300],
    ["a double", 0.5],
    ["a bool", true],
    ["a list", ["a"]],
  ])("is a fault at every byte of an attribute that is %s", (_what, held) => {
    const behind = spanFields({ attributes: { key: "behind it" }, endNs: 1n });
    const inAttribute = (cut: Uint8Array) => inSpan(encode([bytes(9, cut), ...behind]));
    check(keyValue("key", held), inAttribute);
    check(anyValue(held), (cut) => inAttribute(encode([text(1, "key"), bytes(2, cut)])));
  });
});

describe("the table of wanted keys", () => {
  it("finds each of its keys and no other", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ maxLength: 20, unit: "grapheme" }), { maxLength: 60 }),
        fc.array(fc.string({ maxLength: 20, unit: "grapheme" })),
        (keys, others) => {
          const table = new KeyTable(keys);
          for (const key of [...keys, ...others]) {
            const wire = new TextEncoder().encode(`ab${key}cd`);
            const view = new DataView(wire.buffer);
            expect(table.find(view, 2, wire.length - 2)).toBe(keys.indexOf(key));
          }
        },
      ),
    );
  });

  it("tells keys apart that differ in any one byte", () => {
    for (let length = 1; length < 20; length++) {
      const table = new KeyTable(["a".repeat(length)]);
      for (let at = 0; at < length; at++) {
        const other = new Uint8Array(length).fill(0x61);
        other[at] = 0x62;
        expect(table.find(new DataView(other.buffer), 0, length)).toBe(-1);
      }
    }
  });
});

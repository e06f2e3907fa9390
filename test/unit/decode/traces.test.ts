import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeyTable } from "../../../src/decode/key-table.ts";
import { ABSENT, BOOL, NUMBER, OTHER, STRING } from "../../../src/decode/slot-types.ts";
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
import {
  bytes,
  encode,
  fixed32,
  message,
  text,
  varint,
  varintBytes,
} from "../../support/wire-message.ts";

const KEYS = ["key", "http.response.status_code", "é", "server.address", "k"];
const TABLE = new KeyTable(KEYS);
const NO_KEYS = new KeyTable([]);

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
  const decoder = new TraceDecoder(NO_KEYS, TABLE, {
    resource() {},
    span: (record) => void spans.push(described(record)),
  });
  expect(decoder.decode(wire)).toBe(NO_FAULT);
  return spans;
}

/** A span with these KeyValues, each behind `tag`. */
function readBehind(tag: readonly number[], attributes: readonly Uint8Array[]) {
  const span = attributes.flatMap((attribute) => [
    ...tag,
    ...varintBytes(BigInt(attribute.length)),
    ...attribute,
  ]);
  const spans: ReturnType<typeof described>[] = [];
  const decoder = new TraceDecoder(NO_KEYS, TABLE, {
    resource() {},
    span: (record) => void spans.push(described(record)),
  });
  const wire = encode([message(1, [message(2, [bytes(2, Uint8Array.from(span))])])]);
  return { fault: decoder.decode(wire), spans };
}
const readPlainly = (attributes: readonly Uint8Array[]) => readBehind([0x4a], attributes);
/** Behind a tag that is longer than needed nothing is read in the plain way. */
const readCarefully = (attributes: readonly Uint8Array[]) => readBehind([0xca, 0], attributes);

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

/** Keys and values that are missing, repeated, in any order, or among fields that nobody knows; */
const oddKeyValue = fc.array(
  fc.oneof(
    fc
      .oneof(fc.constantFrom(...KEYS, "", "server.addresx"), value.map(String))
      .map((key) => text(1, key)),
    fc.array(value.map(anyValue), { maxLength: 2 }).map((values) => message(2, values.flat())),
    fc.constantFrom(varint(9, 1), text(10, "x".repeat(140)), fixed32(11, 7)),
  ),
  { maxLength: 3 },
);
const plainKeyValue = fc
  .tuple(fc.constantFrom(...KEYS), value)
  .map(([key, held]) => keyValue(key, held));
/** and then some byte is another one. */
const oddAttribute = fc
  .tuple(
    fc.oneof(plainKeyValue, oddKeyValue),
    fc.nat(60),
    fc.option(fc.oneof(fc.nat(255), fc.constantFrom(0, 2, 3, 10, 18, 24, 127, 128))),
  )
  .map(([fields, at, byte]) => {
    const wire = encode(fields);
    if (byte !== null && at < wire.length) wire[at] = byte;
    return wire;
  });

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

  it.each([0, 1, 100, 126, 127, 128, 1_300, 16_370, 16_384, 163_830, 164_000, 2_200_000])(
    "may have an attribute of %i bytes, wanted or not",
    (length) => {
      const value = "v".repeat(length);
      for (const attributes of [{ key: value }, { unknown: value, key: "a" }]) {
        const written = { attributes, name: value.slice(0, 200_000) };
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

  it("has the attributes and the faults that the careful way finds, whatever their bytes are", () => {
    fc.assert(
      fc.property(fc.array(oddAttribute, { minLength: 1, maxLength: 3 }), (attributes) => {
        expect(readPlainly(attributes)).toEqual(readCarefully(attributes));
      }),
      { numRuns: 5_000 },
    );
  });

  it("has the values and the faults that the careful way finds, whatever their lengths say", () => {
    const key = encode([text(1, "server.address")]);
    const lengths = [0, 1, 2, 3, 4, 125, 126, 127, 128, 255];
    const fields = encode([varint(3, 7), message(2, [varint(3, 5)])]);
    for (const behind of [...lengths.map((length) => new Uint8Array(length).fill(1)), fields]) {
      const attributes = [0x0a, 0x10, 0x12, 0x18].flatMap((tag) =>
        lengths.flatMap((length) =>
          lengths.map((first) => [Uint8Array.of(...key, 0x12, length, tag, first, ...behind)]),
        ),
      );
      expect(attributes.map(readPlainly)).toEqual(attributes.map(readCarefully));
    }
  });

  it.each([1, 3, 4, 5, 8, 25, 126, 127])(
    "has no attribute of a key that differs in one of %i bytes",
    (length) => {
      const wanted = "k".repeat(length);
      const keys = Array.from(
        { length },
        (_, at) => `${wanted.slice(0, at)}K${wanted.slice(at + 1)}`,
      );
      const attributes = Object.fromEntries(keys.map((key) => [key, "another"]));
      const typesOf = (written: WireSpan) => {
        const types: number[] = [];
        const decoder = new TraceDecoder(NO_KEYS, new KeyTable([wanted, "other"]), {
          resource() {},
          span: ({ attributes: slots }) => void types.push(slots.typeOf(0), slots.typeOf(1)),
        });
        expect(decoder.decode(encode(traceFields({}, [written])))).toBe(NO_FAULT);
        return types;
      };
      expect(typesOf({ attributes })).toEqual([ABSENT, ABSENT]);
      expect(typesOf({ attributes: { ...attributes, [wanted]: 1 } })).toEqual([NUMBER, ABSENT]);
    },
  );

  it("with an id of no bytes has none", () => {
    const empty = { traceId: new Uint8Array(0), spanId: new Uint8Array(0) };
    expect(decode(encode(traceFields({}, [empty])))[0]).toMatchObject({
      traceId: null,
      spanId: null,
    });
  });

  it("forgets attributes however many spans there were", () => {
    const decoder = new TraceDecoder(NO_KEYS, TABLE, {
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
    new TraceDecoder(NO_KEYS, TABLE, { resource() {}, span() {} }).decode(encode(fields));

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

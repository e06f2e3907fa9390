import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BAD_FIELD_NUMBER,
  BAD_GROUP,
  bitsToDouble,
  type Fault,
  NO_FAULT,
  nanosToSecond,
  TOO_DEEP,
  TRUNCATED,
  toDouble,
  toSignedDouble,
  VARINT_TOO_LONG,
  WireReader,
} from "../../../src/decode/wire.ts";
import { varintBytes } from "../../support/wire-message.ts";

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const halves = (value: bigint): [hi: number, lo: number] => [
  Number(value >> 32n),
  Number(value & 0xffff_ffffn),
];

/** A reader of `bytes`, which stand in the middle of a larger buffer full of continuation bits. */
function readerOf(bytes: readonly number[]): WireReader {
  const buffer = new Uint8Array(bytes.length + 64).fill(0xff);
  buffer.set(bytes, 32);
  const reader = new WireReader();
  reader.reset(buffer.subarray(32, 32 + bytes.length));
  return reader;
}

function faultOf(bytes: readonly number[], read: (reader: WireReader, end: number) => void): Fault {
  const reader = readerOf(bytes);
  read(reader, bytes.length);
  if (reader.fault !== NO_FAULT) expect(reader.pos).toBe(bytes.length);
  return reader.fault;
}

describe("a varint", () => {
  it("of any length is read as 64 bits in two halves", () => {
    fc.assert(
      fc.property(uint64, fc.nat(9), (value, padding) => {
        const bytes = varintBytes(value);
        const padded = varintBytes(value, Math.min(padding, 10 - bytes.length));
        const reader = readerOf(padded);
        reader.varint64(padded.length);
        expect([reader.hi, reader.lo]).toEqual(halves(value));
        expect(reader.pos).toBe(padded.length);
        expect(reader.fault).toBe(NO_FAULT);
      }),
    );
  });

  it.each([
    0n,
    127n,
    128n,
    2n ** 28n,
    2n ** 32n - 1n,
    2n ** 32n,
    2n ** 35n,
    2n ** 63n,
    2n ** 64n - 1n,
  ])("of value %s gives its low 32 bits and is skipped whole", (value) => {
    const bytes = varintBytes(value);
    const reader = readerOf(bytes);
    expect(reader.varint32(bytes.length)).toBe(Number(value & 0xffff_ffffn));
    expect(reader.pos).toBe(bytes.length);
    reader.reset(Uint8Array.from(bytes));
    reader.skip(8, bytes.length);
    expect(reader.pos).toBe(bytes.length);
    expect(reader.fault).toBe(NO_FAULT);
  });

  it.each([
    ["varint32", (reader: WireReader, end: number) => reader.varint32(end)],
    ["varint64", (reader: WireReader, end: number) => reader.varint64(end)],
    ["skip", (reader: WireReader, end: number) => reader.skip(8, end)],
  ] as const)("longer than 10 bytes is a fault, one that ends early another: %s", (_name, read) => {
    const long = [...new Array(10).fill(0x80), 0];
    expect(faultOf(long, read)).toBe(VARINT_TOO_LONG);
    for (let length = 0; length < 10; length++) {
      expect(faultOf(new Array(length).fill(0x80), read)).toBe(TRUNCATED);
    }
  });
});

describe("a tag", () => {
  it("is field number times eight plus wire type, up to the largest field number", () => {
    for (const tag of [0x0a, 0x0185, (2 ** 29 - 1) * 8 + 2]) {
      const bytes = varintBytes(BigInt(tag));
      expect(readerOf(bytes).tag(bytes.length)).toBe(tag);
    }
  });

  it("of field 0 is a fault, however it is written", () => {
    for (const bytes of [[0], [7], [0x82, 0x00]]) {
      expect(faultOf(bytes, (reader, end) => reader.tag(end))).toBe(BAD_FIELD_NUMBER);
    }
  });

  it("of more than 32 bits is a fault and not another field", () => {
    // 2^32 + 0x0a: cut to 32 bits it would be field 1.
    const bytes = varintBytes(2n ** 32n + 0x0an);
    expect(faultOf(bytes, (reader, end) => reader.tag(end))).toBe(BAD_FIELD_NUMBER);
    const six = varintBytes(0x0an, 5);
    expect(faultOf(six, (reader, end) => reader.tag(end))).toBe(BAD_FIELD_NUMBER);
  });
});

describe("a length", () => {
  it.each([0, 1, 127, 128, 300, 16_383, 16_384, 70_000])("of %i ends where it says", (length) => {
    const bytes = varintBytes(BigInt(length));
    const reader = new WireReader();
    reader.reset(Uint8Array.from([...bytes, ...new Uint8Array(length)]));
    expect(reader.lengthEnd(bytes.length + length)).toBe(bytes.length + length);
    expect(reader.fault).toBe(NO_FAULT);
  });

  it("beyond the enclosing message is a fault", () => {
    expect(faultOf([2, 0], (reader, end) => reader.lengthEnd(end))).toBe(TRUNCATED);
    expect(faultOf([0x81, 0x01, 0], (reader, end) => reader.lengthEnd(end))).toBe(TRUNCATED);
  });

  it.each([2n ** 32n, 2n ** 32n + 1n, 2n ** 63n, 2n ** 64n - 1n])(
    "of %s does not wrap around to a short one",
    (length) => {
      const bytes = [...varintBytes(length), 1, 2, 3];
      expect(faultOf(bytes, (reader, end) => reader.lengthEnd(end))).toBe(TRUNCATED);
    },
  );
});

describe("fixed-size values", () => {
  it("are the same bits in two halves", () => {
    fc.assert(
      fc.property(uint64, (value) => {
        const bytes = new Uint8Array(8);
        new DataView(bytes.buffer).setBigUint64(0, value, true);
        const reader = readerOf([...bytes]);
        reader.fixed64(8);
        expect([reader.hi, reader.lo]).toEqual(halves(value));
        expect(toDouble(reader.hi, reader.lo)).toBe(Number(value));
        expect(toSignedDouble(reader.hi, reader.lo)).toBe(Number(BigInt.asIntN(64, value)));
      }),
    );
  });

  it("read as doubles are the doubles that were written", () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        const view = new DataView(new ArrayBuffer(8));
        view.setFloat64(0, value, true);
        const read = bitsToDouble(view.getUint32(4, true), view.getUint32(0, true));
        expect(Object.is(read, value)).toBe(true);
      }),
    );
  });

  it("past the end are a fault", () => {
    expect(faultOf(new Array(7).fill(1), (reader, end) => reader.fixed64(end))).toBe(TRUNCATED);
    expect(faultOf(new Array(7).fill(1), (reader, end) => reader.skip(9, end))).toBe(TRUNCATED);
    expect(faultOf([1, 2, 3], (reader, end) => reader.skip(13, end))).toBe(TRUNCATED);
  });
});

describe("a group", () => {
  const GROUP = 0x0b; // field 1, start of a group
  const skipGroup = (reader: WireReader, end: number) => reader.skip(reader.tag(end), end);

  it("is skipped with all that is in it", () => {
    // A group 1 that holds varint 2, a nested group 3 and bytes 4.
    const bytes = [GROUP, 0x10, 0x96, 0x01, 0x1b, 0x1c, 0x22, 1, 9, 0x0c, 0x08];
    const reader = readerOf(bytes);
    skipGroup(reader, bytes.length);
    expect(reader.fault).toBe(NO_FAULT);
    expect(reader.pos).toBe(bytes.length - 1);
  });

  it("that is not closed, or closed as another, is a fault", () => {
    expect(faultOf([GROUP], skipGroup)).toBe(BAD_GROUP);
    expect(faultOf([GROUP, 0x14], skipGroup)).toBe(BAD_GROUP);
    expect(faultOf([0x0c], skipGroup)).toBe(BAD_FIELD_NUMBER);
  });

  it("nested without end is a fault and does not exhaust the stack", () => {
    expect(faultOf(new Array(100_000).fill(GROUP), skipGroup)).toBe(TOO_DEEP);
  });
});

describe("whole seconds of a time in nanoseconds", () => {
  const around = (seconds: bigint, offset: bigint) => seconds * 1_000_000_000n + offset;

  it("are exact for every 64-bit count", () => {
    fc.assert(
      fc.property(uint64, (nanos) => {
        const [hi, lo] = halves(nanos);
        expect(nanosToSecond(hi, lo)).toBe(Number(nanos / 1_000_000_000n));
      }),
      { numRuns: 2_000 },
    );
  });

  it("are exact to the nanosecond around every second", () => {
    const seconds = fc.bigInt({ min: 1n, max: 18_446_744_072n });
    fc.assert(
      fc.property(seconds, fc.bigInt({ min: -300n, max: 300n }), (second, offset) => {
        const nanos = around(second, offset);
        const [hi, lo] = halves(nanos);
        expect(nanosToSecond(hi, lo)).toBe(Number(nanos / 1_000_000_000n));
      }),
      { numRuns: 5_000 },
    );
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PackedReader, PackedWriter } from "../../../src/journal/packed.ts";
import { EngineError } from "../../../src/model/errors.ts";

const anyNumber = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.maxSafeInteger().map((n) => n * 256),
  fc.integer().map((n) => n / 65_536),
  fc.constantFrom(0, -0, 255, 256, 2 ** 31, 2 ** 32, 2 ** 50, 2 ** 50 - 1, -(2 ** 50), 2 ** 53),
);

function packed(write: (out: PackedWriter) => void): Uint8Array {
  const out = new PackedWriter(1);
  write(out);
  return out.bytes().slice();
}

describe("packed numbers", () => {
  it("come back to the last bit, whatever they are", () => {
    fc.assert(
      fc.property(fc.array(anyNumber), (numbers) => {
        const reader = new PackedReader(
          packed((out) => {
            for (const n of numbers) out.number(n);
          }),
        );
        for (const n of numbers) expect(reader.number()).toBe(n);
        expect(reader.isAtEnd).toBe(true);
      }),
    );
  });

  it("are small where counts are: a hundred thousand requests take three bytes", () => {
    expect(packed((out) => out.number(100_000 * 256)).length).toBe(3);
    expect(packed((out) => out.number(1))).toHaveLength(1);
    expect(packed((out) => out.number(0.1))).toHaveLength(9);
  });

  it("have varints for every integer up to 2^53 - 1", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger().map(Math.abs), (n) => {
        expect(new PackedReader(packed((out) => out.varint(n))).varint()).toBe(n);
      }),
    );
  });
});

describe("packed columns", () => {
  const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  const columns = fc.oneof(
    fc.array(anyNumber, { maxLength: 30 }),
    fc.array(uint32, { maxLength: 30 }),
    fc.tuple(anyNumber, fc.nat(30)).map(([n, length]) => Array(length).fill(n)),
  );

  it("come back to the last bit, out of rows and into rows", () => {
    fc.assert(
      fc.property(columns, (numbers) => {
        const rows = Float64Array.from(numbers.flatMap((n) => [1, n, 2]));
        const bytes = packed((out) => out.column(rows, 1, 3, numbers.length));
        const copy = Float64Array.from(rows, (n, i) => (i % 3 === 1 ? 7 : n));
        const reader = new PackedReader(bytes);
        reader.column(copy, 1, 3, numbers.length);
        copy.forEach((n, i) => {
          expect(n).toBe(rows[i]);
        });
        expect(reader.isAtEnd).toBe(true);
      }),
    );
  });

  it("take eight bytes for one value, four for each count, eight for each other number", () => {
    const size = (...numbers: number[]) =>
      packed((out) => out.column(Float64Array.from(numbers), 0, 1, numbers.length)).length - 1;
    expect([size(), size(0.1, 0.1, 0.1), size(1, 2, 3), size(1, 2, 0.1)]).toEqual([0, 8, 12, 24]);
    expect(size(1, 2, -0)).toBe(24);
  });

  it("of words come back", () => {
    fc.assert(
      fc.property(fc.int32Array({ maxLength: 30 }), (words) => {
        const reader = new PackedReader(packed((out) => out.words(words, words.length)));
        const copy = new Int32Array(words.length);
        reader.words(copy, words.length);
        expect(copy).toEqual(words);
      }),
    );
  });
});

describe("packed rows", () => {
  it("come back in place, with their zeros", () => {
    const value = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, anyNumber);
    fc.assert(
      fc.property(fc.array(value, { maxLength: 50 }), (values) => {
        const row = Float64Array.from(values);
        const copy = new Float64Array(row.length).fill(7);
        new PackedReader(packed((out) => out.numbers(row))).numbers(copy);
        row.forEach((n, i) => {
          expect(copy[i]).toBe(n);
        });
      }),
    );
  });

  it("take three bytes when they are empty", () => {
    expect(packed((out) => out.numbers(new Float64Array(1000))).length).toBeLessThanOrEqual(4);
  });

  it("are refused by a row of another length", () => {
    const bytes = packed((out) => out.numbers(new Float64Array(3)));
    expect(() => new PackedReader(bytes).numbers(new Float64Array(4))).toThrow(
      new RangeError("a row of 4 numbers is stored with 3"),
    );
  });
});

describe("packed bytes that were cut or changed", () => {
  const bytes = packed((out) => {
    out.number(123_456);
    out.text("zürich");
    out.numbers(Float64Array.of(0, 0, 0.1, 512));
    out.words(Int32Array.of(1, -2), 2);
    out.column(Float64Array.of(1, 2), 0, 1, 2);
    out.uint32(0xdeadbeef);
  });
  const read = (from: Uint8Array) => {
    const reader = new PackedReader(from);
    const text = [reader.number(), reader.text()];
    const row = new Float64Array(4);
    reader.numbers(row);
    const words = new Int32Array(2);
    reader.words(words, 2);
    const column = new Float64Array(2);
    reader.column(column, 0, 1, 2);
    return [...text, ...row, ...words, ...column, reader.uint32()];
  };

  it("are read whole", () => {
    expect(read(bytes)).toEqual([123_456, "zürich", 0, 0, 0.1, 512, 1, -2, 1, 2, 0xdeadbeef]);
  });

  it("say so at every length that is too short", () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(() => read(bytes.subarray(0, length)), `${length} bytes`).toThrow(EngineError);
    }
  });

  it("give values or an error, never anything else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (garbage) => {
        try {
          read(garbage);
        } catch (error) {
          expect(error instanceof EngineError || error instanceof RangeError).toBe(true);
        }
      }),
    );
  });
});

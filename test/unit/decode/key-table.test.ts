import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeyTable } from "../../../src/decode/key-table.ts";

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

  it("tells keys of one bucket apart", () => {
    // Length and last four bytes add up to the same for all of them.
    const keys = ["xxfbcd", "xxxebcd", "yyyebcd", "xxxxdbcd"];
    const find = (table: KeyTable, key: string) => {
      const wire = new TextEncoder().encode(key);
      return table.find(new DataView(wire.buffer), 0, wire.length);
    };
    for (let wanted = 0; wanted <= keys.length; wanted++) {
      const table = new KeyTable(keys.slice(0, wanted));
      expect(keys.map((key) => find(table, key))).toEqual(
        keys.map((_, i) => (i < wanted ? i : -1)),
      );
    }
  });
});

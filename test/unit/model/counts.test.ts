import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { restoreState, saveState } from "../../../src/journal/state-bytes.ts";
import { Counts } from "../../../src/model/counts.ts";

const LENGTH = 16;

const count = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 300 }).map((requests) => requests * 256) },
  { weight: 2, arbitrary: fc.integer({ min: -512, max: 100_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 ** 44 }) },
  { weight: 1, arbitrary: fc.constantFrom(0.5, 255 * 256, 256 * 256, 65_535 * 256, 2 ** 40) },
);
const change = fc.record({
  index: fc.integer({ min: 0, max: LENGTH - 1 }),
  count,
  after: fc.constantFrom("nothing", "nothing", "nothing", "clear", "clear four", "carry"),
});

function all(counts: Counts): number[] {
  return Array.from({ length: LENGTH }, (_, i) => counts.at(i));
}

describe("Counts", () => {
  it("hold what doubles would, whatever comes, is cleared, stored and restored", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        let counts = new Counts(LENGTH);
        const doubles = new Float64Array(LENGTH);
        for (const { index, count, after } of changes) {
          counts.add(index, count);
          doubles[index]! += count;
          if (after === "clear") {
            counts.clear(index);
            doubles[index] = 0;
          } else if (after === "clear four") {
            counts.clear(4, 4);
            doubles.fill(0, 4, 8);
          } else if (after === "carry") {
            const bytes = saveState(counts).bytes().slice();
            counts = new Counts(LENGTH);
            restoreState(counts, bytes);
          }
          expect(all(counts)).toEqual([...doubles]);
        }
        const copy = new Counts(LENGTH);
        copy.copy(counts);
        expect(all(copy)).toEqual([...doubles]);
      }),
    );
  });

  it("take one byte each up to 255 requests, two up to 65,535, four up to 2^32 - 1, and eight for all else", () => {
    const bytesWith = (...added: number[]) => {
      const counts = new Counts(LENGTH);
      for (const count of added) counts.add(3, count);
      expect(counts.at(3)).toBe(added.reduce((sum, one) => sum + one, 0));
      return counts.bytes / LENGTH;
    };
    expect(bytesWith(255 * 256)).toBe(1);
    expect(bytesWith(255 * 256, 256)).toBe(2);
    expect(bytesWith(65_536 * 256)).toBe(4);
    expect(bytesWith(2 ** 32 * 256)).toBe(8);
    // Of sampled spans, in units of 1/256.
    expect(bytesWith(255)).toBe(1);
    expect(bytesWith(300)).toBe(2);
    expect(bytesWith(100_001)).toBe(4);
    expect(bytesWith(-256)).toBe(8);
    expect(bytesWith(0.5)).toBe(8);
  });

  it("are as narrow again as they can be once they are stored", () => {
    const counts = new Counts(LENGTH);
    counts.add(0, 2 ** 50 + 1);
    expect(counts.bytes).toBe(8 * LENGTH);
    counts.clear(0);
    counts.add(1, 512);
    saveState(counts);
    expect(counts.bytes).toBe(LENGTH);
    expect(counts.at(1)).toBe(512);
  });

  it("do not share a copy's later counts", () => {
    const counts = new Counts(LENGTH);
    counts.add(0, 256);
    const copy = new Counts(LENGTH);
    copy.copy(counts);
    copy.add(0, 256);
    expect([counts.at(0), copy.at(0)]).toEqual([256, 512]);
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FIELDS, SEEN_AT, SeriesRows, TIME } from "../../../src/aggregate/series-rows.ts";

/** Few distinct keys, and few distinct first words: the index has to tell apart what falls on one place. */
const key = (n: number) => Int32Array.of(n % 7, n, 0, 0);

function rowOf(rows: SeriesRows, n: number): number {
  const row = rows.find(key(n));
  return row >= 0 ? row : rows.add(key(n));
}

describe("the rows of series", () => {
  it("are found again in whatever order they are asked for, also after they grew and after some were dropped", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(3_000), { maxLength: 4_000, size: "max" }),
        fc.nat(100),
        (asked, cut) => {
          const rows = new SeriesRows();
          const known = new Map<number, number>();
          asked.forEach((n, i) => {
            const row = rowOf(rows, n);
            expect(row).toBe(known.get(n) ?? known.size);
            known.set(n, row);
            rows.state[row * FIELDS + SEEN_AT] = i % 100;
            rows.state[row * FIELDS + TIME] = n;
          });
          expect(rows.size).toBe(known.size);
          const stays = new Map([...known].map(([n, row]) => [n, rows.seenAt(row) >= cut]));
          const moved = rows.drop((row) => rows.seenAt(row) >= cut);
          for (const [n, row] of known) {
            const now = rows.find(key(n));
            expect(now).toBe(moved[row]);
            expect(now >= 0).toBe(stays.get(n));
            if (now >= 0) expect(rows.state[now * FIELDS + TIME]).toBe(n);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it("begin as never seen, also where another one was dropped", () => {
    const rows = new SeriesRows();
    rows.state.fill(5, 0, FIELDS);
    rows.drop(() => false);
    const row = rowOf(rows, 1);
    expect([...rows.state.subarray(row * FIELDS, (row + 1) * FIELDS)]).toEqual([
      0,
      Number.NaN,
      0,
      0,
      0,
    ]);
  });
});

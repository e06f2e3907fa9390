import { describe, expect, it } from "vitest";
import { MAX_CELLS, Tally } from "../../../src/aggregate/tally.ts";
import { COUNT_UNIT } from "../../../src/model/delta.ts";

describe("the open delta", () => {
  it("has one cell for every SLO, version and second, with zeros at first", () => {
    const tally = new Tally();
    tally.begin(5);
    const a = tally.cell(3, 1, 1_000);
    expect(tally.cell(3, 1, 1_000)).toBe(a);
    const others = [tally.cell(4, 1, 1_000), tally.cell(3, 0, 1_000), tally.cell(3, 1, 1_001)];
    expect(new Set([a, ...others]).size).toBe(4);
    expect(tally.length).toBe(4);
    expect([tally.total[a], tally.bad[a], tally.rawBad[a], tally.badSquares[a]]).toEqual([
      0, 0, 0, 0,
    ]);
    expect(tally.receivedAt).toBe(5);
  });

  it("keeps counts and places while it grows", () => {
    const tally = new Tally();
    tally.begin(0);
    const cells: number[] = [];
    for (let i = 0; i < 5_000; i++) {
      const cell = tally.cell(i % 7, i % 3, 1_700_000_000 + i);
      tally.addSpan(cell, COUNT_UNIT * (1 + (i % 4)), i % 2 === 0);
      cells.push(cell);
    }
    expect(tally.length).toBe(5_000);
    for (let i = 0; i < 5_000; i++) {
      const cell = tally.cell(i % 7, i % 3, 1_700_000_000 + i);
      expect(cell).toBe(cells[i]);
      const weight = 1 + (i % 4);
      expect(tally.total[cell]).toBe(weight * COUNT_UNIT);
      expect(tally.bad[cell]).toBe(i % 2 === 0 ? weight * COUNT_UNIT : 0);
      expect(tally.badSquares[cell]).toBe(i % 2 === 0 ? weight * weight : 0);
    }
  });

  it("starts over empty, whatever was in it", () => {
    const tally = new Tally();
    for (let request = 0; request < 100; request++) {
      tally.begin(request);
      expect(tally.length).toBe(0);
      for (let i = 0; i < 40; i++) {
        tally.addSpan(tally.cell(0, 0, request * 10 + i), COUNT_UNIT, true);
      }
      expect(tally.length).toBe(40);
      expect([...tally.total.subarray(0, 40)]).toEqual(new Array(40).fill(COUNT_UNIT));
      expect([...tally.rawBad.subarray(0, 40)]).toEqual(new Array(40).fill(1));
    }
  });

  it("has an end, says so, and gives its memory back", () => {
    const tally = new Tally();
    tally.begin(0);
    for (let i = 0; i < MAX_CELLS; i++) tally.cell(0, 0, i);
    expect(tally.overflowed).toBe(false);
    expect(tally.length).toBe(MAX_CELLS);
    tally.cell(0, 0, 5);
    expect(tally.overflowed).toBe(false);
    expect(tally.cell(0, 0, MAX_CELLS)).toBeLessThan(MAX_CELLS);
    expect(tally.overflowed).toBe(true);
    expect(tally.length).toBe(MAX_CELLS);
    tally.begin(1);
    expect(tally.overflowed).toBe(false);
    expect(tally.total.length).toBeLessThan(1_000);
    expect(tally.cell(0, 0, 5)).toBe(0);
    expect(tally.length).toBe(1);
  });
});

import { describe, expect, it } from "vitest";
import { ReplicaTotals } from "../../../src/engine/replica-totals.ts";

const START = Date.UTC(2026, 4, 4, 10);

/** Both count at the same instants; the first second of each ten is compared. */
function compared(pairs: readonly (readonly [leader: number, own: number])[]): boolean[] {
  const leader = new ReplicaTotals();
  const own = new ReplicaTotals();
  return pairs.map(([theirs, ours], i) => {
    const now = START + i * 10_000;
    leader.tick(now, () => theirs);
    own.tick(now, () => ours);
    return own.compare(leader.text() ?? "");
  });
}

describe("replica totals", () => {
  it("say so when 30 s in a row differ by more than 1 %, once", () => {
    const missing = Array.from({ length: 5 }, () => [10_000, 9_800] as const);
    expect(compared(missing)).toEqual([false, false, true, false, false]);
  });

  it("bear 1 %, and what is under way at one instant", () => {
    const close = Array.from({ length: 5 }, () => [10_000, 9_901] as const);
    expect(compared(close)).not.toContain(true);
    const once = [1, 2, 3, 4, 5].map((i) => [10_000, i === 2 ? 5_000 : 10_000] as const);
    expect(compared(once)).not.toContain(true);
  });

  it("say so when the leader is the one that misses requests", () => {
    const more = Array.from({ length: 3 }, () => [0, 500] as const);
    expect(compared(more).at(-1)).toBe(true);
  });

  it("do not call a handful of requests a difference", () => {
    const few = Array.from({ length: 5 }, () => [9, 0] as const);
    expect(compared(few)).not.toContain(true);
  });

  it("compare an instant once, and none that was not counted here", () => {
    const own = new ReplicaTotals();
    own.tick(START, () => 100);
    const text = `${START / 1000}=1000`;
    for (let i = 0; i < 5; i++) expect(own.compare(text)).toBe(false);
    expect(own.compare(`${START / 1000 + 10}=1000`)).toBe(false);
    expect(own.compare("nonsense")).toBe(false);
    expect(own.difference).toBeCloseTo(0.9);
  });
});

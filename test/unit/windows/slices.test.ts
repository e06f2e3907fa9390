import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COUNT_UNIT } from "../../../src/model/delta.ts";
import { SliceJudge } from "../../../src/windows/slices.ts";

const START = 1_750_000_020; // the beginning of a minute
const MINUTES = { method: "timeslices", sliceMs: 60_000, sliceTarget: 0.95 } as const;
const RATIOS = { method: "ratio-timeslices", sliceMs: 60_000 } as const;

/** Sums what was emitted, by slice. */
function ledger() {
  const slices = new Map<number, { total: number; bad: number }>();
  return {
    slices,
    emit(second: number, dTotal: number, dBad: number) {
      const slice = slices.get(second) ?? { total: 0, bad: 0 };
      slices.set(second, { total: slice.total + dTotal, bad: slice.bad + dBad });
    },
  };
}

describe("SliceJudge", () => {
  it("counts a slice from its first request on, once", () => {
    const { slices, emit } = ledger();
    const judge = new SliceJudge(MINUTES);
    judge.add(START + 3, 256, 0, emit);
    judge.add(START + 59, 2560, 0, emit);
    expect([...slices]).toEqual([[START, { total: COUNT_UNIT, bad: 0 }]]);
  });

  it("turns the slice bad below its target, and good again when late data lifts it", () => {
    const { slices, emit } = ledger();
    const judge = new SliceJudge(MINUTES);
    judge.add(START, 19 * 256, 256, emit); // 18/19 = 0.947 good
    expect(slices.get(START)?.bad).toBe(COUNT_UNIT);
    judge.add(START + 120, 256, 0, emit);
    judge.add(START, 256, 0, emit); // 19/20 = 0.95 good: exactly the target is not below it
    expect(slices.get(START)).toEqual({ total: COUNT_UNIT, bad: 0 });
  });

  it("takes a slice back when a correction leaves it without requests", () => {
    const { slices, emit } = ledger();
    const judge = new SliceJudge(MINUTES);
    judge.add(START, 256, 256, emit);
    judge.add(START, -256, -256, emit);
    expect(slices.get(START)).toEqual({ total: 0, bad: 0 });
  });

  it("does not take data for slices older than the 360 newest", () => {
    const { emit, slices } = ledger();
    const judge = new SliceJudge(MINUTES);
    judge.add(START, 256, 0, emit);
    expect(judge.add(START - 359 * 60, 256, 256, emit)).toBe(true);
    expect(judge.add(START - 359 * 60 - 1, 256, 256, emit)).toBe(false);
    expect(slices.size).toBe(2);
  });

  it("begins every slice at zero, also where an old one stood", () => {
    const { emit, slices } = ledger();
    const judge = new SliceJudge(MINUTES);
    for (let minute = 0; minute < 800; minute++) {
      // 1 of 10 bad in each of the first 360 minutes, none of 1 later
      const first = minute < 360;
      judge.add(START + minute * 60, first ? 2560 : 256, first ? 256 : 0, emit);
    }
    expect(slices.get(START + 359 * 60)?.bad).toBe(COUNT_UNIT);
    expect(slices.get(START + 360 * 60)).toEqual({ total: COUNT_UNIT, bad: 0 });
    expect([...slices.values()].filter(({ bad }) => bad > 0)).toHaveLength(360);
    expect(slices.size).toBe(800);
  });

  it("emits in sum the verdict on all data of each slice, whatever its order", () => {
    const event = fc.record({
      move: fc.oneof(
        { weight: 9, arbitrary: fc.integer({ min: -900, max: 900 }) },
        { weight: 1, arbitrary: fc.integer({ min: 900, max: 60_000 }) },
      ),
      total: fc.integer({ min: -300, max: 5000 }),
      badShare: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 200 }),
        fc.constantFrom(MINUTES, RATIOS),
        (events, budgeting) => {
          const { slices, emit } = ledger();
          const judge = new SliceJudge(budgeting);
          const seen = new Map<number, { total: number; bad: number }>();
          let second = START;
          for (const { move, total, badShare } of events) {
            second += move;
            const bad = Math.floor(total * badShare);
            if (!judge.add(second, total, bad, emit)) continue;
            const key = Math.floor(second / 60) * 60;
            const slice = seen.get(key) ?? { total: 0, bad: 0 };
            seen.set(key, { total: slice.total + total, bad: slice.bad + bad });
          }
          for (const [key, { total, bad }] of seen) {
            const ratio = total > 0 ? Math.min(1, Math.max(0, bad / total)) : 0;
            const expected =
              budgeting.method === "timeslices"
                ? Number(total > 0 && (total - bad) / total < 0.95)
                : Math.round(ratio * 2 ** 20) / 2 ** 20;
            const emitted = slices.get(key) ?? { total: 0, bad: 0 };
            expect(emitted.total).toBe(total > 0 ? COUNT_UNIT : 0);
            expect(emitted.bad).toBe(expected * COUNT_UNIT);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it("refuses slices that are not whole seconds", () => {
    expect(() => new SliceJudge({ ...RATIOS, sliceMs: 1500 })).toThrow(RangeError);
  });
});

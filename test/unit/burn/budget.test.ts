import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type BudgetInput,
  budgetOf,
  isExhausted,
  isReplenished,
} from "../../../src/burn/budget.ts";

const DAY = 86_400;
const NEW: BudgetInput = {
  objective: 0.999,
  totalSeen: 0,
  badSeen: 0,
  planned: null,
  historySeconds: 0,
  periodSeconds: 28 * DAY,
  observedFullPeriod: false,
};
const MANY = { historySeconds: 5, bad: 100, minBad: 4 };

describe("budgetOf", () => {
  it("is (1 - objective) x planned while less was seen", () => {
    const budget = budgetOf({ ...NEW, planned: 1_000_000, totalSeen: 5000, badSeen: 250 });
    expect(budget.basis).toBe("configured");
    // 0.001 x 1 000 000 = 1000; 1 - 250 / 1000 = 0.75
    expect(budget.budget).toBeCloseTo(1000, 6);
    expect(budget.remaining).toBeCloseTo(0.75, 9);
  });

  it("grows with the requests seen beyond the plan", () => {
    const budget = budgetOf({ ...NEW, planned: 1000, totalSeen: 2_000_000, badSeen: 250 });
    // 0.001 x 2 000 000 = 2000; 1 - 250 / 2000 = 0.875
    expect(budget.remaining).toBeCloseTo(0.875, 9);
  });

  it("says when the plan was backfilled", () => {
    expect(budgetOf({ ...NEW, planned: 10, plannedBasis: "backfilled" }).basis).toBe("backfilled");
  });

  it("does not call a fresh installation exhausted", () => {
    const seen = { ...NEW, totalSeen: 100, badSeen: 1, historySeconds: 60 };
    const budget = budgetOf(seen);
    expect(budget.basis).toBe("projected");
    // 100 / 60 s x 2 419 200 s = 4 032 000 requests; x 0.001 = 4032; 1 - 1 / 4032
    expect(budget.budget).toBeCloseTo(4032, 6);
    expect(budget.remaining).toBeCloseTo(1 - 1 / 4032, 9);
    const allBad = budgetOf({ ...seen, badSeen: 100, historySeconds: 23 * 3600 });
    expect(allBad.remaining).toBeLessThan(0);
    expect(isExhausted(allBad, { ...MANY, historySeconds: 23 * 3600 })).toBe(false);
    expect(isExhausted(allBad, { ...MANY, historySeconds: 24 * 3600 })).toBe(true);
  });

  it("calls a configured budget exhausted at once", () => {
    const budget = budgetOf({
      ...NEW,
      planned: 1000,
      totalSeen: 10,
      badSeen: 1,
      historySeconds: 5,
    });
    // 0.001 x 1000 = 1; 1 - 1 / 1
    expect(budget.remaining).toBeCloseTo(0, 9);
    expect(isExhausted({ basis: "configured", remaining: 0 }, MANY)).toBe(true);
    expect(isExhausted({ basis: "configured", remaining: 0.01 }, MANY)).toBe(false);
  });

  it("rests on what was observed once a whole period was", () => {
    const whole = { ...NEW, observedFullPeriod: true, totalSeen: 50_000, badSeen: 10 };
    const rolling = budgetOf({ ...whole, historySeconds: 28 * DAY });
    expect(rolling.basis).toBe("observed");
    // 0.001 x 50 000 = 50; 1 - 10 / 50 = 0.8
    expect(rolling.remaining).toBeCloseTo(0.8, 9);
    // On the first of a month the size of the last one counts: 0.001 x 100 000 = 100; 1 - 10 / 100
    const calendar = budgetOf({ ...whole, totalSeen: 400, historySeconds: 60, observedTotal: 1e5 });
    expect(calendar.basis).toBe("observed");
    expect(calendar.remaining).toBeCloseTo(0.9, 9);
    // Without it the present month's rate is projected, never its beginning taken for the whole.
    expect(budgetOf({ ...whole, historySeconds: 60 }).basis).toBe("projected");
  });

  it("knows nothing of the rest before the first request", () => {
    expect(budgetOf(NEW)).toEqual({ basis: "projected", budget: 0, remaining: null });
    expect(budgetOf({ ...NEW, planned: 1000 }).remaining).toBeNull();
    expect(isExhausted({ basis: "configured", remaining: null }, MANY)).toBe(false);
  });

  it("never gives NaN or Infinity", () => {
    fc.assert(
      fc.property(
        fc.record({
          objective: fc.constantFrom(0.9, 0.999, 0.99999),
          totalSeen: fc.oneof(
            fc.constantFrom(0, 1, 1e12),
            fc.double({ min: 2 ** -12, max: 1e9, noNaN: true }),
          ),
          badSeen: fc.oneof(
            fc.constantFrom(-1, 0, 1, 1e12),
            fc.double({ min: 2 ** -12, max: 1e9, noNaN: true }),
          ),
          planned: fc.constantFrom(null, 0, 1, 1e15),
          historySeconds: fc.constantFrom(0, 1, 3600, 28 * DAY),
          periodSeconds: fc.constantFrom(3600, 28 * DAY, 366 * DAY),
          observedFullPeriod: fc.boolean(),
          observedTotal: fc.constantFrom(null, 0, 1e6),
        }),
        (input) => {
          const { budget, remaining } = budgetOf(input);
          expect(Number.isFinite(budget) && budget >= 0).toBe(true);
          expect(remaining === null || Number.isFinite(remaining)).toBe(true);
          expect(remaining ?? 0).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});

describe("a spent budget", () => {
  const spent = { basis: "observed", remaining: -40 } as const;

  it("closes nothing below the least number of bad requests, whatever the basis", () => {
    for (const basis of ["projected", "configured", "observed", "backfilled"] as const) {
      const seen = { ...MANY, historySeconds: 30 * DAY };
      expect(isExhausted({ ...spent, basis }, { ...seen, bad: 3 })).toBe(false);
      expect(isExhausted({ ...spent, basis }, { ...seen, bad: 4 })).toBe(true);
    }
  });

  it("is back when a hundredth of it is, or when the next bad request is below that number", () => {
    expect(isReplenished({ remaining: 0.01 }, MANY)).toBe(true);
    expect(isReplenished({ remaining: 0.009 }, MANY)).toBe(false);
    expect(isReplenished({ remaining: null }, { bad: 0, minBad: 4 })).toBe(false);
    const left = [3, 2].map((bad) => isReplenished(spent, { bad, minBad: 4 }));
    expect(left).toEqual([false, true]);
  });
});

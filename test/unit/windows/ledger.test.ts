import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Period } from "../../../src/model/slo.ts";
import { BudgetLedger } from "../../../src/windows/ledger.ts";
import { SloWindows } from "../../../src/windows/rings.ts";
import { RollOff } from "../../../src/windows/roll-off.ts";

const DAY = 86_400;
const START = 1_750_000_000 - (1_750_000_000 % DAY);
const rolling = (days: number): Period => ({
  kind: "rolling",
  durationMs: days * DAY * 1000,
  text: `${days}d`,
});
const MONTH: Period = {
  kind: "calendar",
  count: 1,
  unit: "month",
  startLocal: "2026-01-01T00:00:00",
  timeZone: "Europe/Berlin",
  durationMs: 30 * DAY * 1000,
  text: "1M",
};

function rollsOff(ledger: BudgetLedger, now: number, within: number): number {
  const rollOff = new RollOff();
  ledger.leaving(rollOff);
  return rollOff.by(now + within);
}

const events = fc.array(
  fc.record({
    jump: fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: 0, max: 7200 }) },
      { weight: 1, arbitrary: fc.integer({ min: -7200, max: 12 * DAY }) },
    ),
    late: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 30 * DAY })),
    total: fc.integer({ min: 0, max: 1e6 }),
    bad: fc.integer({ min: 0, max: 1000 }),
  }),
  { minLength: 1, maxLength: 60 },
);

describe("BudgetLedger, rolling", () => {
  it("equals a recomputation over hour buckets, and knows what will roll off", () => {
    fc.assert(
      fc.property(events, fc.integer({ min: 4, max: 31 }), (list, days) => {
        const own = new BudgetLedger(rolling(days), START);
        const rings = new SloWindows([{ label: "p", durationMs: days * DAY * 1000 }], START);
        const sharing = new BudgetLedger(rolling(days), START, { rings, windowIndex: 0 });
        const seen: { hour: number; total: number; bad: number }[] = [];
        let now = START;
        for (const { jump, late, total, bad } of list) {
          now = Math.max(now, now + jump);
          own.advance(now);
          rings.advance(now);
          sharing.advance(now);
          own.add(now - late, total, bad);
          rings.add(now - late, total, bad);
          sharing.add(now - late, total, bad);
          seen.push({ hour: Math.floor((now - late) / 3600), total, bad });
        }
        const inView = (at: number) =>
          seen.filter(({ hour }) => hour > Math.floor(at / 3600) - days * 24);
        const sum = (list: typeof seen, of: "total" | "bad") =>
          list.reduce((all, event) => all + event[of], 0);
        for (const ledger of [own, sharing]) {
          expect(ledger.total()).toBe(sum(inView(now), "total"));
          expect(ledger.bad()).toBe(sum(inView(now), "bad"));
          for (const within of [0, 3599, 3600, 5 * DAY, 40 * DAY]) {
            const left = sum(inView(now + within), "bad");
            expect(rollsOff(ledger, now, within)).toBe(ledger.bad() - left);
          }
          expect(ledger.historySeconds(now)).toBe(own.historySeconds(now));
        }
      }),
      { numRuns: 200 },
    );
  });

  it("has seen a full period only when its first request is a period old", () => {
    const ledger = new BudgetLedger(rolling(7), START);
    expect(ledger.historySeconds(START)).toBe(0);
    expect(ledger.observedFullPeriod(START)).toBe(false);
    ledger.add(START, 256, 0);
    for (let day = 1; day <= 7; day++) {
      expect(ledger.observedFullPeriod(START + day * DAY - 1)).toBe(false);
      ledger.advance(START + day * DAY);
      ledger.add(START + day * DAY, 256, 0);
    }
    const now = START + 7 * DAY;
    expect(ledger.observedFullPeriod(now)).toBe(true);
    expect(ledger.historySeconds(now + DAY)).toBe(7 * DAY);
    // The first second has left the newest 168 hours.
    expect(ledger.observedTotal(now)).toBe(7 * 256);
  });

  it("begins its history anew after a whole period of silence", () => {
    const ledger = new BudgetLedger(rolling(7), START);
    ledger.add(START, 256, 0);
    ledger.advance(START + 20 * DAY);
    ledger.add(START + 20 * DAY, 256, 0);
    expect(ledger.historySeconds(START + 20 * DAY + 60)).toBe(60);
    expect(ledger.observedFullPeriod(START + 20 * DAY + 60)).toBe(false);
  });

  it("lets late data lengthen the history", () => {
    const ledger = new BudgetLedger(rolling(7), START);
    ledger.add(START, 256, 0);
    ledger.add(START - 2 * DAY, 256, 0);
    expect(ledger.historySeconds(START)).toBe(2 * DAY);
  });

  it("refuses a period that the hours do not span", () => {
    expect(() => new BudgetLedger(rolling(32), START)).toThrow(RangeError);
  });
});

describe("BudgetLedger, calendar", () => {
  const FEBRUARY = START + 31 * DAY;
  const MARCH = FEBRUARY + 28 * DAY;

  it("counts from the beginning of the period to its end", () => {
    const ledger = new BudgetLedger(MONTH, START);
    ledger.setPeriod(START, FEBRUARY);
    expect(ledger.add(START - 1, 256, 256)).toBe(false);
    expect(ledger.add(START, 512, 256)).toBe(true);
    expect(ledger.add(FEBRUARY - 1, 512, 0)).toBe(true);
    expect(ledger.total()).toBe(1024);
    expect(ledger.bad()).toBe(256);
    expect(rollsOff(ledger, START, 40 * DAY)).toBe(0);
  });

  it("begins the next period with what already belongs to it", () => {
    const ledger = new BudgetLedger(MONTH, START);
    ledger.setPeriod(START, FEBRUARY);
    ledger.add(FEBRUARY - 1, 5120, 512);
    ledger.add(FEBRUARY, 256, 256);
    expect(ledger.total()).toBe(5120);
    ledger.setPeriod(FEBRUARY, MARCH);
    expect(ledger.total()).toBe(256);
    expect(ledger.bad()).toBe(256);
    // Data of January that comes now no longer counts.
    expect(ledger.add(FEBRUARY - 1, 256, 256)).toBe(false);
  });

  it("knows the size of a period only after one that it saw from its beginning", () => {
    const ledger = new BudgetLedger(MONTH, START);
    ledger.setPeriod(START, FEBRUARY);
    ledger.add(START + DAY, 5120, 0);
    ledger.setPeriod(FEBRUARY, MARCH);
    expect(ledger.observedFullPeriod(FEBRUARY)).toBe(false);
    expect(ledger.historySeconds(FEBRUARY + 60)).toBe(60);
    ledger.add(FEBRUARY, 2560, 0);
    ledger.setPeriod(MARCH, MARCH + 31 * DAY);
    expect(ledger.observedFullPeriod(MARCH)).toBe(true);
    expect(ledger.observedTotal(MARCH)).toBe(2560);
    expect(ledger.total()).toBe(0);
  });

  it("keeps its counts when an edit moves the bounds outwards, and starts at zero after a gap", () => {
    const ledger = new BudgetLedger(MONTH, START);
    ledger.setPeriod(FEBRUARY, MARCH);
    ledger.add(FEBRUARY, 256, 0);
    ledger.add(MARCH + 5, 512, 0);
    ledger.setPeriod(START, MARCH + 31 * DAY);
    expect(ledger.total()).toBe(768);
    ledger.setPeriod(MARCH + 60 * DAY, MARCH + 90 * DAY);
    expect(ledger.total()).toBe(0);
    expect(ledger.observedTotal(MARCH)).toBeNull();
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ExhaustionInput, exhaustion } from "../../../src/forecast/exhaustion.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = 1_750_000_000_000;
const INPUT: ExhaustionInput = {
  now: NOW,
  remainingBad: 360,
  rate: { burn: 1, lo80: 0.5, hi80: 2, lo95: 0.25, hi95: 4 },
  requestsPerSecond: 100,
  objective: 0.999,
  rollsOff: () => 0,
  periodEndsAt: null,
  periodMs: 28 * DAY,
};

describe("exhaustion", () => {
  it("divides what is left by the errors to come", () => {
    const spent = exhaustion(INPUT);
    // 100/s x 0.001 x burn 1 = 0.1 bad/s; 360 / 0.1 = 3600 s
    expect(spent?.expected).toBeCloseTo(NOW + HOUR, -1);
    // burn 2 and 1.25 x the traffic: 0.25 bad/s; 1440 s
    expect(spent?.earliest).toBeCloseTo(NOW + 0.4 * HOUR, -1);
    // burn 0.5 and the traffic / 1.25: 0.04 bad/s; 9000 s
    expect(spent?.latest).toBeCloseTo(NOW + 2.5 * HOUR, -1);
    expect(spent?.earliest95).toBeCloseTo(NOW + 0.2 * HOUR, -1);
    expect(spent?.latest95).toBeCloseTo(NOW + 5 * HOUR, -1);
  });

  it("is now when nothing is left, whatever the rate", () => {
    const now = { expected: NOW, earliest: NOW, latest: NOW, earliest95: NOW, latest95: NOW };
    expect(exhaustion({ ...INPUT, remainingBad: 0 })).toEqual(now);
    expect(exhaustion({ ...INPUT, remainingBad: -5, rate: null })).toEqual(now);
  });

  it("is null when the rate is not known, and never without traffic or errors", () => {
    expect(exhaustion({ ...INPUT, rate: null })).toBeNull();
    const never = {
      expected: null,
      earliest: null,
      latest: null,
      earliest95: null,
      latest95: null,
    };
    expect(exhaustion({ ...INPUT, requestsPerSecond: 0 })).toEqual(never);
    expect(exhaustion({ ...INPUT, rate: { burn: 0, lo80: 0, hi80: 0, lo95: 0, hi95: 0 } })).toEqual(
      never,
    );
  });

  it("gives back what rolls off meanwhile", () => {
    // 100 bad leave after half an hour: (360 + 100) / 0.1 = 4600 s. The earliest, 1440 s, comes before that.
    const spent = exhaustion({ ...INPUT, rollsOff: (seconds) => (seconds >= 1800 ? 100 : 0) });
    expect(spent?.expected).toBeCloseTo(NOW + 4_600_000, -1);
    expect(spent?.earliest).toBeCloseTo(NOW + 1_440_000, -1);
  });

  it("is never while as much rolls off as is spent", () => {
    // 0.11 bad/s roll off and 0.1 are spent; at burn 2 and more traffic 0.25 are: 360 / 0.14 = 2571 s.
    const spent = exhaustion({ ...INPUT, rollsOff: (seconds) => Math.min(1e6, seconds * 0.11) });
    expect(spent?.expected).toBeNull();
    expect(spent?.latest).toBeNull();
    expect(Math.abs((spent?.earliest ?? 0) - NOW - 2571_000)).toBeLessThan(120_000);
  });

  it("finds the end where nearly as much rolls off as is spent", () => {
    // 0.1 bad/s spent, 0.098 roll off: 360 / 0.002 = 180 000 s
    const spent = exhaustion({ ...INPUT, rollsOff: (seconds) => seconds * 0.098 });
    expect(Math.abs((spent?.expected ?? 0) - NOW - 180_000_000)).toBeLessThan(120_000);
  });

  it("does not look beyond the period, nor beyond a calendar period's end", () => {
    expect(exhaustion({ ...INPUT, periodMs: 2 * HOUR })?.latest).toBeNull();
    const calendar = exhaustion({ ...INPUT, periodEndsAt: NOW + 0.5 * HOUR });
    expect(calendar?.expected).toBeNull();
    expect(calendar?.earliest).toBeCloseTo(NOW + 0.4 * HOUR, -1);
    expect(exhaustion({ ...INPUT, periodEndsAt: NOW - 1 })?.earliest).toBeNull();
  });

  it("keeps earliest, expected and latest in order, and finite", () => {
    const amount = fc.constantFrom(1e-9, 0.01, 1, 1000, 1e12);
    fc.assert(
      fc.property(
        fc.record({ remaining: amount, perSecond: amount, burn: amount, roll: amount, at: amount }),
        fc.constantFrom(0.9, 0.999, 0.99999),
        ({ remaining, perSecond, burn, roll, at }, objective) => {
          const spent = exhaustion({
            ...INPUT,
            objective,
            remainingBad: remaining,
            requestsPerSecond: perSecond,
            rate: { burn, lo80: burn / 3, hi80: burn * 3, lo95: burn / 9, hi95: burn * 9 },
            rollsOff: (seconds) => Math.min(roll * 5, roll * Math.floor(seconds / at)),
          });
          const times = [
            spent?.earliest95,
            spent?.earliest,
            spent?.expected,
            spent?.latest,
            spent?.latest95,
          ].map((time) => time ?? Number.MAX_VALUE);
          expect(times.every(Number.isFinite)).toBe(true);
          expect(times).toEqual([...times].sort((a, b) => a - b));
        },
      ),
    );
  });
});

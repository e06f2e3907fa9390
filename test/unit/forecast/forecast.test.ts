import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Forecast } from "../../../src/forecast/forecast.ts";

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;

/** `minutes` minutes from `from` on; `of` gives requests and bad ones. */
function feed(
  forecast: Forecast,
  minutes: number,
  of: (minute: number) => readonly [total: number, bad: number],
  from = 0,
): number {
  for (let m = 0; m < minutes; m++) {
    const [total, bad] = of(m);
    forecast.minute(total, bad, from + (m + 1) * MINUTE, 1);
  }
  return from + minutes * MINUTE;
}

/** Poisson draws from a fixed seed (xorshift and Knuth's product of uniforms). */
function poisson(seed: number): (mean: number) => number {
  let state = seed;
  const uniform = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) + 0.5) / 2 ** 32;
  };
  return (mean) => {
    let count = -1;
    for (let product = 1; product > Math.exp(-mean); count++) product *= uniform();
    return count;
  };
}

describe("Forecast", () => {
  it("is null before five minutes with requests", () => {
    const forecast = new Forecast(0.999);
    expect(forecast.at(HOUR)).toBeNull();
    feed(forecast, 60, (m) => [m % 15 === 0 ? 100 : 0, 0]); // four minutes with requests
    expect(forecast.at(HOUR)).toBeNull();
    feed(forecast, 1, () => [100, 0], HOUR);
    expect(forecast.at(HOUR)).not.toBeNull();
  });

  it("gives the level of a steady service, and an interval as wide as counting makes it", () => {
    const forecast = new Forecast(0.999);
    feed(forecast, 600, () => [6000, 2]);
    // 2 bad a minute where burn 1 makes 6: 1/3. The interval as an independent program computed it.
    const hour = forecast.at(HOUR);
    expect(hour?.burn).toBeCloseTo(0.333333333, 8);
    expect(hour?.lo80).toBeCloseTo(0.249529303, 8);
    expect(hour?.hi80).toBeCloseTo(0.423080684, 8);
    expect(hour?.lo95).toBeCloseTo(0.182526579, 8);
    expect(hour?.hi95).toBeCloseTo(0.537422494, 8);
    expect(forecast.at(DAY)?.hi80).toBeCloseTo(0.383574726, 8);
  });

  it("carries a proven trend on, halfway into what it has seen", () => {
    const forecast = new Forecast(0.999);
    feed(forecast, 600, (m) => [60_000, 12 + Math.floor(m / 10)]);
    // From 0.2 to 1.2 in ten hours. An hour on: a little more; a day: as at the end of five more hours.
    expect(forecast.at(HOUR)?.burn).toBeCloseTo(1.240679932, 7);
    expect(forecast.at(DAY)?.burn).toBeCloseTo(1.690554111, 7);
  });

  it("believes no trend within a regime's first 15 minutes", () => {
    const forecast = new Forecast(0.999);
    const ramp = (m: number) => [60_000, 60 + 60 * m] as const;
    const now = feed(forecast, 14, ramp);
    // Burn 1 to 14, mean 7.5 drawn towards itself
    expect(forecast.at(HOUR)?.burn).toBeLessThan(8);
    feed(forecast, 4, (m) => ramp(m + 14), now);
    expect(forecast.at(HOUR)?.burn).toBeGreaterThan(18);
  });

  it("begins anew when the gate closes, with what was seen since the evidence began", () => {
    const forecast = new Forecast(0.999);
    let now = feed(forecast, 1440, () => [6000, 2]);
    now = feed(forecast, 3, () => [6000, 240], now); // burn 40
    expect(forecast.at(HOUR)?.burn).toBeLessThan(1);
    forecast.restart(now - 3 * MINUTE, true, 720, 18);
    // 720 bad of 18 expected; the prior weighs 216 s of traffic at the 12 h level (0.49): 21.6 expected,
    // 10.5 bad. (720 + 10.5) / (18 + 21.6) = 18.4
    expect(forecast.at(HOUR)?.burn).toBeCloseTo(18.4, 0);
    now = feed(forecast, 60, () => [6000, 240], now);
    expect(forecast.at(HOUR)?.burn).toBeGreaterThan(35);
    forecast.restart(now, false, 0, 0);
    feed(forecast, 120, () => [6000, 2], now);
    expect(forecast.at(HOUR)?.burn).toBeLessThan(1);
  });

  it("holds its 80 % intervals in about 80 % of cases on independent errors", () => {
    const forecast = new Forecast(0.99);
    const draw = poisson(11);
    feed(forecast, 20 * 1440, () => {
      const total = draw(30);
      return [total, Math.min(total, draw(total * 0.01 * 0.6))];
    });
    // 18 expected an hour at burn 1: counting outweighs the drift that the interval also allows for.
    expect(forecast.calibration80("1h")).toBeGreaterThan(0.75);
    expect(forecast.calibration80("1h")).toBeLessThan(0.95);
    expect(forecast.calibration80("24h")).toBeGreaterThan(0.75);
  });

  it("admits that its intervals do not hold when burn jumps about", () => {
    const forecast = new Forecast(0.99);
    feed(forecast, 4000, (m) => [1000, Math.floor(m / 60) % 2 === 0 ? 0 : 40]);
    expect(forecast.calibration80("1h")).toBeLessThan(0.5);
  });

  it("widens intervals that have not held for a day, and takes that back when they do", () => {
    const forecast = new Forecast(0.99);
    let now = feed(forecast, 3 * 1440, (m) => [1000, Math.floor(m / 60) % 2 === 0 ? 0 : 40]);
    expect(forecast.widening(HOUR)).toBeGreaterThan(1.2);
    const wide = forecast.widening(HOUR);
    now = feed(forecast, 12 * 1440, () => [1000, 4], now);
    expect(forecast.widening(HOUR)).toBeLessThan(wide);
    expect(forecast.widening(HOUR)).toBeGreaterThanOrEqual(1);
  });

  it("tells the traffic of the coming hours by the last one, and that of a day by the last half day", () => {
    const forecast = new Forecast(0.999);
    expect(forecast.requestRate(HOUR)).toBe(0);
    let now = feed(forecast, 300, () => [60_000, 0]);
    now = feed(forecast, 60, () => [600, 0], now);
    expect(forecast.requestRate(HOUR)).toBeCloseTo(10, 9);
    expect(forecast.requestRate(DAY)).toBeGreaterThan(100);
    now = feed(forecast, 30, () => [0, 0], now);
    expect(forecast.requestRate(HOUR)).toBeCloseTo(5, 9);
    // Two days in which nobody looked, then a minute
    forecast.minute(1200, 0, now + 2 * DAY, 1);
    expect(forecast.requestRate(HOUR)).toBeCloseTo(20, 9);
  });

  it("never gives NaN, Infinity or an interval out of order, whatever comes", () => {
    const minute = fc.record({
      total: fc.constantFrom(0, 0, 1, 1 / 256, 1000, 1e12, -5),
      badShare: fc.constantFrom(0, 0, 0.001, 1, 2, -1),
      gapMinutes: fc.oneof(
        { weight: 20, arbitrary: fc.constant(1) },
        { weight: 1, arbitrary: fc.constantFrom(0, -600, 90, 5 * 1440, 1e6, 1e9) },
      ),
      repeat: fc.constantFrom(1, 1, 20, 1440),
      restart: fc.constantFrom(0, 0, 0, 0, 1, 2),
    });
    fc.assert(
      fc.property(
        fc.array(minute, { maxLength: 25 }),
        fc.constantFrom(0.9, 0.999, 0.99999),
        (minutes, objective) => {
          const forecast = new Forecast(objective);
          let now = 1.75e12;
          for (const { total, badShare, gapMinutes, repeat, restart } of minutes) {
            for (let i = 0; i < repeat; i++) {
              now += (i === 0 ? gapMinutes : 1) * MINUTE;
              forecast.minute(total, total * badShare, now, 1);
            }
            if (restart > 0) forecast.restart(now - 7 * MINUTE, restart === 1, 3, 1);
            for (const horizon of [MINUTE, HOUR, DAY, 28 * DAY]) {
              const at = forecast.at(horizon);
              if (at === null) continue;
              const values = [at.lo95, at.lo80, at.burn, at.hi80, at.hi95];
              expect(values.every((value) => Number.isFinite(value) && value >= 0)).toBe(true);
              expect(at.hi95).toBeLessThanOrEqual(1 / (1 - objective));
              values.reduce((low, high) => {
                expect(high).toBeGreaterThanOrEqual(low * (1 - 1e-9));
                return high;
              });
            }
            expect(Number.isFinite(forecast.requestRate(HOUR))).toBe(true);
            for (const horizon of ["1h", "24h"] as const) {
              const share = forecast.calibration80(horizon) ?? 0;
              expect(share >= 0 && share <= 1).toBe(true);
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("forecasts a service with one request a day", () => {
    const forecast = new Forecast(0.999);
    feed(forecast, 20 * 1440, (m) => [m % 1440 === 0 ? 1 : 0, 0]);
    expect(forecast.at(DAY)?.burn).toBeGreaterThanOrEqual(0);
    expect(forecast.at(DAY)?.hi80).toBeLessThanOrEqual(1000.0000001);
  });
});

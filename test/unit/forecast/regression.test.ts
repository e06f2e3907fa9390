import fc from "fast-check";
import { linearRegression } from "simple-statistics";
import { describe, expect, it } from "vitest";
import { SlidingRegression } from "../../../src/forecast/regression.ts";

/** Least squares of the points, weighted, in two passes. */
function naive(points: readonly { x: number; y: number; w: number }[]) {
  const sumW = points.reduce((sum, { w }) => sum + w, 0);
  const meanX = points.reduce((sum, { x, w }) => sum + w * x, 0) / sumW;
  const meanY = points.reduce((sum, { y, w }) => sum + w * y, 0) / sumW;
  const sxx = points.reduce((sum, { x, w }) => sum + w * (x - meanX) ** 2, 0);
  const sxy = points.reduce((sum, { x, y, w }) => sum + w * (x - meanX) * (y - meanY), 0);
  const slope = sxx > 0 ? sxy / sxx : 0;
  const at = (x: number) => meanY + slope * (x - meanX);
  const residual = points.reduce((sum, { x, y, w }) => sum + w * (y - at(x)) ** 2, 0);
  const variance = points.length > 2 ? residual / (points.length - 2) : 0;
  const seAt = (x: number) =>
    Math.sqrt(variance * (1 / sumW + (sxx > 0 ? (x - meanX) ** 2 / sxx : 0)));
  return { slope, at, variance, seAt };
}

/** xorshift: the same noise at every run. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

describe("SlidingRegression", () => {
  it("is the line through the points of the window, with its errors", () => {
    const regression = new SlidingRegression(10);
    for (const y of [1, 3, 2, 5]) regression.push(y);
    // x = -3..0, mean -1.5, Sxx = 5; mean y = 2.75; Sxy = -1.5(-1.75) -.5(.25) +.5(-.75) +1.5(2.25) = 5.5
    expect(regression.n).toBe(4);
    expect(regression.slope).toBeCloseTo(1.1, 12);
    expect(regression.intercept).toBeCloseTo(2.75 + 1.1 * 1.5, 12); // 4.4
    expect(regression.meanAt(2)).toBeCloseTo(6.6, 12);
    // Syy = 8.75; residual = 8.75 - 1.1 x 5.5 = 2.7; / (4 - 2) = 1.35
    expect(regression.residualVariance).toBeCloseTo(1.35, 12);
    // sqrt(1.35 / 5)
    expect(regression.seSlope()).toBeCloseTo(0.519615, 6);
    // sqrt(1.35 x (1/4 + 1.5² / 5)) = sqrt(1.35 x 0.7)
    expect(regression.seMeanAt(0)).toBeCloseTo(0.972111, 6);
  });

  it("equals simple-statistics on every window", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1000, noNaN: true }), { minLength: 2, maxLength: 120 }),
        fc.integer({ min: 3, max: 30 }),
        (ys, capacity) => {
          const regression = new SlidingRegression(capacity);
          ys.forEach((y, i) => {
            regression.push(y);
            if (i === 0) return;
            const window = ys.slice(Math.max(0, i + 1 - capacity), i + 1);
            const { m, b } = linearRegression(
              window.map((value, j) => [j - window.length + 1, value]),
            );
            expect(regression.slope).toBeCloseTo(m, 7);
            expect(regression.intercept).toBeCloseTo(b, 7);
          });
        },
      ),
    );
  });

  it("equals a weighted recomputation with missing minutes and weights from 1e-3 to 1e9", () => {
    const point = fc.record({
      y: fc.double({ min: 0, max: 1000, noNaN: true }),
      w: fc.oneof(
        fc.constant(0),
        fc.integer({ min: -3, max: 9 }).map((exponent) => 10 ** exponent),
      ),
    });
    fc.assert(
      fc.property(fc.array(point, { maxLength: 150 }), (list) => {
        const capacity = 20;
        const regression = new SlidingRegression(capacity);
        list.forEach(({ y, w }, i) => {
          if (w === 0) regression.skip();
          else regression.push(y, w);
          const points = list
            .map((at, j) => ({ x: j - i, y: at.y, w: at.w }))
            .filter(({ x, w }) => x <= 0 && x > -capacity && w > 0);
          expect(regression.n).toBe(points.length);
          if (points.length < 3) return;
          const { at, seAt } = naive(points);
          // A line through 1e9 here and 1e-3 there is not known better than that far away from the 1e9.
          // What rounding the heaviest weight leaves uncertain is lever for the lightest: y up to 1000, 20 minutes away.
          const weights = points.map(({ w }) => w);
          const rounding =
            Number.EPSILON * (Math.max(...weights) / Math.min(...weights)) * 1000 * 20;
          const tolerance = 1e-6 * (1 + seAt(0)) + 1e-3 + rounding;
          expect(Math.abs(regression.intercept - at(0))).toBeLessThan(tolerance);
          expect(Number.isFinite(regression.seMeanAt(60))).toBe(true);
        });
      }),
    );
  });

  it("has not drifted after 30 simulated days of minutes", () => {
    const capacity = 360;
    const regression = new SlidingRegression(capacity);
    const random = noise(7);
    const ys: number[] = [];
    for (let minute = 0; minute < 30 * 1440; minute++) {
      // An incident a day, a thousand times the rest.
      const y = random() * (minute % 1440 < 60 ? 1000 : 1);
      ys.push(y);
      regression.push(y);
    }
    const window = ys.slice(-capacity).map((y, i) => ({ x: i - capacity + 1, y, w: 1 }));
    const { m, b } = linearRegression(window.map(({ x, y }) => [x, y]));
    expect(Math.abs(regression.slope / m - 1)).toBeLessThan(1e-9);
    expect(Math.abs(regression.intercept / b - 1)).toBeLessThan(1e-9);
    expect(Math.abs(regression.residualVariance / naive(window).variance - 1)).toBeLessThan(1e-9);
  });

  it("is exact for a constant y, also after something else", () => {
    const regression = new SlidingRegression(50);
    for (let i = 0; i < 60; i++) regression.push(i * 0.7);
    for (const y of [0.1, 0.7, 1 / 3, 1e5 / 7]) {
      for (let i = 0; i < 50; i++) regression.push(y, 1 + (i % 7) / 3);
      for (let i = 0; i < 120; i++) {
        regression.push(y, 1 + (i % 7) / 3);
        expect(regression.slope).toBe(0);
        expect(regression.intercept).toBe(y);
        expect(regression.residualVariance).toBe(0);
        expect(regression.seMeanAt(60)).toBe(0);
      }
    }
  });

  it("lets a missing minute pass without a point", () => {
    const regression = new SlidingRegression(10);
    regression.push(1);
    regression.skip(2);
    regression.push(4);
    // (-3, 1), (0, 4)
    expect(regression.slope).toBeCloseTo(1, 12);
    expect(regression.n).toBe(2);
    regression.skip(8);
    expect(regression.n).toBe(1);
    expect(regression.slope).toBe(0);
    regression.skip(1e12);
    expect(regression.n).toBe(0);
    expect(regression.intercept).toBe(0);
  });

  it("takes neither weightless nor infinite points", () => {
    const regression = new SlidingRegression(10);
    regression.push(1, 0);
    regression.push(Number.NaN);
    regression.push(1, Number.POSITIVE_INFINITY);
    expect(regression.n).toBe(0);
    expect([regression.slope, regression.intercept, regression.seMeanAt(5)]).toEqual([0, 0, 0]);
  });

  it("forgets all but the newest steps when told to", () => {
    const regression = new SlidingRegression(10);
    for (const y of [100, 50, 1, 3, 2, 5]) regression.push(y);
    regression.keepNewest(4);
    expect(regression.n).toBe(4);
    expect(regression.slope).toBeCloseTo(1.1, 12);
  });
});

import fc from "fast-check";
import { linearRegression } from "simple-statistics";
import { describe, expect, it } from "vitest";
import { DecayingRegression } from "../../../src/forecast/regression.ts";

describe("DecayingRegression", () => {
  it("equals simple-statistics when nothing decays, with gaps", () => {
    const step = fc.record({
      y: fc.double({ min: 0, max: 1000, noNaN: true }),
      gap: fc.integer({ min: 0, max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 60 }), (steps) => {
        const regression = new DecayingRegression();
        const points: [number, number][] = [];
        let x = 0;
        for (const { y, gap } of steps) {
          regression.skip(gap, 1);
          regression.push(y, 1, 1);
          x += gap + 1;
          points.push([x, y]);
        }
        const { m, b } = linearRegression(points.map(([at, y]) => [at - x, y]));
        expect(regression.slope).toBeCloseTo(m, 6);
        expect(regression.intercept).toBeCloseTo(b, 6);
      }),
    );
  });

  it("gives old points less weight: half of it after a half-life", () => {
    const regression = new DecayingRegression();
    const keep = 0.5 ** (1 / 10);
    regression.push(1, 1, keep);
    regression.skip(9, keep);
    regression.push(4, 1, keep);
    // Weights 1/2 and 1: (0.5 x 1 + 4) / 1.5 = 3; mean x = 0.5 x -10 / 1.5
    expect(regression.mean).toBeCloseTo(3, 12);
    expect(regression.meanX).toBeCloseTo(-10 / 3, 12);
    expect(regression.slope).toBeCloseTo(0.3, 12);
  });

  it("still is the line of the recent points after 30 simulated days", () => {
    const regression = new DecayingRegression();
    const keep = 0.5 ** (1 / 60);
    const points: { x: number; y: number; w: number }[] = [];
    const minutes = 30 * 1440;
    for (let minute = 0; minute < minutes; minute++) {
      const y = 5 + ((minute * 7919) % 1009) / 1009 + (minute % 1440 < 30 ? 1000 : 0);
      regression.push(y, 2, keep);
      const x = minute - minutes + 1;
      if (x > -3000) points.push({ x, y, w: 2 * keep ** -x });
    }
    const sumW = points.reduce((sum, { w }) => sum + w, 0);
    const meanX = points.reduce((sum, { x, w }) => sum + w * x, 0) / sumW;
    const meanY = points.reduce((sum, { y, w }) => sum + w * y, 0) / sumW;
    const sxx = points.reduce((sum, { x, w }) => sum + w * (x - meanX) ** 2, 0);
    const sxy = points.reduce((sum, { x, y, w }) => sum + w * (x - meanX) * (y - meanY), 0);
    expect(Math.abs(regression.slope / (sxy / sxx) - 1)).toBeLessThan(1e-6);
    expect(Math.abs(regression.mean / meanY - 1)).toBeLessThan(1e-9);
  });

  it("comes to no NaN after years of silence", () => {
    const regression = new DecayingRegression();
    regression.push(5, 1, 0.99);
    regression.push(7, 1, 0.99);
    regression.skip(1e9, 0.99);
    expect([regression.mean, regression.slope, regression.seMeanAt(9)]).toEqual([0, 0, 0]);
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gammaQuantile, Z80, Z95 } from "../../../src/forecast/quantiles.ts";

describe("gammaQuantile", () => {
  it("agrees with chi-squared tables", () => {
    // Chi-squared with 10 degrees of freedom is gamma with mean 10 and variance 20:
    // its 10 % and 90 % quantiles are 4.865 and 15.987.
    expect(Math.abs(gammaQuantile(10, 20, -Z80) / 4.865 - 1)).toBeLessThan(0.01);
    expect(Math.abs(gammaQuantile(10, 20, Z80) / 15.987 - 1)).toBeLessThan(0.01);
    // 2 degrees of freedom, shape 1: 0.2107 and 4.605
    expect(Math.abs(gammaQuantile(2, 4, -Z80) / 0.2107 - 1)).toBeLessThan(0.07);
    expect(Math.abs(gammaQuantile(2, 4, Z80) / 4.605 - 1)).toBeLessThan(0.01);
  });

  it("is the mean without variance, and 0 for a mean of 0", () => {
    expect(gammaQuantile(3, 0, Z95)).toBe(3);
    expect(gammaQuantile(0, 3, Z95)).toBe(0);
  });

  it("is finite, not negative, grows with z and holds the mean between its ends", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
        fc.double({ min: 1e-12, max: 1e12, noNaN: true }),
        (mean, variance) => {
          const ends = [-Z95, -Z80, Z80, Z95].map((z) => gammaQuantile(mean, variance, z));
          expect(ends.every((end) => Number.isFinite(end) && end >= 0)).toBe(true);
          expect(ends).toEqual([...ends].sort((a, b) => a - b));
          expect(ends[1]).toBeLessThanOrEqual(mean * (1 + 1e-9));
          expect(ends[2]).toBeGreaterThanOrEqual(mean * (1 - 1e-9));
        },
      ),
    );
  });
});

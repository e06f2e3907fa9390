import { describe, expect, it } from "vitest";
import { burnRate, maxBurn, thresholdFor } from "../../../src/burn/rate.ts";
import { SRE_WORKBOOK_PAIRS } from "../../../src/model/window.ts";

const DAY_MS = 86_400_000;

describe("burnRate", () => {
  it("is the bad ratio over the error budget", () => {
    // 144 bad in 10 000 -> 0.0144; / 0.001 = 14.4
    expect(burnRate(144, 10_000, 0.999)).toBeCloseTo(14.4, 9);
    expect(burnRate(0, 10_000, 0.999)).toBe(0);
  });

  it("is null, not zero, when the window saw no request", () => {
    expect(burnRate(0, 0, 0.999)).toBeNull();
    expect(burnRate(3, 0, 0.999)).toBeNull();
    expect(burnRate(-1, -1, 0.999)).toBeNull();
  });

  it("does not fall below zero when a correction took more errors than the window holds", () => {
    expect(burnRate(-256, 1000, 0.999)).toBe(0);
  });

  it("is at most maxBurn, at counts of any size", () => {
    for (const objective of [0.9, 0.99, 0.99999]) {
      expect(burnRate(1e12 * 256, 1e12 * 256, objective)).toBe(maxBurn(objective));
    }
    expect(maxBurn(0.9)).toBeCloseTo(10, 9);
    expect(maxBurn(0.99999)).toBeCloseTo(100_000, 3);
  });
});

describe("thresholdFor", () => {
  it("gives the SRE workbook's thresholds for 30 days, and their like for 28", () => {
    const of = (days: number) =>
      SRE_WORKBOOK_PAIRS.map(({ budgetShare, long }) =>
        thresholdFor(budgetShare, days * DAY_MS, long.durationMs).toFixed(2),
      );
    // 0.02 x 720 h / 1 h; 0.05 x 720 / 6; 0.1 x 720 / 72
    expect(of(30)).toEqual(["14.40", "6.00", "1.00"]);
    // 0.02 x 672 h / 1 h; 0.05 x 672 / 6; 0.1 x 672 / 72
    expect(of(28)).toEqual(["13.44", "5.60", "0.93"]);
  });
});

import { describe, expect, it } from "vitest";
import { burnRate } from "../../../src/burn/rate.ts";

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

  it("is at most what all requests failing makes, at counts of any size", () => {
    expect(burnRate(1e12 * 256, 1e12 * 256, 0.9)).toBeCloseTo(10, 9);
    expect(burnRate(1e12 * 256, 1e12 * 256, 0.99)).toBeCloseTo(100, 9);
    expect(burnRate(1e12 * 256, 1e12 * 256, 0.99999)).toBeCloseTo(100_000, 3);
  });
});

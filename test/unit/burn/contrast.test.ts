import { describe, expect, it } from "vitest";
import {
  BLAME_NATS,
  clearContrast,
  contrastNats,
  learnSpread,
  newContrast,
  spread,
  stepContrast,
} from "../../../src/burn/contrast.ts";

describe("the contrast of a version with the others", () => {
  it("grows when a small share has most of the errors", () => {
    const row = newContrast();
    stepContrast(row, 5, 8, 0.01, 1);
    // For 20 times: 5 ln 10 - 8 ln(1.19 / 1.01) = 11.51 - 1.31
    expect(contrastNats(row)).toBeCloseTo(10.2, 1);
    expect(contrastNats(row)).toBeGreaterThan(BLAME_NATS);
    clearContrast(row);
    expect(contrastNats(row)).toBe(0);
  });

  it("stays at nothing for errors that fall by shares, and for twice as many", () => {
    for (const bad of [5, 10]) {
      const row = newContrast();
      for (let cell = 0; cell < 100; cell++) stepContrast(row, bad, 500, 0.01, 1);
      expect(contrastNats(row)).toBe(0);
    }
  });

  it("has nothing to say of a version with all requests, none, or no errors at all", () => {
    const row = newContrast();
    for (const [bad, all, share] of [
      [5, 5, 1],
      [0, 5, 0],
      [0, 0, 0.5],
    ] as const) {
      stepContrast(row, bad, all, share, 1);
      learnSpread(row, bad, all, share);
    }
    expect([contrastNats(row), spread(row)]).toEqual([0, 1]);
  });

  it("says less where errors come in clusters", () => {
    const row = newContrast();
    // Ten errors that all fall on one of two equal versions: 25 / 2.5, again and again.
    for (let cell = 0; cell < 200; cell++) learnSpread(row, cell % 2 === 0 ? 10 : 0, 10, 0.5);
    expect(spread(row)).toBeGreaterThan(5);
    expect(spread(row)).toBeLessThanOrEqual(10);
  });
});

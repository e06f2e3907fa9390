import { describe, expect, it } from "vitest";
import { backoffMs } from "../../../src/publish/backoff.ts";

const settings = { baseMs: 100, maxMs: 1_000 };

describe("backoffMs", () => {
  it("doubles up to the longest delay", () => {
    // jitter 0: half of 100, 200, 400, 800, 1000, 1000
    expect([0, 1, 2, 3, 4, 5].map((n) => backoffMs(n, 0, settings))).toEqual([
      50, 100, 200, 400, 500, 500,
    ]);
  });

  it("spreads the upper half of the delay by the jitter", () => {
    expect([0, 0.5, 0.999].map((j) => backoffMs(2, j, settings))).toEqual([200, 300, 400]);
  });

  it("stays finite after any number of failures", () => {
    expect(backoffMs(100_000, 0.5)).toBe(11_250);
  });
});

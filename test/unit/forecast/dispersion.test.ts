import { describe, expect, it } from "vitest";
import { Dispersion } from "../../../src/forecast/dispersion.ts";

describe("Dispersion", () => {
  it("is 1 before anything was seen, and while errors vary no more than independent ones", () => {
    const dispersion = new Dispersion();
    expect(dispersion.factor).toBe(1);
    for (let minute = 0; minute < 1440; minute++) dispersion.minute(minute % 3, 10);
    expect(dispersion.factor).toBe(1);
  });

  it("grows when errors come in bursts", () => {
    const dispersion = new Dispersion();
    // 40 errors each half hour where burn 1 would be 50 per bin: bins of 40, 0, 0, 0, 0, 0.
    for (let minute = 0; minute < 2880; minute++) dispersion.minute(minute % 30 === 0 ? 40 : 0, 10);
    // mean 6.7 a bin; (33.3² + 5 x 6.7²) / 6 / 6.7 = 33.3, pulled towards 1 by the prior, at most 30
    expect(dispersion.factor).toBeGreaterThan(10);
    expect(dispersion.factor).toBeLessThanOrEqual(30);
  });

  it("does not learn from an incident", () => {
    const dispersion = new Dispersion();
    for (let minute = 0; minute < 1440; minute++) dispersion.minute(3, 10);
    for (let minute = 0; minute < 60; minute++) dispersion.minute(500, 10);
    expect(dispersion.factor).toBe(1);
  });

  it("learns nothing from silence", () => {
    const dispersion = new Dispersion();
    for (let minute = 0; minute < 10_000; minute++) dispersion.minute(0, 0);
    expect(dispersion.factor).toBe(1);
  });
});

import { describe, expect, it } from "vitest";
import { Calibration } from "../../../src/forecast/calibration.ts";

const MINUTE = 60_000;

/** One minute after the other with the burn given, an interval of 0.5 to 1.5 at each that wants one. */
function run(calibration: Calibration, burns: readonly number[]) {
  let bad = 0;
  let atBurn1 = 0;
  burns.forEach((burn, minute) => {
    bad += burn * 10;
    atBurn1 += 10;
    const now = (minute + 1) * MINUTE;
    calibration.check(now, bad, atBurn1);
    if (calibration.wants(now)) calibration.remember(now, 0.5, 1.5, bad, atBurn1);
  });
}

describe("Calibration", () => {
  it("is null until six intervals have come due", () => {
    const calibration = new Calibration(60 * MINUTE, 10 * MINUTE);
    // Made at 1, 11, ..., 51; due at 61, ..., 111.
    run(calibration, Array(110).fill(1));
    expect(calibration.share()).toBeNull();
    const longer = new Calibration(60 * MINUTE, 10 * MINUTE);
    run(longer, Array(111).fill(1));
    expect(longer.share()).toBe(1);
  });

  it("is the share of intervals that held the mean burn of their horizon", () => {
    const calibration = new Calibration(10 * MINUTE, 10 * MINUTE);
    // Ten-minute means after the first minute, of 80: 1, 1, 1, 3, 1, 1, 1, 3
    const burns = [
      1,
      ...Array.from({ length: 80 }, (_, i) => (Math.floor(i / 10) % 4 === 3 ? 3 : 1)),
    ];
    run(calibration, burns);
    // 6 of 8, later ones weighing a little more
    expect(calibration.share()).toBeCloseTo(0.75, 1);
    expect(calibration.share()).toBeLessThan(0.75);
  });

  it("judges neither a horizon without requests nor one whose end nobody saw", () => {
    const calibration = new Calibration(10 * MINUTE, 10 * MINUTE);
    for (let i = 0; i < 20; i++) {
      const now = i * 10 * MINUTE;
      calibration.check(now, 5, 5);
      calibration.remember(now, 0, 1, 5, 5);
    }
    expect(calibration.share()).toBeNull();
    const seen = new Calibration(10 * MINUTE, 10 * MINUTE);
    run(seen, Array(101).fill(1));
    expect(seen.share()).toBe(1);
    // Burn 5 in the end, but nobody looked until long after.
    seen.check(500 * MINUTE, 1010 + 5 * 4000, 1010 + 4000);
    expect(seen.share()).toBe(1);
  });

  it("goes on after the clock was set back", () => {
    const calibration = new Calibration(10 * MINUTE, 10 * MINUTE);
    calibration.remember(1000 * MINUTE, 0, 1, 0, 0);
    expect(calibration.wants(1005 * MINUTE)).toBe(false);
    expect(calibration.wants(10 * MINUTE)).toBe(true);
  });
});

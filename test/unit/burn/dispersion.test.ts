import { describe, expect, it } from "vitest";
import { clearDispersion, dispersion, stepDispersion } from "../../../src/burn/dispersion.ts";
import { ROW_LENGTH, TICK_BAD, TICK_EXPECTED } from "../../../src/burn/row.ts";

/** A row after so many ticks; `badAt` says what each brings. */
function played(
  ticks: number,
  badAt: (tick: number) => number,
  { expected = 1.6, calm = true, row = fresh() } = {},
): Float64Array {
  for (let tick = 0; tick < ticks; tick++) {
    row[TICK_BAD] = badAt(tick);
    row[TICK_EXPECTED] = expected;
    stepDispersion(row, true, calm);
  }
  return row;
}

function fresh(): Float64Array {
  const row = new Float64Array(ROW_LENGTH);
  clearDispersion(row);
  return row;
}

describe("dispersion", () => {
  it("is 1 before anything was seen, and while errors vary no more than independent ones", () => {
    expect(dispersion(fresh())).toBe(1);
    expect(dispersion(played(8640, (tick) => tick % 2))).toBe(1);
  });

  it("grows when errors come in bursts", () => {
    // 40 errors each half hour where burn 1 would be 48 per bin: bins of 40, 0, 0, 0, 0, 0.
    const row = played(17_280, (tick) => (tick % 180 === 0 ? 40 : 0));
    // mean 6.7 a bin; (33.3² + 5 x 6.7²) / 6 / 6.7 = 33.3, pulled towards 1 by the prior, at most 30
    expect(dispersion(row)).toBeGreaterThan(10);
    expect(dispersion(row)).toBeLessThanOrEqual(30);
  });

  it("does not learn from an incident", () => {
    const row = played(8640, (tick) => tick % 2);
    played(360, () => 80, { calm: false, row });
    expect(dispersion(row)).toBe(1);
  });

  it("learns nothing from silence", () => {
    expect(dispersion(played(60_000, () => 0, { expected: 0 }))).toBe(1);
  });
});

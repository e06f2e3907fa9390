import { describe, expect, it } from "vitest";
import { Tally } from "../../../src/aggregate/tally.ts";
import type { Refusal } from "../../../src/model/refusal.ts";
import { MemoryAdmission } from "../../support/memory-admission.ts";

function delta(identity: number, cells: number): Tally {
  const tally = new Tally();
  tally.begin(1_000_000);
  for (let i = 0; i < cells; i++) tally.cell(0, 0, i);
  if (identity !== 0) tally.fingerprint.set([1, identity, 0, 0, 0]);
  return tally;
}

describe("admission in memory", () => {
  it("delivers a request once and acknowledges it every time", () => {
    const delivered: number[] = [];
    const admission = new MemoryAdmission((admitted) => delivered.push(admitted.length));
    const answers: (Refusal | null)[] = [];
    const admit = (tally: Tally) => admission.admit(tally, (refusal) => answers.push(refusal));
    expect(admit(delta(1, 3))).toBe("admitted");
    expect(admit(delta(1, 3))).toBe("duplicate");
    expect(admit(delta(2, 2))).toBe("admitted");
    expect(delivered).toEqual([3, 2]);
    expect(answers).toEqual([null, null, null]);
  });

  it("does not take requests without items for retries of one another, and delivers nothing of them", () => {
    const delivered: number[] = [];
    const admission = new MemoryAdmission((admitted) => delivered.push(admitted.length));
    expect(admission.admit(delta(0, 0), () => {})).toBe("admitted");
    expect(admission.admit(delta(0, 0), () => {})).toBe("admitted");
    expect(delivered).toEqual([]);
  });

  it("remembers a request that added no count", () => {
    const admission = new MemoryAdmission(() => {});
    expect(admission.admit(delta(5, 0), () => {})).toBe("admitted");
    expect(admission.admit(delta(5, 0), () => {})).toBe("duplicate");
  });
});

import { describe, expect, it } from "vitest";
import { MINUTE } from "../../../src/model/time.ts";
import { GateRig, HEALTHY, START } from "../../support/gate-rig.ts";
import { policy, slo } from "../../support/slo.ts";

describe("the burn of a decision", () => {
  it("begins with the windows of the first pair, whatever else is shown", () => {
    const rig = new GateRig([slo()]).run(20, HEALTHY);
    const { short, long } = policy().pairs[0]!;
    const shown = Object.keys(rig.gates.list()[0]!.burn);
    expect(shown.slice(0, 2)).toEqual([short.label, long.label]);
    expect(shown).toEqual(expect.arrayContaining(["5m", "1h"]));
  });
});

describe("data for a time slice that is too old to change", () => {
  it("is told by a counter", () => {
    const budgeting = { method: "timeslices", sliceMs: MINUTE, sliceTarget: 0.95 } as const;
    const rig = new GateRig([slo({ budgeting })]).run(20, HEALTHY);
    // 360 slices of a minute can change: one of seven hours ago cannot.
    rig.add({ total: 3 }, { second: START / 1000 - 7 * 3600 });
    expect(rig.counters.itemsRefused).toEqual({ "too-old-for-slice": 3 });
  });
});

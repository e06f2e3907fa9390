import { describe, expect, it } from "vitest";
import type { Override } from "../../../src/model/gate.ts";
import type { Period, Slo } from "../../../src/model/slo.ts";
import { DAY, HOUR, MINUTE } from "../../../src/model/time.ts";
import { GateRig, HEALTHY, OUTAGE, opened, START } from "../../support/gate-rig.ts";
import { MONTH, slo } from "../../support/slo.ts";

describe("Gates: an edit", () => {
  function edited(over: Parameters<typeof slo>[0], rig = opened().run(30, OUTAGE)): GateRig {
    rig.gates.use([slo(over)]);
    rig.run(1, HEALTHY);
    return rig;
  }

  it("of the policy keeps counts, state and evidence", () => {
    const rig = opened().run(30, OUTAGE);
    const before = rig.gate();
    edited({ policy: { minBad: 2, keepClosedForMs: 20 * MINUTE } }, rig);
    expect(rig.gate()).toMatchObject({
      state: "closed",
      since: before.since,
      sequence: before.sequence,
      evidence: before.evidence,
    });
    expect(rig.gate().budget.total).toBe(before.budget.total + 100);
    expect(rig.runUntil(({ state }) => state === "open", HEALTHY)).toBeGreaterThan(20 * 60 - 5);
  });

  it("of the burn windows keeps what was counted in them", () => {
    const pairs = [
      {
        short: { label: "2m", durationMs: 2 * MINUTE },
        long: { label: "20m", durationMs: 20 * MINUTE },
        threshold: 10,
      },
    ];
    const { burn } = edited({ policy: { pairs } }).gate();
    // 1 500 bad of 15 100 / 0.001; all of it within 20 minutes.
    expect(burn["20m"]).toBeCloseTo((1500 / 15_100) * 1000, 3);
    expect(Object.keys(burn)).toEqual(["2m", "20m", "5m", "1h"]);
  });

  it("of the period keeps the counts", () => {
    const period: Period = { kind: "rolling", durationMs: 7 * DAY, text: "7d" };
    const { budget } = edited({ period }).gate();
    expect(budget).toMatchObject({ period: "7d", total: 15_100, bad: 1500, basis: "projected" });
    // 151 s of history: 15 100 x 604 800 / 151 x 0.001 = 60 480 allowed
    expect(budget.remaining).toBeCloseTo(1 - 1500 / 60_480, 2);
  });

  it("of the period to a calendar month and back keeps the counts", () => {
    const rig = edited({ period: MONTH });
    expect(rig.gate().budget).toMatchObject({ period: "1M", total: 15_100, bad: 1500 });
    edited({}, rig);
    expect(rig.gate().budget).toMatchObject({ period: "28d", total: 15_200, bad: 1500 });
  });

  it("of the objective keeps state and counts and zeroes the evidence", () => {
    const rig = opened().run(30, OUTAGE);
    const before = rig.gate();
    edited({ objective: 0.995 }, rig);
    expect(rig.gate()).toMatchObject({
      state: "closed",
      reason: "fast-burn",
      sequence: before.sequence,
      evidence: null,
    });
    expect(rig.gate().budget).toMatchObject({ objective: 0.995, total: before.budget.total + 100 });
    rig.runUntil(({ state }) => state === "open", HEALTHY);
  });

  it("of the objective does not close an open gate on errors that the old one bore", () => {
    // 5 bad in 1 000 are a burn of 0.5 at 99 % and of 50 at 99.99 %.
    const rig = new GateRig([slo({ objective: 0.99 })]).run(300, { total: 1000, bad: 5 });
    rig.gates.use([slo({ objective: 0.9999 })]);
    rig.run(60, { total: 1000 });
    // Since the edit 4 bad of 61 000: burn 0.7. With the 1 500 from before it would be 42.
    rig.run(1, { total: 1000, bad: 4 });
    expect(rig.gate().state).toBe("open");
    rig.run(10, { total: 1000, bad: 50 });
    expect(rig.gate().state).toBe("closed");
  });

  it("of the indicator starts counting anew and keeps the state", () => {
    const indicator = {
      ...slo().indicator,
      bad: { status: ["error" as const] },
      total: { any: [] },
    };
    const rig = edited({ indicator: indicator as ReturnType<typeof slo>["indicator"] });
    expect(rig.gate()).toMatchObject({ state: "closed", budget: { total: 100, bad: 0 } });
  });

  it("of the indicator alone says anew since when it counts", () => {
    const rig = opened();
    const began = rig.gates.placeOf(slo()).countsSince;
    expect(began).toBeLessThan(rig.now);
    rig.gates.use([slo({ objective: 0.9 })]);
    expect(rig.gates.placeOf(slo()).countsSince).toBe(began);
    const indicator = { ...slo().indicator, bad: { any: [] } } as Slo["indicator"];
    rig.gates.use([slo({ indicator })]);
    expect(rig.gates.placeOf(slo()).countsSince).toBe(rig.now);
  });

  it("that changes nothing leaves everything as it is", () => {
    const rig = opened();
    const before = rig.gate();
    rig.gates.use([slo()]);
    expect(rig.gate()).toEqual(before);
  });
});

describe("Gates: SLOs that come and go", () => {
  it("forgets a removed SLO and never gives its column to another", () => {
    const rig = opened();
    const [first, second] = [slo(), slo({ name: "cart" })];
    rig.gates.use([second]);
    expect(rig.gates.get("pay")).toBeNull();
    expect(rig.gates.history("pay")).toBeNull();
    expect(rig.gates.placeOf(second).index).toBe(1);
    // A delta that was on its way when the rules changed.
    rig.add(OUTAGE, { index: 0 });
    rig.tick();
    expect(rig.gate("cart").budget.total).toBe(0);
    rig.gates.use([first, second]);
    expect(rig.gates.placeOf(first).index).toBe(2);
    expect(rig.gate()).toMatchObject({ state: "unknown", sequence: 0, budget: { total: 0 } });
    expect(() => rig.gates.placeOf(slo({ name: "gone" }))).toThrow("gone is not in use");
  });

  it("lists gates in order of name", () => {
    const rig = new GateRig(["b", "c", "a"].map((name) => slo({ name })));
    expect(rig.gates.list().map(({ slo }) => slo)).toEqual(["a", "b", "c"]);
  });
});

describe("Gates: overrides", () => {
  const override = (over: Partial<Override> = {}): Override => ({
    slo: "pay",
    state: "open",
    author: "ann",
    reason: "drill",
    createdAt: START,
    expiresAt: START + HOUR,
    ...over,
  });

  it("decide until they expire, and then the evidence does", () => {
    const rig = opened().run(30, OUTAGE);
    rig.gates.override("pay", override());
    rig.run(1, OUTAGE);
    expect(rig.gate()).toMatchObject({
      state: "open",
      allowed: true,
      reason: "override",
      reopen: null,
      override: { author: "ann" },
    });
    rig.runUntil(({ reason }) => reason !== "override", OUTAGE, 4000);
    expect(rig.now).toBe(START + HOUR);
    expect(rig.gate()).toMatchObject({ state: "closed", override: null });
    expect(rig.gates.overrides()).toEqual([]);
  });

  it("that close say when they end", () => {
    const rig = opened();
    rig.gates.override("pay", override({ state: "closed" }));
    rig.run(1, HEALTHY);
    expect(rig.gate()).toMatchObject({ state: "closed", reopen: { expected: START + HOUR } });
    expect(rig.gates.overrides()).toEqual([override({ state: "closed" })]);
  });

  it("that close do not say that the gate opens where nobody knows what follows", () => {
    const silent = new GateRig([slo()]).run(5, null);
    const burnt = opened().run(30, OUTAGE);
    for (const rig of [silent, burnt]) {
      rig.gates.override("pay", override({ state: "closed" }));
      rig.run(1, null);
      expect(rig.gate()).toMatchObject({ reason: "override", reopen: { expected: null } });
      expect(rig.gate().message).toBe("closed by ann until 11:00:00Z: drill");
    }
  });

  it("outlast an edit of their SLO", () => {
    const rig = opened();
    rig.gates.override("pay", override());
    rig.gates.use([slo({ objective: 0.9 })]);
    rig.run(1, HEALTHY);
    expect(rig.gate().reason).toBe("override");
  });
});

import { describe, expect, it } from "vitest";
import { SECOND } from "../../../src/model/time.ts";
import { GateRig, HEALTHY, OUTAGE } from "../../support/gate-rig.ts";
import { FAST_ONLY, policy, slo } from "../../support/slo.ts";

const OTHER = 1;

function rig(over: Parameters<typeof policy>[0] = {}): GateRig {
  return new GateRig([
    slo({ policy: policy({ keepClosedForMs: 30 * SECOND, ...over }) }),
    slo({ name: "cart", service: "cart" }),
  ]);
}

/** So many seconds in which `pay` has requests that ended `ageS` ago, and another service has live ones. */
function runOld(gates: GateRig, seconds: number, ageS: number | ((now: number) => number)): void {
  for (let i = 0; i < seconds; i++) {
    const second = Math.floor(gates.now / SECOND);
    const age = typeof ageS === "number" ? ageS : ageS(second);
    gates.add(HEALTHY, { second: second - age });
    gates.add(HEALTHY, { index: OTHER });
    gates.tick();
  }
}

describe.each([
  ["sequential", {}],
  ["windows", FAST_ONLY.policy],
] as const)("requests of long ago, with the detector %s", (_name, over) => {
  it.each([
    ["two hours ago", () => 7_200],
    ["six minutes ago", () => 400],
  ])("do not open a gate that burn has closed: %s", (_when, age) => {
    const gates = rig(over).run(120, HEALTHY);
    gates.runUntil(({ state }) => state === "closed", OUTAGE);
    runOld(gates, 1_800, age);
    expect(gates.gate()).toMatchObject({ state: "closed", allowed: false });
  });

  it("do not open it when they ended before the trouble, however lately", () => {
    const gates = rig(over).run(120, HEALTHY);
    const before = Math.floor(gates.now / SECOND) - 60;
    gates.runUntil(({ state }) => state === "closed", OUTAGE);
    runOld(gates, 240, (now) => now - before);
    expect(gates.gate()).toMatchObject({ state: "closed", allowed: false });
  });

  it("do not keep it closed: it opens on what comes now, and no later for a few failures among them", () => {
    const seconds = [false, true].map((queue) => {
      const gates = rig(over).run(120, HEALTHY);
      gates.runUntil(({ state }) => state === "closed", OUTAGE);
      return gates.runUntil(({ state }) => {
        if (!queue) return state === "open";
        const second = Math.floor(gates.now / SECOND) - 7_200;
        gates.add({ total: 2_000, bad: 1 }, { second });
        return state === "open";
      }, HEALTHY);
    });
    expect(seconds[1]).toBe(seconds[0]);
  });
});

describe("requests of long ago", () => {
  /** Per second: live traffic of version 2, of version 3, and requests of two hours ago of the version `of`. */
  function versions(gates: GateRig, seconds: number, live: number[], bad: number, of?: number) {
    for (let i = 0; i < seconds; i++) {
      gates.add({ total: live[0] ?? 0 }, { version: 2 });
      gates.add({ total: live[1] ?? 0, bad }, { version: 3 });
      const second = Math.floor(gates.now / SECOND) - 7_200;
      if (of !== undefined) gates.add({ total: 100 }, { version: of, second });
      gates.tick();
    }
  }

  it("do not make a version serve that has gone", () => {
    const opened = [undefined, 3].map((of) => {
      const gates = rig({ keepClosedForMs: 30 * SECOND });
      versions(gates, 1_800, [990], 0);
      versions(gates, 60, [900, 100], 50);
      expect(gates.gate()).toMatchObject({ reason: "bad-version" });
      for (let second = 0; second < 1_800; second++) {
        if (gates.gate().state === "open") return second;
        versions(gates, 1, [990], 0, of);
      }
      return Number.NaN;
    });
    expect(opened[1]).toBe(opened[0]);
  });

  it("of a version that has gone do not hide which one is to blame", () => {
    const gates = rig();
    for (let i = 0; i < 1_800; i++) {
      gates.add({ total: 500 }, { version: 1 });
      versions(gates, 1, [490], 0);
    }
    versions(gates, 60, [900, 100], 10, 1);
    expect(gates.gate()).toMatchObject({ state: "closed", reason: "bad-version" });
  });

  it("do not open a gate that knows nothing of now", () => {
    const gates = rig();
    runOld(gates, 120, 20 * 86_400);
    expect(gates.gate()).toMatchObject({ state: "unknown", reason: "no-data", allowed: false });
    // The budget has them.
    expect(gates.gate().budget.total).toBe(120 * HEALTHY.total);
    expect(gates.gate().message).toContain("no requests of the last five minutes yet");
  });

  it("are no sign of life of a service that fell silent", () => {
    const gates = rig().run(600, HEALTHY);
    expect(gates.gate().state).toBe("open");
    runOld(gates, 300, 10 * 86_400);
    expect(gates.gate()).toMatchObject({ state: "unknown", reason: "stale" });
  });
});

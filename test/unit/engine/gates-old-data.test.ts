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

  it("do not keep it closed: it opens on what comes now", () => {
    const gates = rig(over).run(120, HEALTHY);
    gates.runUntil(({ state }) => state === "closed", OUTAGE);
    runOld(gates, 60, 7_200);
    gates.runUntil(({ state }) => state === "open", HEALTHY);
  });
});

describe("requests of long ago", () => {
  it("do not open a gate that knows nothing of now", () => {
    const gates = rig();
    runOld(gates, 120, 20 * 86_400);
    expect(gates.gate()).toMatchObject({ state: "unknown", reason: "no-data", allowed: false });
    // The budget has them.
    expect(gates.gate().budget.total).toBe(120 * HEALTHY.total);
  });

  it("are no sign of life of a service that fell silent", () => {
    const gates = rig().run(600, HEALTHY);
    expect(gates.gate().state).toBe("open");
    runOld(gates, 300, 10 * 86_400);
    expect(gates.gate()).toMatchObject({ state: "unknown", reason: "stale" });
  });
});

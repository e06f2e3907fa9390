import { describe, expect, it } from "vitest";
import { restoreState, saveState } from "../../../src/journal/state-bytes.ts";
import type { Slo } from "../../../src/model/slo.ts";
import { GateRig } from "../../support/gate-rig.ts";
import { slo } from "../../support/slo.ts";

const OLD = 2;
const NEW = 3;

/** Per second: the old version's traffic, and the new one's. */
function run(rig: GateRig, seconds: number, old: [number, number], fresh: [number, number]): void {
  for (let s = 0; s < seconds; s++) {
    rig.add({ total: old[0], bad: old[1] }, { version: OLD });
    rig.add({ total: fresh[0], bad: fresh[1] }, { version: NEW });
    rig.tick();
  }
}

/** Half an hour of the old version alone. */
function established(): GateRig {
  const rig = new GateRig([slo()]);
  run(rig, 1800, [990, 0], [0, 0]);
  return rig;
}

describe("a new version that fails", () => {
  it("closes the gate for itself within half a minute, though the service as a whole burns below 1", () => {
    const rig = established();
    // One of a hundred requests goes to it, and of those one in twenty fails: burn 0.5 of the service.
    let seconds = 0;
    while (rig.gate().state === "open" && seconds < 60) {
      run(rig, 1, [990, 0], [10, seconds % 2]);
      seconds++;
    }
    expect(seconds).toBeLessThanOrEqual(30);
    const gate = rig.gate();
    expect(gate).toMatchObject({ state: "closed", reason: "bad-version", allowed: false });
    expect(gate.message).toMatch(/^version 3 is to blame: \d+ bad of \d+; the others: 2 0 of /);
    expect(gate.burn["1h"]).toBeLessThan(1);
    expect(gate.versions).toMatchObject([
      { version: "3", suspect: true, state: "closed" },
      { version: "2", suspect: false, state: "open" },
    ]);
    expect(gate.versions[0]!.budgetSpent).toBeGreaterThan(0);
    expect(rig.gates.get("pay", "3")).toMatchObject({ allowed: false });
    expect(rig.gates.get("pay", "2")).toMatchObject({ allowed: true });
    expect(rig.gates.get("pay", "4")).toMatchObject({ allowed: true });
  });

  it.each([
    ["objective", { objective: 0.9985 }],
    ["indicator", { indicator: { ...slo().indicator, bad: { any: [] } } as Slo["indicator"] }],
  ])("stays to blame when the %s is edited, until it has been well", (_, edit) => {
    const rig = established();
    run(rig, 60, [990, 0], [10, 1]);
    expect(rig.gate().reason).toBe("bad-version");
    rig.gates.use([slo(edit)]);
    run(rig, 120, [990, 0], [10, 1]);
    expect(rig.gate()).toMatchObject({ state: "closed", reason: "bad-version", allowed: false });
    expect(rig.gates.get("pay", "2")).toMatchObject({ allowed: true });
    run(rig, 240, [990, 0], [10, 0]);
    expect(rig.gate().reason).toBe("bad-version");
    run(rig, 360, [990, 0], [10, 0]);
    expect(rig.gate().state).toBe("open");
  });

  it("is found as soon after another trouble as ever: an outage is no cluster of errors", () => {
    const rig = new GateRig([slo(), slo({ name: "cart", service: "cart" })]);
    run(rig, 300, [5, 0], [0, 0]);
    run(rig, 30, [5, 2], [0, 0]);
    expect(rig.gate()).toMatchObject({ state: "closed", reason: "fast-burn" });
    run(rig, 900, [5, 0], [0, 0]);
    expect(rig.gate().state).toBe("open");
    run(rig, 30, [5, 0], [5, 2]);
    expect(rig.gate()).toMatchObject({ state: "closed", reason: "bad-version" });
    expect(rig.gates.get("pay", "2")).toMatchObject({ allowed: true });
  });

  it("is new after an edit as it was before", () => {
    const rig = established();
    run(rig, 30, [990, 0], [10, 0]);
    rig.gates.use([slo({ objective: 0.9985 })]);
    run(rig, 60, [990, 0], [10, 1]);
    expect(rig.gate()).toMatchObject({ state: "closed", reason: "bad-version" });
  });

  it("stays to blame when another replica takes over that has only just started", () => {
    const published = (state: "open" | "closed") =>
      ({
        slo: "pay",
        state,
        allowed: state === "open",
        reason: state === "open" ? "ok" : "bad-version",
        since: rig.now - 60_000,
        decidedAt: rig.now,
        sequence: 41,
        override: null,
        suspects: ["3", "9"],
      }) as const;
    const rig = new GateRig([slo()]);
    rig.gates.lead(null, rig.now);
    // It sees both together from its first second on: neither is new to it.
    run(rig, 40, [990, 0], [10, 1]);
    expect(rig.gate()).toMatchObject({ state: "open" });
    rig.gates.lead({ epoch: 7, after: 6, published: [published("closed")] }, rig.now);
    run(rig, 60, [990, 0], [10, 1]);
    expect(rig.gate()).toMatchObject({ state: "closed", reason: "bad-version", sequence: 41 });
    expect(rig.gates.get("pay", "3")).toMatchObject({ allowed: false });
    expect(rig.gates.get("pay", "2")).toMatchObject({ allowed: true });
    expect(rig.gate().versions.map(({ version, suspect }) => [version, suspect])).toEqual([
      ["3", true],
      ["2", false],
    ]);
    // Five minutes of good traffic acquit it here as they would have there.
    run(rig, 700, [990, 0], [10, 0]);
    expect(rig.gate()).toMatchObject({ state: "open", sequence: 42 });
  });

  it("lets go of the gate when it has had no traffic for two minutes, and stays blamed", () => {
    const rig = established();
    run(rig, 60, [990, 0], [10, 1]);
    expect(rig.gate()).toMatchObject({ reason: "bad-version", reopen: { expected: null } });
    run(rig, 30, [1000, 0], [0, 0]);
    expect(rig.gate().reopen?.expected).toBe(rig.now + 89_000);
    expect(rig.gate().message).toMatch(/no traffic now, opens at 10:32:59Z if that lasts$/);
    run(rig, 95, [1000, 0], [0, 0]);
    expect(rig.gate()).toMatchObject({ state: "open", reason: "ok" });
    expect(rig.gates.get("pay", "3")).toMatchObject({ state: "closed", allowed: false });
    // It comes back and is well: five minutes of proof.
    run(rig, 600, [900, 0], [100, 0]);
    expect(rig.gates.get("pay", "3")).toMatchObject({ state: "open", allowed: true });
  });

  it("keeps the gate beyond its two minutes for as long as recovery must last when burn had closed it too", () => {
    const rig = established();
    run(rig, 60, [500, 0], [500, 250]);
    expect(rig.gate()).toMatchObject({ reason: "bad-version" });
    run(rig, 60, [1000, 0], [0, 0]);
    const { reopen, message } = rig.gate();
    const said = new Date(reopen?.expected ?? 0).toISOString().slice(11, 19);
    expect(message).toContain(`it has no traffic now, opens at ${said}Z if that lasts`);
    run(rig, 62, [1000, 0], [0, 0]);
    expect(rig.gate()).toMatchObject({ state: "closed", reason: "fast-burn", reopen });
    expect(rig.gate().message).toContain(`, opens at ${said}Z if that lasts`);
    rig.runUntil(({ state }) => state === "open", { total: 1000 });
    expect(rig.gate().since).toBe(reopen?.expected);
  });

  it("is carried with all that is held against it", () => {
    const rig = established();
    run(rig, 60, [990, 0], [10, 1]);
    const copy = new GateRig([], rig.now);
    Object.assign(copy.counters, structuredClone(rig.counters));
    restoreState(copy.gates, saveState(rig.gates).bytes().slice());
    expect(copy.gates.list()).toEqual(rig.gates.list());
    for (const one of [rig, copy]) run(one, 300, [990, 0], [10, 0]);
    expect(copy.gates.list()).toEqual(rig.gates.list());
    expect(copy.gates.get("pay", "3")).toEqual(rig.gates.get("pay", "3"));
  });

  it("is to blame for a burn that began with it when it has all the traffic", () => {
    const rig = established();
    run(rig, 120, [0, 0], [1000, 0]);
    run(rig, 60, [0, 0], [1000, 100]);
    expect(rig.gate()).toMatchObject({ state: "closed", reason: "bad-version" });
    expect(rig.gates.get("pay", "2")).toMatchObject({ allowed: true });
  });
});

describe("a bad version that took all the traffic at once", () => {
  it("is to blame once the old one is silent and not late, so that the next one passes", () => {
    const rig = established();
    // In the middle of a cell, which then holds requests of both.
    run(rig, 5, [990, 0], [0, 0]);
    let seconds = 0;
    while (rig.gate().reason !== "bad-version" && seconds < 120) {
      run(rig, 1, [0, 0], [1000, 300]);
      seconds++;
    }
    expect(seconds).toBeLessThanOrEqual(90);
    expect(rig.gates.get("pay", "3")).toMatchObject({ allowed: false });
    expect(rig.gates.get("pay", "2")).toMatchObject({ allowed: true });
    expect(rig.gates.get("pay", "4")).toMatchObject({ allowed: true });
  });
});

describe("a bad version that has always been there", () => {
  it.each([
    ["a tenth of the traffic", [900, 90], [100, 0]],
    ["a hundredth", [990, 99], [10, 0]],
    ["half", [500, 50], [500, 0]],
  ] as const)("lets the fix pass that comes beside it with %s", (_name, bad, fix) => {
    const rig = new GateRig([slo()]);
    run(rig, 120, [1000, 100], [0, 0]);
    expect(rig.gate()).toMatchObject({ state: "closed", reason: "fast-burn" });
    let seconds = 0;
    while (!rig.gates.get("pay", "3")!.allowed && seconds < 300) {
      run(rig, 1, [...bad], [...fix]);
      seconds++;
    }
    expect(seconds).toBeLessThanOrEqual(60);
    expect(rig.gates.get("pay", "2")).toMatchObject({ allowed: false, reason: "bad-version" });
  });

  it("is not to blame while the gate is open: nobody is rolling it out", () => {
    const rig = new GateRig([slo()]);
    // Burn 0.6 of the service, all of it the old version's.
    run(rig, 1200, [100, 0.6], [900, 0]);
    expect(rig.gate()).toMatchObject({ state: "open" });
    expect(rig.gate().versions.some(({ suspect }) => suspect)).toBe(false);
  });
});

describe("an innocent version", () => {
  it("is not blamed for a dependency that fails for all alike", () => {
    const rig = established();
    run(rig, 300, [900, 0], [100, 0]);
    run(rig, 600, [900, 45], [100, 5]);
    expect(rig.gate()).toMatchObject({ state: "closed", reason: "fast-burn" });
    expect(rig.gate().versions.some(({ suspect }) => suspect)).toBe(false);
    expect(rig.gates.get("pay", "3")).toMatchObject({ state: "closed" });
  });

  it.each([0.81, 0.9, 0.98])(
    "is not blamed for it when it has %d of the traffic already",
    (share) => {
      const rig = established();
      const [old, fresh] = [Math.round(1000 * (1 - share)), Math.round(1000 * share)];
      run(rig, 300, [old, 0], [fresh, 0]);
      run(rig, 600, [old, old / 20], [fresh, fresh / 20]);
      expect(rig.gate()).toMatchObject({ state: "closed", reason: "fast-burn" });
      expect(rig.gate().versions.some(({ suspect }) => suspect)).toBe(false);
    },
  );

  it("is not blamed for its telemetry being faster than the others'", () => {
    const rig = established();
    for (let s = 0; s < 300; s++) {
      const second = rig.now / 1000;
      rig.add({ total: 10, bad: 5 }, { version: NEW });
      // Twenty seconds later the others' errors of the same time arrive.
      rig.add({ total: 990, bad: s < 20 ? 0 : 495 }, { version: OLD, second: second - 20 });
      rig.tick();
    }
    expect(rig.gate().versions.some(({ suspect }) => suspect)).toBe(false);
  });

  it("is the old one, when it has always been as bad as that", () => {
    const rig = new GateRig([slo()]);
    run(rig, 600, [100, 1], [900, 0]);
    expect(rig.gate().versions.some(({ suspect }) => suspect)).toBe(false);
  });
});

describe("the state of each version in the SLO's decision", () => {
  /** Per reason of the gate, what was said of each version; every second it is what is answered to who asks for it. */
  function seen(rig: GateRig, seconds: number, old: [number, number], fresh: [number, number]) {
    const phases = new Set<string>();
    for (let s = 0; s < seconds; s++) {
      run(rig, 1, old, fresh);
      const { reason, versions } = rig.gate();
      const states = versions.map(({ version, state }) => `${version} ${state}`);
      const answers = versions.map(
        ({ version }) => `${version} ${rig.gates.get("pay", version)!.state}`,
      );
      expect(states, reason).toEqual(answers);
      phases.add(`${reason}: ${states.join(", ")}`);
    }
    return [...phases];
  }

  it("is what is answered for it, from a bad rollout to the end of its trouble", () => {
    const rig = established();
    expect(seen(rig, 120, [900, 0], [100, 50])).toContain("bad-version: 3 closed, 2 open");
    // Rolled back: two minutes later the burn holds the gate, and the blame still lets others pass.
    const after = seen(rig, 900, [1000, 0], [0, 0]);
    expect(after).toContain("fast-burn: 3 closed, 2 open");
    expect(after.at(-1)).toBe("ok: 3 closed, 2 open");
  });

  it.each([
    ["closed", "override: 3 closed, 2 closed"],
    ["open", "override: 3 open, 2 open"],
  ] as const)("is the override's for all: %s", (state, said) => {
    const rig = established();
    run(rig, 120, [900, 0], [100, 50]);
    const times = { createdAt: rig.now, expiresAt: rig.now + 3_600_000 };
    rig.gates.override("pay", { slo: "pay", state, author: "ana", reason: "drill", ...times });
    expect(seen(rig, 5, [900, 0], [100, 50])).toEqual([said]);
  });

  it("is closed for all when the budget is spent", () => {
    const rig = new GateRig([slo({ plannedRequests: 3_000_000 })]);
    run(rig, 1800, [990, 0], [0, 0]);
    expect(seen(rig, 200, [900, 0], [100, 50]).at(-1)).toBe("budget-exhausted: 3 closed, 2 closed");
  });
});

describe("the versions in view", () => {
  it("are bounded: beyond sixteen the longest silent goes, and counts of the rest go to other", () => {
    const rig = new GateRig([slo()]);
    for (let version = 2; version < 40; version++) {
      rig.add({ total: 10 }, { version });
      rig.tick();
    }
    expect(rig.gate().versions.length).toBeLessThanOrEqual(17);
    rig.run(300, { total: 1 });
    rig.add({ total: 10 }, { version: 50 });
    rig.tick();
    expect(rig.gate().versions[0]).toMatchObject({ version: "50", total: 10 });
  });

  it("are none where nobody tells them", () => {
    const rig = new GateRig([slo()]).run(60, { total: 100 });
    expect(rig.gate().versions).toEqual([]);
    rig.add({ total: 1 }, { version: 2 });
    rig.run(20, { total: 100 });
    expect(rig.gate().versions.map(({ version }) => version)).toEqual(["2"]);
  });
});

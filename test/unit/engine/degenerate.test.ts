import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DAY, HOUR, SECOND } from "../../../src/model/time.ts";
import { GateRig, HEALTHY, OUTAGE } from "../../support/gate-rig.ts";
import { slo } from "../../support/slo.ts";

/** Every number in what is published is one. */
function expectNumbers(value: unknown, path = "decision"): void {
  if (typeof value === "number") expect(Number.isFinite(value), `${path} is ${value}`).toBe(true);
  else if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) expectNumbers(inner, `${path}.${key}`);
  } else if (typeof value === "string") expect(value, path).not.toMatch(/NaN|Infinity|undefined/);
}

/** How often the gate has closed. */
function closings(rig: GateRig): number {
  const states = rig.transitions().map((line) => line.split(" ")[0]);
  return states.filter((state, i) => state === "closed" && states[i - 1] !== "closed").length;
}

/** Minutes of the same traffic, a part of it every five seconds: the longest that counts as no standstill. */
function minutes(rig: GateRig, count: number, total: number, bad: number): void {
  for (let i = 0; i < 12 * count; i++) {
    rig.add({ total, bad });
    rig.tick(5 * SECOND);
  }
  expectNumbers(rig.gate());
}

describe.each([0.9, 0.99, 0.999, 0.99999])("an objective of %d", (objective) => {
  it("opens by itself and stays open on perfect traffic, few requests or many", () => {
    for (const total of [1, 100, 1e12]) {
      const rig = new GateRig([slo({ objective })]);
      minutes(rig, 300, total, 0);
      expect(rig.gate().state).toBe("open");
      expect(closings(rig)).toBe(0);
    }
  });

  it("closes once when everything fails, and opens once when all is well again", () => {
    const rig = new GateRig([slo({ objective, plannedRequests: 1e9 })]);
    minutes(rig, 300, 6000, 0);
    minutes(rig, 20, 6000, 6000);
    expect(rig.gate().state).toBe("closed");
    minutes(rig, 120, 6000, 0);
    expect(closings(rig)).toBe(1);
    // A spent budget keeps it closed: 120 000 bad are all that 0.9999 allows.
    if (rig.gate().reason !== "budget-exhausted") expect(rig.gate().state).toBe("open");
  });

  it("bears counts of 1e12", () => {
    const rig = new GateRig([slo({ objective })]);
    minutes(rig, 100, 1e12, 1e12 * (1 - objective) * 0.5);
    expect(rig.gate().state).toBe("open");
    minutes(rig, 30, 1e12, 1e12);
    expect(rig.gate().state).toBe("closed");
    expect(closings(rig)).toBe(1);
  });
});

describe("little and nothing", () => {
  it("never closes for a service with one good request a day, and one bad one a week is no evidence", () => {
    const rig = new GateRig([
      slo({ policy: { freezeWhenExhausted: false } }),
      slo({ name: "other" }),
    ]);
    for (let day = 0; day < 21; day++) {
      rig.add({ total: 1, bad: day % 7 === 6 ? 1 : 0 });
      for (let hour = 0; hour < 24; hour++) {
        rig.add({ total: 100 }, { index: 1 });
        rig.tick(HOUR);
      }
      expectNumbers(rig.gate());
    }
    expect(closings(rig)).toBe(0);
  });

  it("stays as it is through days without traffic, open or closed", () => {
    const planned = slo({ plannedRequests: 1e9 });
    const [open, closed] = [new GateRig([planned]), new GateRig([planned])];
    open.run(600, HEALTHY);
    closed.run(600, HEALTHY).run(60, OUTAGE);
    for (const rig of [open, closed]) {
      for (let hour = 0; hour < 96; hour++) rig.tick(HOUR);
      expectNumbers(rig.gate());
    }
    expect(open.gate().state).toBe("unknown");
    expect(closed.gate().state).toBe("closed");
    for (const rig of [open, closed]) rig.run(900, HEALTHY);
    expect(open.gate().state).toBe("open");
    expect(closed.gate().state).toBe("open");
    expect([closings(open), closings(closed)]).toEqual([0, 1]);
  });

  it("closes and stays closed when every request from the first on is bad", () => {
    const rig = new GateRig([slo()]).run(3600, { total: 10, bad: 10 });
    expect(rig.gate().state).toBe("closed");
    expect(closings(rig)).toBe(1);
    expectNumbers(rig.gate());
  });
});

describe("the clock", () => {
  it.each([
    ["an hour ahead", HOUR],
    ["ten days ahead", 10 * DAY],
    ["an hour back", -HOUR],
    ["ten days back", -10 * DAY],
  ])("may jump %s without closing an open gate or opening a closed one", (_name, jump) => {
    const [open, closed] = [new GateRig([slo()]), new GateRig([slo()])];
    open.run(600, HEALTHY);
    closed.run(600, HEALTHY).run(60, OUTAGE);
    for (const rig of [open, closed]) {
      rig.now += jump;
      rig.run(120, rig === open ? HEALTHY : OUTAGE);
      expectNumbers(rig.gate());
    }
    expect(closings(open)).toBe(0);
    expect([closings(closed), closed.gate().state]).toEqual([1, "closed"]);
  });
});

describe("an SLO that is edited while its gate is closed", () => {
  it.each([
    ["objective", slo({ objective: 0.99 })],
    ["detector", slo({ policy: { detector: "windows" } })],
    ["smallest burn", slo({ policy: { smallestBurn: 4 } })],
    ["sensitivity", slo({ policy: { sensitivity: "low" } })],
  ])("stays closed until it has recovered: its %s", (_what, edited) => {
    const rig = new GateRig([slo()]).run(600, HEALTHY).run(120, OUTAGE);
    rig.gates.use([edited]);
    rig.run(60, OUTAGE);
    expectNumbers(rig.gate());
    expect(rig.gate().state).toBe("closed");
    rig.run(900, HEALTHY);
    expect(rig.gate().state).toBe("open");
    rig.run(3600, HEALTHY);
    expect(closings(rig)).toBe(1);
  });
});

describe("whatever comes", () => {
  const stretch = fc.record({
    seconds: fc.constantFrom(1, 9, 10, 61, 400),
    total: fc.constantFrom(0, 0, 1, 3, 100, 1e6, 1e12),
    badShare: fc.constantFrom(0, 0, 0.001, 0.01, 0.5, 1),
    weight: fc.constantFrom(1, 1, 7.25),
    lateS: fc.constantFrom(0, 0, 5, 70, 4000),
    version: fc.constantFrom(0, 2, 3, 4),
    jumpS: fc.constantFrom(0, 0, 0, 0, 1, 7, 3600, -3600, 200_000),
    edit: fc.constantFrom(null, null, null, 0.9, 0.999, 0.99999),
  });

  it("no decision holds a number that is none", () => {
    fc.assert(
      fc.property(
        fc.array(stretch, { minLength: 1, maxLength: 12 }),
        fc.constantFrom("sequential" as const, "windows" as const),
        (stretches, detector) => {
          const rig = new GateRig([slo({ policy: { detector } })]);
          for (const s of stretches) {
            rig.now += s.jumpS * SECOND;
            if (s.edit !== null) rig.gates.use([slo({ objective: s.edit, policy: { detector } })]);
            for (let i = 0; i < s.seconds; i++) {
              const second = Math.floor(rig.now / SECOND) - s.lateS;
              const total = s.total * s.weight;
              const bad = Math.floor(s.total * s.badShare) * s.weight;
              rig.add({ total, bad }, { second, weight: s.weight, version: s.version });
              rig.tick();
            }
            expectNumbers(rig.gate());
            expectNumbers(rig.gates.get("pay", "2"));
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

import { describe, expect, it } from "vitest";
import { DAY, HOUR, SECOND } from "../../../src/model/time.ts";
import { GateRig, HEALTHY, OUTAGE, opened } from "../../support/gate-rig.ts";
import { slo } from "../../support/slo.ts";

/** Two minutes of good requests, of this service and beside it of another. */
function bothHeard(): GateRig {
  const rig = new GateRig([slo(), slo({ name: "cart", service: "cart" })]);
  for (let i = 0; i < 120; i++) {
    rig.add(HEALTHY);
    rig.run(1, HEALTHY, 1);
  }
  return rig;
}

describe("Gates: silence", () => {
  it("tells one service that is silent from a receiver that hears nobody", () => {
    const rig = bothHeard();
    rig.run(59, HEALTHY, 1);
    expect(rig.gate().state).toBe("open");
    rig.run(2, HEALTHY, 1);
    expect(rig.gate()).toMatchObject({ state: "unknown", reason: "stale", allowed: true });
    expect(rig.gate().message).toMatch(/^no requests since .* while other services are heard$/);
    expect(rig.gate("cart").state).toBe("open");
    rig.run(62, null);
    expect(rig.gate("cart")).toMatchObject({ state: "unknown", reason: "no-data" });
    expect(rig.gate("cart").message).toMatch(/^no telemetry since .* nothing arrives from anyone$/);
    expect(rig.gate()).toMatchObject({ state: "unknown", reason: "no-data" });
  });

  it("ends with a request that is good, not with a failed one", () => {
    const rig = bothHeard();
    rig.run(600, HEALTHY, 1);
    expect(rig.gate()).toMatchObject({ state: "unknown", reason: "stale" });
    rig.add({ total: 1, bad: 1 });
    rig.run(1, HEALTHY, 1);
    expect(rig.gate()).toMatchObject({ state: "unknown", reason: "warming-up", allowed: true });
    expect(rig.gate().message).toMatch(
      /^warming up until requests come that do not burn: burn rate /,
    );
    rig.run(400, HEALTHY, 1);
    rig.add({ total: 1 });
    rig.run(1, HEALTHY, 1);
    expect(rig.gate()).toMatchObject({ state: "open", reason: "ok" });
  });

  it("says that nothing matches an SLO when others are heard", () => {
    const rig = new GateRig([slo(), slo({ name: "cart" })]).run(60, HEALTHY, 1);
    expect(rig.gate().message).toBe(
      "no requests yet: telemetry arrives, but none of it matches this SLO; is service.name the one that is sent?",
    );
  });

  it("does not take the usual pause of a quiet service for silence", () => {
    const rig = new GateRig([slo(), slo({ name: "cart" })]);
    for (let minute = 0; minute < 30; minute++) {
      rig.add({ total: 1 });
      rig.run(300, { total: 10 }, 1);
    }
    expect(rig.transitions()).toEqual(["unknown warming-up", "open ok"]);
  });

  it("does not call a service that reports every five minutes stale in between", () => {
    const rig = new GateRig([slo(), slo({ name: "cart" })]);
    rig.run(1, HEALTHY, 1);
    // Its very first pause may be silence; nobody knows yet how often it reports.
    rig.add({ total: 3000 });
    rig.run(300, HEALTHY, 1);
    const before = rig.published.length;
    for (let i = 0; i < 12; i++) {
      rig.add({ total: 3000 });
      rig.run(300, HEALTHY, 1);
    }
    const since = rig.published
      .slice(before)
      .filter((p) => p.transition && p.decision.slo === "pay");
    expect(since.map(({ decision }) => decision.state)).toEqual(["open"]);
    // Three missed reports are silence.
    rig.run(601, HEALTHY, 1);
    expect(rig.gate().reason).toBe("stale");
  });

  it("holds what was allowed for 15 minutes, then not", () => {
    const rig = opened();
    const seconds = rig.runUntil(({ state }) => state === "unknown", null);
    expect(seconds).toBe(60);
    rig.run(15 * 60, null);
    expect(rig.gate()).toMatchObject({ state: "unknown", allowed: true });
    rig.run(1, null);
    expect(rig.gate()).toMatchObject({ state: "unknown", allowed: false });
  });

  it("never opens a closed gate", () => {
    const rig = opened()
      .run(60, OUTAGE)
      .run(3 * 3600, null);
    expect(rig.gate()).toMatchObject({ state: "closed", allowed: false, reason: "fast-burn" });
    expect(rig.gate().message).toContain("so it stays closed");
  });

  it("is unknown when the receiver turned requests away for a tenth of five minutes", () => {
    const rig = opened();
    rig.run(180, HEALTHY);
    for (let i = 0; i < 30; i++) {
      rig.counters.requestsRefused.overloaded = i + 1;
      rig.run(1, HEALTHY);
    }
    expect(rig.gate()).toMatchObject({ state: "open", data: { coverage: 0.9 } });
    rig.counters.requestsRefused["state-unavailable"] = 1;
    rig.run(1, HEALTHY);
    expect(rig.gate()).toMatchObject({ state: "unknown", reason: "no-data" });
    expect(rig.gate().message).toMatch(/accepted data in only 89\.7 % of the last 5 minutes/);
    rig.run(300, HEALTHY);
    expect(rig.gate()).toMatchObject({ state: "open", data: { coverage: 1 } });
  });

  it("does not count refusals that are the sender's fault", () => {
    const rig = opened();
    for (let i = 0; i < 100; i++) {
      rig.counters.requestsRefused.malformed = i + 1;
      rig.run(1, HEALTHY);
    }
    expect(rig.gate().data.coverage).toBe(1);
  });
});

describe("Gates: the clock", () => {
  it("waits when the clock is set back, and does not count anything twice", () => {
    const rig = opened();
    const before = rig.gate();
    rig.now -= 30 * SECOND;
    rig.run(25, HEALTHY);
    expect(rig.gate()).toMatchObject({
      state: "open",
      sequence: before.sequence,
      decidedAt: before.decidedAt,
    });
    expect(rig.gate().budget.total).toBe(before.budget.total + 2500);
    rig.run(10, HEALTHY);
    expect(rig.gate().decidedAt).toBe(before.decidedAt + 5 * SECOND);
  });

  it("does not trust an open gate while a clock that was far ahead has to be caught up with", () => {
    const rig = opened();
    rig.now -= HOUR;
    rig.run(5, HEALTHY);
    expect(rig.gate()).toMatchObject({ state: "unknown", reason: "stale" });
  });

  it.each([
    ["with", HEALTHY],
    ["without", null],
  ])(
    "holds the last word no longer than else while it has to be caught up with, %s traffic",
    (_, traffic) => {
      const rig = opened();
      rig.now -= HOUR;
      rig.run(90, traffic);
      expect(rig.gate()).toMatchObject({ state: "unknown", reason: "no-data", allowed: true });
      expect(rig.gate().message).toBe(
        "the engine's clock was set back; until it has passed 10:02:00Z again nothing can be said",
      );
      rig.run(15 * 60, traffic);
      expect(rig.gate()).toMatchObject({ state: "unknown", allowed: false });
      rig.run(2700, HEALTHY);
      expect(rig.gate()).toMatchObject({ state: "open", allowed: true });
    },
  );

  it("is not taken for one that stands when ticks are asked for in between", () => {
    const rig = opened();
    for (let i = 0; i < 200; i++) rig.gates.tick(rig.now);
    for (let i = 0; i < 200; i++) rig.gates.tick(rig.now - 1);
    expect(rig.gate().state).toBe("open");
    rig.now -= HOUR;
    rig.run(90, HEALTHY);
    rig.gates.tick(rig.gate().decidedAt);
    expect(rig.gate()).toMatchObject({ state: "unknown", reason: "no-data" });
  });

  it("takes a jump ahead for time in which nobody listened", () => {
    const rig = opened();
    rig.tick(2 * HOUR);
    expect(rig.gate()).toMatchObject({
      state: "unknown",
      reason: "no-data",
      burn: { "5m": null, "1h": null },
    });
    expect(rig.gate().budget.total).toBe(12_000);
    rig.run(600, HEALTHY);
    expect(rig.gate().state).toBe("open");
  });

  it("does not trust what was counted while the engine stood still for a tenth of five minutes", () => {
    const rig = opened().run(180, HEALTHY);
    rig.add(HEALTHY);
    rig.tick(40 * SECOND);
    // 39 of 300 seconds without a tick
    expect(rig.gate()).toMatchObject({
      state: "unknown",
      reason: "no-data",
      data: { coverage: 0.87 },
    });
    rig.run(300, HEALTHY);
    expect(rig.gate()).toMatchObject({ state: "open", data: { coverage: 1 } });
  });

  it("keeps a closed gate closed over a jump ahead", () => {
    const rig = opened().run(60, OUTAGE);
    rig.tick(2 * DAY);
    expect(rig.gate().state).toBe("closed");
  });

  it("bears a busy second", () => {
    const rig = opened();
    for (let i = 0; i < 60; i++) {
      rig.add({ total: 300 });
      rig.tick(3 * SECOND);
    }
    expect(rig.gate()).toMatchObject({ state: "open", data: { coverage: 1 } });
  });
});

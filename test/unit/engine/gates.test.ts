import { describe, expect, it } from "vitest";
import type { Override } from "../../../src/model/gate.ts";
import type { Period } from "../../../src/model/slo.ts";
import { DAY, HOUR, MINUTE, SECOND } from "../../../src/model/time.ts";
import { GateRig, START } from "../../support/gate-rig.ts";
import { policy, slo } from "../../support/slo.ts";

const HEALTHY = { total: 100 };
const OUTAGE = { total: 100, bad: 50 };
/** The slower pairs see only minutes here, and would speak first. */
const FAST_ONLY = { policy: { pairs: policy().pairs.slice(0, 1) } };
const MONTH: Period = {
  kind: "calendar",
  count: 1,
  unit: "month",
  startLocal: "2026-01-01T00:00:00",
  timeZone: "UTC",
  durationMs: 30 * DAY,
  text: "1M",
};

/** Open, with some minutes behind it. */
function opened(over: Parameters<typeof slo>[0] = {}, start?: number): GateRig {
  const rig = new GateRig([slo(over)], start).run(120, HEALTHY);
  expect(rig.gate().state).toBe("open");
  return rig;
}

describe("Gates: the beginning", () => {
  it("is unknown until 15 s of data have been seen", () => {
    const rig = new GateRig([slo()]);
    rig.tick();
    expect(rig.gate()).toMatchObject({ state: "unknown", reason: "no-data", allowed: false });
    rig.run(14, HEALTHY);
    expect(rig.gate()).toMatchObject({ state: "unknown", reason: "warming-up", allowed: false });
    rig.run(1, HEALTHY);
    expect(rig.gate()).toMatchObject({ state: "open", reason: "ok", allowed: true });
    expect(rig.transitions()).toEqual(["unknown warming-up", "open ok"]);
  });

  it("closes while warming up when there is evidence", () => {
    expect(new GateRig([slo()]).run(5, OUTAGE).gate()).toMatchObject({
      state: "closed",
      reason: "fast-burn",
    });
  });

  it("is never called exhausted on the projection of a fresh installation", () => {
    // A bad minute at 1 000 a second, then a quiet hour: 63 600 / 3 660 s x 28 d x 0.001 = 42 000 allowed, 60 000 bad.
    const rig = new GateRig([slo()]).run(60, { total: 1000, bad: 1000 }).run(3600, { total: 1 });
    expect(rig.gate().budget).toMatchObject({ basis: "projected", total: 63_600, bad: 60_000 });
    expect(rig.gate().budget.remaining).toBeLessThan(0);
    expect(rig.transitions()).not.toContain("closed budget-exhausted");
  });
});

describe("Gates: silence", () => {
  it("tells one service that is silent from a receiver that hears nobody", () => {
    const rig = new GateRig([slo(), slo({ name: "cart", service: "cart" })]);
    for (let i = 0; i < 120; i++) {
      rig.add(HEALTHY);
      rig.run(1, HEALTHY, 1);
    }
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

  it("says that nothing matches an SLO when others are heard", () => {
    const rig = new GateRig([slo(), slo({ name: "cart" })]).run(60, HEALTHY, 1);
    expect(rig.gate().message).toBe(
      "no requests yet: telemetry arrives, but none of it matches this SLO",
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

describe("Gates: closing and opening", () => {
  it("closes within seconds of an outage and names both numbers", () => {
    const rig = opened(FAST_ONLY);
    const seconds = rig.runUntil(({ state }) => state === "closed", OUTAGE);
    // 50 bad of 12 100 are a burn of 4; 200 of 12 400 are 16.
    expect(seconds).toBe(4);
    expect(rig.gate()).toMatchObject({ allowed: false, reason: "fast-burn", epoch: 3 });
    expect(rig.gate().message).toMatch(/^burn rate \S+ over 5m and \S+ over 1h, threshold 13\.4/);
    expect(rig.gate().evidence?.nats).toBeGreaterThan(8);
  });

  it("says what grew worse with the numbers of the pair that says so", () => {
    // Burn 7 is beyond 30m/6h (5.6), not beyond 5m/1h (13.44); then everything fails.
    const rig = opened({ policy: { pairs: policy().pairs.slice(0, 2) } });
    rig.runUntil(({ state }) => state === "closed", { total: 1000, bad: 7 });
    expect(rig.gate()).toMatchObject({ reason: "slow-burn" });
    expect(rig.gate().message).toContain("over 30m");
    rig.runUntil(({ reason }) => reason === "fast-burn", { total: 1000, bad: 1000 });
    expect(rig.gate().message).toContain("over 5m");
  });

  it("opens after recovery has lasted, says when, and does not close again on old errors", () => {
    const rig = opened(FAST_ONLY).run(30, OUTAGE);
    rig.run(60, HEALTHY);
    const { reopen, message } = rig.gate();
    expect(message).toMatch(/recovered since .* opens in \d+ min if that lasts/);
    rig.runUntil(({ state }) => state === "open", HEALTHY);
    expect(reopen?.expected).toBe(rig.gate().since);
    rig.run(3600, HEALTHY);
    expect(rig.transitions()).toEqual([
      "unknown warming-up",
      "open ok",
      "closed fast-burn",
      "open ok",
    ]);
  });

  it("grows the sequence with transitions only, and decidedAt with every tick", () => {
    const rig = opened();
    const before = rig.gate();
    rig.run(100, HEALTHY);
    expect(rig.gate().sequence).toBe(before.sequence);
    expect(rig.gate().decidedAt).toBe(before.decidedAt + 100 * SECOND);
    expect(rig.gate().validUntil).toBe(rig.gate().decidedAt + MINUTE);
    rig.run(10, OUTAGE);
    expect(rig.gate().sequence).toBe(before.sequence + 1);
  });

  it("closes on a forecast alone, never without evidence, and not when the policy says no", () => {
    const only30m = policy().pairs.filter(({ threshold }) => threshold < 10 && threshold > 1);
    const close = (closeOnForecast: boolean) => {
      const rig = new GateRig([slo({ policy: { pairs: only30m, closeOnForecast } })]);
      // Six clean hours keep the 6 h window low while 30 minutes burn at 12.
      rig.run(6 * 3600, { total: 50 });
      rig.run(1800, { total: 500, bad: 6 });
      return rig.transitions().slice(2);
    };
    expect(close(true)).toContain("closed forecast");
    expect(close(false)).not.toContain("closed forecast");
  });

  it("never closes on the ratio of data sampled upstream, and says so", () => {
    const rig = new GateRig([slo({ sampledUpstream: true, plannedRequests: 1000 })]).run(
      600,
      OUTAGE,
    );
    expect(rig.gate().state).toBe("open");
    expect(rig.gate().message).toContain("sampled upstream");
    expect(rig.gate().budget.remaining).toBeLessThan(0);
  });

  it("decides on the budget alone when there are no pairs", () => {
    const rig = new GateRig([slo({ plannedRequests: 1_000_000, policy: { pairs: [] } })]);
    rig.run(60, HEALTHY);
    expect(rig.gate()).toMatchObject({ state: "open", evidence: null, burn: { "5m": 0, "1h": 0 } });
    // 0.001 x 1 000 000 = 1 000 bad allowed.
    rig.run(9, { total: 110, bad: 110 });
    expect(rig.gate().state).toBe("open");
    rig.run(1, { total: 110, bad: 110 });
    expect(rig.gate()).toMatchObject({ state: "closed", reason: "budget-exhausted" });
  });

  it("allows everything in shadow mode and publishes the decision all the same", () => {
    const rig = opened({ policy: { mode: "shadow" } }).run(5, OUTAGE);
    expect(rig.gate()).toMatchObject({ state: "closed", allowed: true, mode: "shadow" });
    expect(rig.transitions().at(-1)).toBe("closed fast-burn");
  });
});

describe("Gates: the budget", () => {
  const small = { plannedRequests: 100_000, policy: { pairs: [] } };

  it("stays closed until a hundredth of a spent budget is back", () => {
    // 0.001 x 1 000 000 = 1 000 bad allowed; the hour lets ten of them go every ten seconds.
    const period: Period = { kind: "rolling", durationMs: HOUR, text: "1h" };
    const rig = new GateRig([slo({ ...small, plannedRequests: 1_000_000, period })]);
    rig.run(60, { total: 10 }).run(1005, { total: 10, bad: 1 });
    expect(rig.gate()).toMatchObject({ reason: "budget-exhausted", reopen: { expected: null } });
    rig.runUntil(({ budget }) => budget.bad < 1000, { total: 10 });
    expect(rig.gate()).toMatchObject({ reason: "budget-exhausted" });
    rig.runUntil(({ state }) => state === "open", { total: 10 });
    expect(rig.gate().budget.bad).toBeLessThanOrEqual(990);
  });

  it("is made anew where a calendar period ends, with the first request", () => {
    const start = Date.UTC(2026, 4, 31, 23, 50);
    const rig = new GateRig([slo({ ...small, period: MONTH })], start);
    rig.run(60, HEALTHY).run(2, { total: 100, bad: 100 });
    expect(rig.gate()).toMatchObject({
      reason: "budget-exhausted",
      reopen: { expected: Date.UTC(2026, 5, 1) },
    });
    rig.runUntil(({ state }) => state === "open", HEALTHY);
    expect(rig.gate().since).toBe(Date.UTC(2026, 5, 1) + SECOND);
    expect(rig.gate().budget).toMatchObject({ period: "1M", bad: 0 });
  });

  it("does not freeze when the policy says so", () => {
    const rig = new GateRig([
      slo({ ...small, policy: { pairs: [], freezeWhenExhausted: false } }),
    ]).run(60, OUTAGE);
    expect(rig.gate()).toMatchObject({ state: "open", reason: "ok" });
  });

  it("counts what happened before anyone watched towards the budget and nothing else", () => {
    const rig = opened({ plannedRequests: 1_000_000 });
    rig.gates.addPast("pay", rig.now / SECOND - 14 * 86_400, 600, 600);
    rig.run(120, HEALTHY);
    const { budget, burn, state, forecast } = rig.gate();
    expect([budget.bad, state, burn["1h"]]).toEqual([600, "open", 0]);
    // 1 - 600 / 1 000
    expect(budget.remaining).toBeCloseTo(0.4, 6);
    expect(forecast.at?.["1h"].burn ?? 0).toBeLessThan(1);
  });
});

describe("Gates: time slices", () => {
  const slices = slo({
    objective: 0.99,
    budgeting: { method: "timeslices", sliceMs: MINUTE, sliceTarget: 0.95 },
  });

  it("closes on a few bad minutes, however much traffic they had, and opens when minutes are good", () => {
    const rig = new GateRig([slices]).run(600, HEALTHY);
    expect(rig.gate().budget).toMatchObject({ total: 10, bad: 0 });
    // Below 95 % good in a minute: bad. 10 % errors for two minutes make two bad slices.
    rig.run(120, { total: 100, bad: 10 });
    expect(rig.gate()).toMatchObject({ state: "closed", reason: "fast-burn", budget: { bad: 2 } });
    const seconds = rig.runUntil(({ state }) => state === "open", HEALTHY);
    expect(seconds).toBeGreaterThan(360);
    expect(rig.gate().budget.bad).toBe(2);
  });

  it("does not mind minutes that are only a little bad", () => {
    const rig = new GateRig([slices]).run(600, HEALTHY).run(600, { total: 100, bad: 4 });
    expect(rig.gate()).toMatchObject({ state: "open", budget: { total: 20, bad: 0 } });
  });

  it("does not take planned requests for planned slices", () => {
    const rig = new GateRig([{ ...slices, plannedRequests: 1_000_000 }]).run(600, HEALTHY);
    expect(rig.gate().budget.basis).toBe("projected");
  });
});

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
    expect(Object.keys(burn)).toEqual(["5m", "2m", "20m", "1h"]);
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
    expect(rig.gates.indexOf(second)).toBe(1);
    // A delta that was on its way when the rules changed.
    rig.add(OUTAGE, { index: 0 });
    rig.tick();
    expect(rig.gate("cart").budget.total).toBe(0);
    rig.gates.use([first, second]);
    expect(rig.gates.indexOf(first)).toBe(2);
    expect(rig.gate()).toMatchObject({ state: "unknown", sequence: 0, budget: { total: 0 } });
    expect(() => rig.gates.indexOf(slo({ name: "gone" }))).toThrow("gone is not in use");
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

  it("outlast an edit of their SLO", () => {
    const rig = opened();
    rig.gates.override("pay", override());
    rig.gates.use([slo({ objective: 0.9 })]);
    rig.run(1, HEALTHY);
    expect(rig.gate().reason).toBe("override");
  });
});

describe("Gates: what readers see", () => {
  it("refreshes every ten seconds, not all gates in the same one", () => {
    const rig = new GateRig(Array.from({ length: 20 }, (_, i) => slo({ name: `s${i}` })));
    rig.tick();
    const sizes = Array.from({ length: 30 }, () => rig.tick().length);
    expect(sizes).toEqual(Array.from({ length: 30 }, () => 2));
    expect(rig.published.every(({ transition }) => !transition)).toBe(true);
  });

  it("refreshes also when every other second is too busy for a tick", () => {
    const rig = new GateRig(Array.from({ length: 10 }, (_, i) => slo({ name: `s${i}` })));
    rig.tick();
    rig.published.length = 0;
    for (let i = 0; i < 10; i++) rig.tick(2 * SECOND);
    const names = new Set(rig.published.map(({ decision }) => decision.slo));
    expect(names.size).toBe(10);
  });

  it("remembers the last hundred transitions, newest first", () => {
    const rig = opened();
    const on: Override = {
      slo: "pay",
      state: "closed",
      author: "ann",
      reason: "drill",
      createdAt: START,
      expiresAt: START + DAY,
    };
    for (let i = 0; i < 60; i++) {
      rig.gates.override("pay", on);
      rig.run(1, HEALTHY);
      rig.gates.override("pay", null);
      rig.run(1, HEALTHY);
    }
    const history = rig.gates.history("pay") ?? [];
    expect(history).toHaveLength(100);
    expect(history[0]).toMatchObject({ sequence: 122, state: "open" });
    expect(history[99]?.sequence).toBe(23);
  });

  it("gives six hours of minutes for charts", () => {
    const rig = new GateRig([slo()]).run(180, { total: 10, bad: 1 });
    const series = rig.gates.series("pay") ?? [];
    expect(series).toHaveLength(360);
    expect(series.slice(-4, -1)).toEqual(
      [0, 1, 2].map((minute) => ({ at: START + minute * MINUTE, total: 600, bad: 60 })),
    );
  });

  it("tells the newest second with requests", () => {
    const rig = opened();
    expect(rig.gate().data.watermark).toBe(rig.now);
    rig.run(10, null);
    expect(rig.gate().data.watermark).toBe(rig.now - 10 * SECOND);
    expect(new GateRig([slo()]).gate().data.watermark).toBeNull();
  });

  it("keeps a forecast for the minute and makes a new one when the budget is spent", () => {
    const rig = new GateRig([slo({ plannedRequests: 10_000_000, policy: { pairs: [] } })]);
    rig.run(1200, { total: 100, bad: 1 });
    const { exhaustion } = rig.gate().forecast;
    expect(exhaustion?.expected).toBeGreaterThan(rig.now);
    rig.tick();
    expect(rig.gate().forecast.exhaustion).toBe(exhaustion);
    rig.add({ total: 10_000, bad: 10_000 });
    rig.tick();
    expect(rig.gate().forecast.exhaustion?.expected).toBe(rig.now);
  });
});

import { describe, expect, it } from "vitest";
import type { Override } from "../../../src/model/gate.ts";
import type { Period } from "../../../src/model/slo.ts";
import { DAY, HOUR, MINUTE, SECOND } from "../../../src/model/time.ts";
import { GateRig, HEALTHY, OUTAGE, opened, START } from "../../support/gate-rig.ts";
import { FAST_ONLY, MONTH, policy, slo } from "../../support/slo.ts";

describe("Gates: the beginning", () => {
  it("is unknown until requests have been heard on both sides of 15 s", () => {
    const rig = new GateRig([slo()]);
    rig.tick();
    expect(rig.gate()).toMatchObject({ state: "unknown", reason: "no-data", allowed: false });
    rig.run(15, HEALTHY);
    expect(rig.gate()).toMatchObject({ state: "unknown", reason: "warming-up", allowed: false });
    rig.run(1, HEALTHY);
    expect(rig.gate()).toMatchObject({ state: "open", reason: "ok", allowed: true });
    expect(rig.transitions()).toEqual(["unknown warming-up", "open ok"]);
  });

  it("closes while warming up when there is evidence", () => {
    expect(new GateRig([slo()]).run(12, OUTAGE).gate()).toMatchObject({
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

describe("Gates: a pause", () => {
  it.each([1, 45, 400, 90_000])(
    "of %i s is the same with the windows moved beforehand",
    (seconds) => {
      const [plain, moved] = [opened(FAST_ONLY), opened(FAST_ONLY)];
      moved.gates.advance(moved.now + seconds * SECOND);
      for (const rig of [plain, moved]) {
        rig.tick(seconds * SECOND);
        rig.run(30, HEALTHY).run(30, OUTAGE);
      }
      expect(moved.published).toEqual(plain.published);
      expect(moved.gate()).toEqual(plain.gate());
    },
  );
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
    const [, closing] = /^(burn rate .*?) \(evidence/.exec(rig.gate().message) ?? [];
    rig.run(60, OUTAGE);
    expect(rig.gate().message).toMatch(/^closed at \d\d:\d\d:\d\dZ by .*; now [\d.]+ and [\d.]+; /);
    expect(rig.gate().message).toContain(closing);
  });

  it("says what grew worse with the numbers of the pair that says so", () => {
    // Burn 7 is beyond 30m/6h (5.6), not beyond 5m/1h (13.44); then everything fails.
    const rig = opened({
      policy: { detector: "windows", pairs: policy().pairs.slice(0, 2) },
    });
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
    expect(message).toMatch(/recovered since .* opens at [\d:]+Z if that lasts/);
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

  it("does not say when it opens before the longest pause of a trouble that comes and goes is over", () => {
    const rig = opened(FAST_ONLY).run(30, OUTAGE);
    const expected = () => rig.gate().reopen?.expected ?? null;
    rig.run(270, HEALTHY);
    expect(expected()).not.toBeNull();
    rig.run(10, OUTAGE);
    rig.run(200, HEALTHY);
    expect(rig.gate()).toMatchObject({ state: "closed", reopen: { expected: null } });
    let told = 200;
    for (; expected() === null && told < 1000; told++) rig.run(1, HEALTHY);
    // Well for nearly 270 seconds it came back: as long again nothing is known.
    expect(told).toBeGreaterThan(250);
    expect(told).toBeLessThan(290);
    const said = expected();
    rig.runUntil(({ state }) => state === "open", HEALTHY);
    expect(said).toBe(rig.gate().since);
  });

  it("grows the sequence with transitions only, and decidedAt with every tick", () => {
    const rig = opened();
    const before = rig.gate();
    rig.run(100, HEALTHY);
    expect(rig.gate().sequence).toBe(before.sequence);
    expect(rig.gate().decidedAt).toBe(before.decidedAt + 100 * SECOND);
    expect(rig.gate().validUntil).toBe(rig.gate().decidedAt + MINUTE);
    rig.run(15, OUTAGE);
    expect(rig.gate().sequence).toBe(before.sequence + 1);
  });

  it("closes on a forecast alone, never without evidence, and not when the policy says no", () => {
    const only30m = policy().pairs.filter(({ threshold }) => threshold < 10 && threshold > 1);
    const close = (closeOnForecast: boolean) => {
      const rig = new GateRig([
        slo({ policy: { detector: "windows", pairs: only30m, closeOnForecast } }),
      ]);
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
    const rig = new GateRig([
      slo({ plannedRequests: 1_000_000, policy: { detector: "windows", pairs: [] } }),
    ]);
    rig.run(60, HEALTHY);
    expect(rig.gate()).toMatchObject({ state: "open", evidence: null, burn: { "5m": 0, "1h": 0 } });
    // 0.001 x 1 000 000 = 1 000 bad allowed.
    rig.run(9, { total: 110, bad: 110 });
    expect(rig.gate().state).toBe("open");
    rig.run(1, { total: 110, bad: 110 });
    expect(rig.gate()).toMatchObject({ state: "closed", reason: "budget-exhausted" });
  });

  it("allows everything in shadow mode and publishes the decision all the same", () => {
    const rig = opened({ policy: { mode: "shadow" } }).run(12, OUTAGE);
    expect(rig.gate()).toMatchObject({ state: "closed", allowed: true, mode: "shadow" });
    expect(rig.transitions().at(-1)).toBe("closed fast-burn");
  });
});

describe("Gates: the budget", () => {
  const small = {
    plannedRequests: 100_000,
    policy: { detector: "windows", pairs: [] },
  } as const;

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

  it("is not spent by one failed request, however few there are, nor by three, but by four", () => {
    const rig = new GateRig([slo()]);
    // One request an hour; of 672 in 28 days 0.7 may fail.
    const hours = (count: number, bad: number) => {
      for (let i = 0; i < count; i++) {
        rig.add({ total: 1, bad });
        rig.run(3600, null);
      }
    };
    hours(1, 1);
    hours(72, 0);
    expect(rig.gate().budget).toMatchObject({ basis: "projected", bad: 1 });
    expect(rig.gate().budget.remaining).toBeLessThan(0);
    hours(2, 1);
    expect(rig.transitions().some((line) => line.startsWith("closed"))).toBe(false);
    hours(24, 0);
    hours(1, 1);
    expect(rig.gate()).toMatchObject({ state: "closed", reason: "budget-exhausted" });
  });

  it("counts as many requests of sampled data as were seen", () => {
    const seen = (bad: number, weight: number) => {
      const rig = opened({ ...small, plannedRequests: 1000 });
      for (let i = 0; i < bad; i++) {
        rig.add({ total: weight, bad: weight }, { weight });
        rig.run(60, HEALTHY);
      }
      return rig.gate().reason;
    };
    // 0.001 x 12 000 and more: 12 to 48 allowed, and 192 or 256 bad.
    expect([seen(3, 64), seen(4, 64)]).toEqual(["ok", "budget-exhausted"]);
  });

  it("is spent by two bad slices", () => {
    const budgeting = { method: "timeslices", sliceMs: MINUTE, sliceTarget: 0.95 } as const;
    const period: Period = { kind: "rolling", durationMs: HOUR, text: "1h" };
    const rig = opened({ ...small, plannedRequests: null, period, budgeting }).run(3600, HEALTHY);
    const badMinute = () => rig.run(60, OUTAGE).run(600, HEALTHY).gate();
    expect(badMinute()).toMatchObject({ reason: "ok", budget: { bad: 1 } });
    expect(badMinute()).toMatchObject({ reason: "budget-exhausted", budget: { bad: 2 } });
  });

  it("does not freeze when the policy says so", () => {
    const rig = new GateRig([
      slo({ ...small, policy: { ...small.policy, freezeWhenExhausted: false } }),
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
    const lenient = { pairs: [], freezeWhenExhausted: false };
    const rig = new GateRig([slo({ plannedRequests: 10_000_000, policy: lenient })]);
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

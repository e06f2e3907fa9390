import { describe, expect, it } from "vitest";
import { restoreState, saveState } from "../../../src/journal/state-bytes.ts";
import type { Budgeting, Slo } from "../../../src/model/slo.ts";
import { HOUR, MINUTE, SECOND } from "../../../src/model/time.ts";
import { GateRig, HEALTHY, OUTAGE } from "../../support/gate-rig.ts";
import { FAST_ONLY, slo } from "../../support/slo.ts";

/** Beside a service that is always heard. */
function fresh(over: Parameters<typeof slo>[0] = {}): GateRig {
  return new GateRig([slo(over), slo({ name: "cart", service: "cart" })]);
}

function run(rig: GateRig, seconds: number, good = 0, bad = 0, everyS = 1): GateRig {
  for (let s = 0; s < seconds; s++) {
    if (s % everyS === 0) rig.add({ total: good + bad, bad });
    rig.run(1, HEALTHY, 1);
  }
  return rig;
}

/** Requests an hour apart; true is a good one. */
function hourly(rig: GateRig, ...requests: boolean[]): GateRig {
  for (const good of requests) run(rig, 3600, good ? 1 : 0, good ? 0 : 1, 3600);
  return rig;
}

describe("a fresh gate", () => {
  it("never opens on a few failed requests and silence", () => {
    const rig = run(fresh(), 3, 0, 1);
    run(rig, 60);
    expect(rig.gate()).toMatchObject({ state: "unknown", reason: "warming-up", allowed: false });
    expect(rig.gate().message).toBe("warming up: less than 15 s of data so far");
    run(rig, 7200);
    expect(rig.gate()).toMatchObject({ state: "unknown", reason: "stale", allowed: false });
    expect(rig.transitions()).toEqual(["unknown warming-up", "unknown stale"]);
  });

  it("does not open on one good request and silence either, but on the next one", () => {
    const rig = hourly(fresh(), true);
    expect(rig.transitions()).toEqual(["unknown warming-up", "unknown stale"]);
    run(rig, 1, 1);
    expect(rig.gate()).toMatchObject({ state: "open", reason: "ok" });
    // And stays so until three usual gaps have passed.
    expect(hourly(rig, true, true).gate().state).toBe("open");
  });

  it("does not open on one request after reports of none, as counters begin", () => {
    const rig = fresh();
    for (let minute = 0; minute < 5; minute++) {
      rig.add({ total: 0 }, { reportsNone: true });
      run(rig, 60);
    }
    run(rig, 1, 1);
    expect(rig.gate()).toMatchObject({ state: "unknown", reason: "warming-up" });
    run(rig, 15);
    run(rig, 1, 1);
    expect(rig.gate()).toMatchObject({ state: "open", reason: "ok" });
  });

  it("of one request an hour opens with the first good one after a bad one", () => {
    const rig = hourly(fresh(), false);
    run(rig, 1, 1);
    expect(rig.gate()).toMatchObject({ state: "open", budget: { bad: 1 } });
  });

  it("of one request an hour whose requests all fail never opens, and closes by the fourth", () => {
    const rig = hourly(fresh(), false, false, false);
    expect(rig.transitions()).not.toContain("open ok");
    run(rig, 15, 0, 1, 3600);
    expect(rig.gate()).toMatchObject({ state: "closed", reason: "fast-burn" });
  });

  it("does not open while what was heard burns, and says so", () => {
    const rig = run(fresh(), 2, 0, 1);
    run(rig, 290, 1);
    expect(rig.gate()).toMatchObject({ state: "unknown", reason: "warming-up", allowed: false });
    // 2 of 292
    expect(rig.gate().message).toBe(
      "warming up until requests come that do not burn: burn rate 6.85 over 5m and 6.85 over 1h",
    );
    // The two have left the five minutes, and still it takes a request.
    run(rig, 30);
    expect(rig.gate().reason).toBe("warming-up");
    run(rig, 1, 1);
    expect(rig.transitions()).toEqual(["unknown warming-up", "open ok"]);
  });

  it("opens on a burn below the smallest that closes it", () => {
    expect(run(fresh(), 17, 9999, 13).gate().state).toBe("open");
    expect(run(fresh(), 17, 999, 2).gate().state).not.toBe("open");
    const policy = { smallestBurn: 4 };
    expect(run(fresh({ policy }), 17, 999, 2).gate().state).toBe("open");
  });

  it("opens by windows on a burn below the fastest pair's threshold", () => {
    expect(run(fresh(FAST_ONLY), 17, 87, 1).gate().state).toBe("open");
    expect(run(fresh(FAST_ONLY), 17, 1, 0.02).gate().state).toBe("unknown");
  });

  it("opens whatever a ratio says that is not trusted", () => {
    expect(run(fresh({ sampledUpstream: true }), 17, 0, 1).gate().state).toBe("open");
  });

  it("opens once recovery is proven when burn had closed it, without warming up again", () => {
    // After a hold this short the last five minutes still burn.
    const policy = { keepClosedForMs: MINUTE };
    const rig = new GateRig([slo({ policy })]).run(10, OUTAGE);
    rig.runUntil(({ state }) => state !== "closed", HEALTHY);
    expect(rig.transitions()).toEqual(["unknown warming-up", "closed fast-burn", "open ok"]);
  });

  it.each([
    [290, "warming-up"],
    [600, "no-data"],
  ])("stays unknown on failing requests that come %i s late: %s", (late, reason) => {
    const rig = fresh();
    for (let i = 0; i < 3; i++) {
      rig.add({ total: 1, bad: 1 }, { second: rig.now / SECOND - late });
      run(rig, 10);
    }
    expect(rig.gate()).toMatchObject({ state: "unknown", reason });
  });

  it("allows while it warms up only where the policy says that unknown is allowed", () => {
    const allowed = (["hold", "open", "close"] as const).map(
      (onUnknown) => run(fresh({ policy: { onUnknown } }), 60, 0, 1, 59).gate().allowed,
    );
    expect(allowed).toEqual([false, true, false]);
  });

  it("answers for a version what it answers for all", () => {
    const rig = fresh();
    rig.add({ total: 3, bad: 3 }, { version: 2 });
    run(rig, 30);
    for (const version of ["2", "3"]) {
      expect(rig.gates.get("pay", version)).toMatchObject({ state: "unknown", allowed: false });
    }
  });

  it("goes on warming up after a restart, and is not made to do so twice", () => {
    const again = (rig: GateRig) => {
      const copy = new GateRig([], rig.now);
      Object.assign(copy.counters, structuredClone(rig.counters));
      restoreState(copy.gates, saveState(rig.gates).bytes().slice());
      return copy;
    };
    const failing = run(again(run(fresh(), 3, 0, 1)), 40);
    expect(failing.gate().reason).toBe("warming-up");
    const open = again(run(fresh(), 20, 1));
    expect(run(open, 2, 0, 1).gate().state).toBe("open");
  });
});

describe("a fresh gate of time slices", () => {
  const slices = (sliceMs: number): Partial<Slo> & { budgeting: Budgeting } => ({
    objective: 0.9,
    budgeting: { method: "timeslices", sliceMs, sliceTarget: 0.95 },
  });

  it("opens when the bad slice has left the last five minutes", () => {
    const rig = run(fresh(slices(MINUTE)), 60, 9, 1);
    run(rig, 60, 10);
    // One of two is a burn of 5; within five minutes one of five is still 2.
    expect(rig.gate()).toMatchObject({ state: "unknown", reason: "warming-up" });
    run(rig, 185, 10);
    expect(rig.gate().state).toBe("open");
  });

  it("does not open beside a running slice that is bad, however long it is", () => {
    const rig = run(fresh(slices(HOUR)), 1200, 9, 1);
    expect(rig.gate()).toMatchObject({ state: "unknown", budget: { total: 1, bad: 1 } });
    // It becomes a good one.
    run(rig, 1800, 10);
    expect(rig.gate()).toMatchObject({ state: "open", budget: { total: 1, bad: 0 } });
  });
});

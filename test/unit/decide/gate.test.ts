import { describe, expect, it } from "vitest";
import { decide } from "../../../src/decide/gate.ts";
import { type Findings, type GateState, initialState } from "../../../src/decide/state.ts";
import type { GatePolicy, Override } from "../../../src/model/gate.ts";
import { HOUR, MINUTE, SECOND } from "../../../src/model/time.ts";
import { policy } from "../../support/slo.ts";

const NOW = Date.UTC(2026, 4, 4, 10);
const POLICY = policy();

const QUIET: Findings = {
  burn: null,
  calmSince: null,
  troubleSince: NOW,
  longestPauseMs: 0,
  settled: true,
  badVersion: false,
  exhausted: false,
  replenished: false,
  silence: null,
  stoodMs: 0,
  override: null,
};

function override(state: "open" | "closed"): Override {
  return {
    slo: "pay",
    state,
    author: "ann",
    reason: "drill",
    createdAt: NOW,
    expiresAt: NOW + HOUR,
  };
}

/** Steps through findings, each with the seconds since NOW. */
function play(
  steps: readonly (readonly [number, Partial<Findings>])[],
  options: { policy?: GatePolicy; from?: GateState } = {},
): GateState {
  const rules = options.policy ?? POLICY;
  let state = options.from ?? initialState(rules, NOW);
  for (const [seconds, findings] of steps) {
    state = decide(state, { ...QUIET, ...findings }, rules, NOW + seconds * SECOND);
  }
  return state;
}

const OPEN = play([[0, {}]]);

describe("decide: precedence", () => {
  const everything: Findings = {
    burn: "fast-burn",
    calmSince: null,
    troubleSince: NOW,
    longestPauseMs: 0,
    settled: true,
    badVersion: false,
    exhausted: true,
    replenished: false,
    silence: "stale",
    stoodMs: 0,
    override: override("open"),
  };

  it.each([
    ["an override", {}, "open", "override"],
    ["a spent budget", { override: null }, "closed", "budget-exhausted"],
    ["burn", { override: null, exhausted: false }, "closed", "fast-burn"],
    ["silence", { override: null, exhausted: false, burn: null }, "unknown", "stale"],
    ["nothing", { override: null, exhausted: false, burn: null, silence: null }, "open", "ok"],
  ] as const)("puts %s before all that is milder", (_name, less, state, reason) => {
    const next = decide(OPEN, { ...everything, ...less }, POLICY, NOW + SECOND);
    expect(next).toMatchObject({ state, reason, allowed: state !== "closed" });
  });

  it("closes on an override whatever the evidence", () => {
    expect(play([[1, { override: override("closed") }]], { from: OPEN })).toMatchObject({
      state: "closed",
      allowed: false,
    });
  });

  it("tracks burn and budget below an override, so that the gate is right when it ends", () => {
    const during = play([[1, { override: override("open"), burn: "fast-burn" }]], { from: OPEN });
    expect(during).toMatchObject({ state: "open", burnClosed: "fast-burn" });
    expect(play([[2, {}]], { from: during })).toMatchObject({
      state: "closed",
      reason: "fast-burn",
    });
    const spent = play([[1, { override: override("open"), exhausted: true }]], { from: OPEN });
    expect(play([[2, {}]], { from: spent })).toMatchObject({ reason: "budget-exhausted" });
  });

  it("is not frozen by a spent budget when the policy says so", () => {
    const free = policy({ freezeWhenExhausted: false });
    expect(play([[1, { exhausted: true }]], { from: OPEN, policy: free }).state).toBe("open");
  });
});

describe("decide: silence", () => {
  it.each(["stale", "no-data", "warming-up"] as const)(
    "turns an open gate unknown: %s",
    (silence) => {
      expect(play([[1, { silence }]], { from: OPEN })).toMatchObject({
        state: "unknown",
        reason: silence,
      });
    },
  );

  it("is unknown at the beginning, and not allowed", () => {
    expect(play([[0, { silence: "no-data" }]])).toMatchObject({
      state: "unknown",
      allowed: false,
    });
  });

  it("never opens a closed gate, however long it lasts", () => {
    const closed = play([[1, { burn: "slow-burn" }]], { from: OPEN });
    const silent = Array.from(
      { length: 100 },
      (_, i) => [2 + 3600 * i, { silence: "no-data" }] as const,
    );
    expect(play(silent, { from: closed })).toBe(closed);
    const spent = play([[1, { exhausted: true }]], { from: OPEN });
    expect(play(silent, { from: spent })).toBe(spent);
  });

  it("goes straight from unknown to closed when there is evidence", () => {
    const states = play(
      [
        [1, { silence: "stale" }],
        [2, { silence: "stale", burn: "fast-burn" }],
      ],
      {
        from: OPEN,
      },
    );
    expect(states).toMatchObject({ state: "closed", reason: "fast-burn" });
  });
});

describe("decide: allowed while unknown", () => {
  const silent = (seconds: number) => [seconds, { silence: "stale" }] as const;

  it("holds the last value for 15 minutes, then says no", () => {
    const [at, later] = [play([silent(1)], { from: OPEN }), 1 + 15 * 60];
    expect(at.allowed).toBe(true);
    expect(play([silent(later)], { from: at })).toBe(at);
    const over = play([silent(later + 1)], { from: at });
    expect(over).toMatchObject({ state: "unknown", allowed: false, since: at.since });
    expect(over.sequence).toBe(at.sequence + 1);
  });

  it.each([
    ["open", true],
    ["close", false],
  ] as const)("says %s at once when the policy does", (onUnknown, allowed) => {
    const rules = policy({ onUnknown });
    expect(initialState(rules, NOW).allowed).toBe(allowed);
    expect(play([silent(1)], { from: OPEN, policy: rules }).allowed).toBe(allowed);
    expect(play([silent(1), silent(3601)], { from: OPEN, policy: rules }).allowed).toBe(allowed);
  });

  it("does not learn from an override what to hold", () => {
    const unknown = play([[0, { silence: "no-data" }]]);
    const opened = play([[1, { silence: "no-data", override: override("open") }]], {
      from: unknown,
    });
    expect(opened.allowed).toBe(true);
    expect(play([[2, { silence: "no-data" }]], { from: opened })).toMatchObject({
      state: "unknown",
      allowed: false,
    });
  });

  it("counts the silence under an override towards the 15 minutes", () => {
    const steps = [
      [1, { silence: "stale", override: override("open") }],
      [1000, { silence: "stale" }],
    ] as const;
    expect(play(steps, { from: OPEN })).toMatchObject({ state: "unknown", allowed: false });
  });

  it("begins the 15 minutes anew with every silence", () => {
    const steps = [silent(1), [800, {}], silent(1000)] as const;
    expect(play(steps, { from: OPEN }).allowed).toBe(true);
  });
});

describe("decide: shadow mode", () => {
  const shadow = policy({ mode: "shadow", onUnknown: "close" });

  it.each([
    { burn: "fast-burn" },
    { exhausted: true },
    { silence: "no-data" },
    { override: override("closed") },
  ] as const)("decides %j and allows all the same", (findings) => {
    const enforced = play([[1, findings]], { from: OPEN });
    expect(play([[1, findings]], { from: OPEN, policy: shadow })).toMatchObject({
      state: enforced.state,
      reason: enforced.reason,
      allowed: true,
    });
  });

  it("does not hold what only shadow mode allowed once the gate is enforced", () => {
    const closed = play([[1, { burn: "fast-burn" }]], { from: OPEN, policy: shadow });
    expect(play([[2, {}]], { from: closed }).allowed).toBe(false);
    const neverHeard = play([[1, { silence: "no-data" }]], { policy: shadow });
    expect(play([[2, { silence: "no-data" }]], { from: neverHeard }).allowed).toBe(false);
  });
});

describe("decide: recovery", () => {
  const calm = (seconds: number, since: number) =>
    [seconds, { calmSince: NOW + since * SECOND }] as const;
  const closed = play([[10, { burn: "fast-burn" }]], { from: OPEN });

  it("opens when recovery has been proven for five minutes without a break", () => {
    expect(play([calm(100, 100), calm(399, 100)], { from: closed })).toBe(closed);
    const opened = play([calm(400, 100)], { from: closed });
    expect(opened).toMatchObject({ state: "open", reason: "ok", burnClosed: null });
    expect(opened.lastOpenedAt).toBe(NOW + 400 * SECOND);
  });

  it("starts over when recovery breaks", () => {
    expect(
      play([calm(100, 100), [300, {}], calm(400, 400), calm(699, 400)], { from: closed }),
    ).toBe(closed);
  });

  it("waits for the burn of the last minutes to settle", () => {
    const unsettled = [400, { calmSince: NOW + 100 * SECOND, settled: false }] as const;
    expect(play([unsettled], { from: closed }).state).toBe("closed");
  });

  it("holds three times the pause that looked like recovery on every relapse within two hours, up to 45 minutes", () => {
    let state = closed;
    const holds: number[] = [state.holdMs / MINUTE];
    let now = 10;
    for (let relapse = 0; relapse < 4; relapse++) {
      const since = now + 1;
      now = since + state.holdMs / SECOND;
      state = play([calm(now, since)], { from: state });
      expect(state.state).toBe("open");
      now += 60;
      state = play([[now, { burn: "slow-burn" }]], { from: state });
      holds.push(state.holdMs / MINUTE);
    }
    // 5; well for 5 + 1, x 3 = 18; 18 + 1, x 3 = 57 is cut to 45.
    expect(holds).toEqual([5, 18, 45, 45, 45]);
  });

  it("holds three times the longest pause that had passed for recovery without opening", () => {
    const paused = (s: number) =>
      [s, { calmSince: NOW + 100 * SECOND, longestPauseMs: 4 * MINUTE }] as const;
    expect(play([paused(819)], { from: closed })).toMatchObject({
      state: "closed",
      holdMs: 12 * MINUTE,
    });
    expect(play([paused(820)], { from: closed }).state).toBe("open");
    const long = { calmSince: NOW, longestPauseMs: HOUR };
    expect(play([[100, long]], { from: closed }).holdMs).toBe(45 * MINUTE);
  });

  it("holds longer after more than half an hour of trouble, at most twice as long", () => {
    const holdAfter = (minutes: number) => {
      const findings = { calmSince: NOW + minutes * MINUTE, troubleSince: NOW };
      return play([[60 * minutes, findings]], { from: closed }).holdMs / MINUTE;
    };
    expect([5, 30, 45, 60, 600].map(holdAfter)).toEqual([5, 5, 7.5, 10, 10]);
  });

  it("forgets nothing of a pause when recovery breaks once more", () => {
    const paused = { calmSince: NOW + 100 * SECOND, longestPauseMs: 4 * MINUTE };
    const state = play(
      [
        [200, paused],
        [210, { longestPauseMs: 4 * MINUTE }],
      ],
      { from: closed },
    );
    expect(state.holdMs).toBe(12 * MINUTE);
  });

  it("forgives after two hours", () => {
    const opened = play([calm(400, 100)], { from: closed });
    const soon = play([[400 + 300, { burn: "slow-burn" }]], { from: opened });
    // Well for 5 + 5 minutes.
    const late = play([[400 + 7200, { burn: "slow-burn" }]], { from: opened });
    expect([soon.holdMs, late.holdMs]).toEqual([30 * MINUTE, 5 * MINUTE]);
  });

  it("does not shorten a hold that is configured longer", () => {
    const rules = policy({ keepClosedForMs: 2 * HOUR });
    const start = play([[0, {}]], { policy: rules });
    const first = play([[1, { burn: "slow-burn" }]], { from: start, policy: rules });
    const opened = play([calm(7201, 1)], { from: first, policy: rules });
    expect(opened.state).toBe("open");
    expect(play([[7300, { burn: "slow-burn" }]], { from: opened, policy: rules }).holdMs).toBe(
      2 * HOUR,
    );
  });

  it("keeps a spent budget closed until some of it is back", () => {
    const spent = play([[1, { exhausted: true }]], { from: OPEN });
    expect(play([[2, { exhausted: false }]], { from: spent })).toBe(spent);
    expect(play([[2, { replenished: true }]], { from: spent }).state).toBe("open");
  });
});

describe("decide: transitions", () => {
  it("answers the same object when nothing changes", () => {
    expect(
      play(
        [
          [5, {}],
          [6, {}],
        ],
        { from: OPEN },
      ),
    ).toBe(OPEN);
    const closed = play([[1, { burn: "slow-burn" }]], { from: OPEN });
    expect(
      play(
        [
          [2, { burn: "slow-burn" }],
          [3, {}],
        ],
        { from: closed },
      ),
    ).toBe(closed);
    const unknown = play([[1, { silence: "stale" }]], { from: OPEN });
    expect(play([[2, { silence: "stale" }]], { from: unknown })).toBe(unknown);
  });

  it("counts changes of state, reason and allowed, and nothing else", () => {
    const sequences = [
      OPEN,
      play([[1, { silence: "warming-up" }]], { from: OPEN }),
      play(
        [
          [1, { burn: "slow-burn" }],
          [2, { burn: "fast-burn" }],
        ],
        { from: OPEN },
      ),
      play([[1, { override: override("open"), burn: "fast-burn" }]], { from: OPEN }),
      // The burn that closes below the override is no transition of its own.
      play(
        [
          [1, { override: override("open") }],
          [2, { override: override("open"), burn: "fast-burn" }],
        ],
        {
          from: OPEN,
        },
      ),
    ].map(({ sequence }) => sequence - OPEN.sequence);
    expect(sequences).toEqual([0, 1, 2, 1, 1]);
  });

  it("remembers since when state and reason are what they are", () => {
    const closed = play(
      [
        [7, { burn: "slow-burn" }],
        [90, {}],
      ],
      { from: OPEN },
    );
    expect(closed.since).toBe(NOW + 7 * SECOND);
  });

  it("lets a closing's reason grow worse, never milder", () => {
    const slow = play([[1, { burn: "slow-burn" }]], { from: OPEN });
    const fast = play([[2, { burn: "fast-burn" }]], { from: slow });
    expect(fast.reason).toBe("fast-burn");
    expect(
      play(
        [
          [3, { burn: "slow-burn" }],
          [4, { burn: "forecast" }],
          [5, {}],
        ],
        { from: fast },
      ),
    ).toBe(fast);
    const forecast = play([[1, { burn: "forecast" }]], { from: OPEN });
    expect(play([[2, { burn: "slow-burn" }]], { from: forecast })).toBe(forecast);
    expect(play([[2, { burn: "fast-burn" }]], { from: forecast }).reason).toBe("fast-burn");
  });
});

import { describe, expect, it } from "vitest";
import { type Circumstances, explain, spell } from "../../../src/decide/reason.ts";
import type { GateDecision } from "../../../src/model/gate.ts";
import { DAY, HOUR, MINUTE, SECOND } from "../../../src/model/time.ts";
import { decision, open } from "../../support/decisions.ts";

const NOW = Date.UTC(2026, 4, 4, 10, 0, 37);
const FACTS: Circumstances = {
  shortLabel: "5m",
  longLabel: "1h",
  shortBurn: 41.23,
  longBurn: 15.94,
  threshold: 13.44,
  closedAt: NOW,
  shortNow: 41.23,
  longNow: 15.94,
  sloHeardAt: NOW,
  anyHeardAt: NOW,
  heardEnough: true,
  otherServicesHeard: true,
  clockStands: false,
  sampledUpstream: false,
  calmSince: null,
  recoveredMs: null,
};
const CLOSED = decision({
  decidedAt: NOW,
  evidence: { since: NOW - 57 * SECOND, nats: 23.1, alternative: 13.44 },
});
const OPEN = open("pay", { decidedAt: NOW });
const SPENT = { ...CLOSED.budget, total: 1_204_400, bad: 1250, remaining: -0.0379 };
const STALE = open("pay", { decidedAt: NOW, state: "unknown", reason: "stale" });
const NO_DATA = open("pay", { decidedAt: NOW, state: "unknown", reason: "no-data" });
const ago = (ms: number) => NOW - ms;

const GOLDEN: readonly [
  name: string,
  decision: GateDecision,
  facts: Partial<Circumstances>,
  sentence: string,
][] = [
  [
    "open",
    OPEN,
    { shortBurn: 0.412, longBurn: 0.3 },
    "burn rate 0.412 over 5m and 0.3 over 1h; 71 % of the error budget is left",
  ],
  [
    "open without a request in the windows",
    { ...OPEN, budget: { ...OPEN.budget, remaining: null } },
    { shortBurn: null, longBurn: null },
    "no requests in the burn windows; no requests in the period yet",
  ],
  [
    "open after a recovery, while the windows remember the trouble",
    { ...OPEN, since: ago(MINUTE) },
    { shortBurn: 0, longBurn: 15.94, recoveredMs: 5 * MINUTE },
    "opened at 09:59:37Z after 5 min of recovery; burn rate 0 over 5m and 15.9 over 1h; 71 % of the error budget is left",
  ],
  [
    "open after a recovery, when the windows have forgotten the trouble",
    OPEN,
    { shortBurn: null, longBurn: 0.9, recoveredMs: 5 * MINUTE },
    "burn rate unknown over 5m and 0.9 over 1h; 71 % of the error budget is left",
  ],
  [
    "open with a spent budget",
    { ...OPEN, budget: { ...OPEN.budget, remaining: -0.4286 } },
    { shortBurn: null, longBurn: 0 },
    "burn rate unknown over 5m and 0 over 1h; the error budget is spent, remaining -42.9 %",
  ],
  [
    "open with one window empty",
    OPEN,
    { shortBurn: null, longBurn: 2 },
    "burn rate unknown over 5m and 2 over 1h; 71 % of the error budget is left",
  ],
  [
    "open and sampled upstream",
    OPEN,
    { shortBurn: 1000, longBurn: 88, sampledUpstream: true },
    "burn rate 1000 over 5m and 88 over 1h; 71 % of the error budget is left; sampled upstream without " +
      "thresholds, so the ratio is not trusted and does not close the gate",
  ],
  [
    "fast burn",
    CLOSED,
    {},
    "burn rate 41.2 over 5m and 15.9 over 1h, threshold 13.4 (evidence 23.1 nats since 09:59:40Z); " +
      "the rest of the budget lasts 11 h at this rate",
  ],
  [
    "slow burn of another pair that nobody expects to spend the budget",
    { ...CLOSED, reason: "slow-burn", evidence: null, forecast: { at: null, exhaustion: null } },
    { shortLabel: "6h", longLabel: "3d", shortBurn: 1.2, longBurn: 1.01, threshold: 0.9333333 },
    "burn rate 1.2 over 6h and 1.01 over 3d, threshold 0.933; 71 % of the error budget is left",
  ],
  [
    "burn that closed the gate some time ago",
    CLOSED,
    { closedAt: ago(10 * MINUTE), shortNow: 3.21, longNow: null, threshold: null },
    "closed at 09:50:37Z by burn rate 41.2 over 5m and 15.9 over 1h (evidence 23.1 nats since 09:59:40Z); " +
      "now 3.21 and unknown; the rest of the budget lasts 11 h at this rate",
  ],
  [
    "burn that has recovered",
    CLOSED,
    { calmSince: ago(90 * SECOND) },
    "burn rate 41.2 over 5m and 15.9 over 1h, threshold 13.4 (evidence 23.1 nats since 09:59:40Z); " +
      "the rest of the budget lasts 11 h at this rate; recovered since 09:59:07Z, opens at 11:20:37Z if that lasts",
  ],
  [
    "burn that has recovered, of a trouble that comes and goes",
    { ...CLOSED, reopen: { expected: null } },
    { calmSince: ago(90 * SECOND) },
    "burn rate 41.2 over 5m and 15.9 over 1h, threshold 13.4 (evidence 23.1 nats since 09:59:40Z); " +
      "the rest of the budget lasts 11 h at this rate; recovered since 09:59:07Z",
  ],
  [
    "burn and then silence of this service",
    CLOSED,
    { sloHeardAt: ago(10 * MINUTE), calmSince: ago(9 * MINUTE) },
    "burn rate 41.2 over 5m and 15.9 over 1h, threshold 13.4 (evidence 23.1 nats since 09:59:40Z); " +
      "the rest of the budget lasts 11 h at this rate; no requests since 09:50:37Z, so it stays closed",
  ],
  [
    "burn and then silence of all",
    CLOSED,
    { sloHeardAt: ago(10 * MINUTE), otherServicesHeard: false },
    "burn rate 41.2 over 5m and 15.9 over 1h, threshold 13.4 (evidence 23.1 nats since 09:59:40Z); " +
      "the rest of the budget lasts 11 h at this rate; no telemetry since 09:50:37Z, so it stays closed",
  ],
  [
    "forecast",
    { ...CLOSED, reason: "forecast" },
    {},
    "the next hour is expected to burn at 40.1 (80 %: at least 31); burn rate 41.2 over 5m and 15.9 over 1h",
  ],
  [
    "a spent budget",
    { ...CLOSED, reason: "budget-exhausted", budget: SPENT },
    {},
    "the error budget of 28d is spent: 1,250 bad of 1,204,400, remaining -3.79 % (basis: observed)",
  ],
  [
    "silence of this service",
    STALE,
    { sloHeardAt: ago(2 * HOUR) },
    "no requests since 08:00:37Z, while other services are heard",
  ],
  [
    "silence of all at night",
    STALE,
    { otherServicesHeard: false, sloHeardAt: ago(11 * HOUR) },
    "no requests since 23:00:37Z",
  ],
  [
    "nothing since the start",
    NO_DATA,
    { sloHeardAt: null, anyHeardAt: null },
    "no telemetry yet: nothing has arrived since the start",
  ],
  [
    "nothing for this SLO since the start",
    { ...NO_DATA, budget: { ...NO_DATA.budget, total: 0 } },
    { sloHeardAt: null },
    "no requests yet: telemetry arrives, but none of it matches this SLO; is service.name the one that is sent?",
  ],
  [
    "nothing but requests of long ago",
    NO_DATA,
    { sloHeardAt: null },
    "no requests of the last five minutes yet: those that came had ended before (a queue, or the sender's clock)",
  ],
  [
    "a receiver that nobody reaches",
    NO_DATA,
    { anyHeardAt: ago(70 * SECOND) },
    "no telemetry since 09:59:27Z: nothing arrives from anyone",
  ],
  [
    "a receiver that turned too much away",
    { ...NO_DATA, data: { watermark: NOW, coverage: 0.8123 } },
    {},
    "the receiver accepted data in only 81.2 % of the last 5 minutes",
  ],
  [
    "the first seconds",
    open("pay", { decidedAt: NOW, state: "unknown", reason: "warming-up" }),
    { heardEnough: false },
    "warming up: less than 15 s of data so far",
  ],
  [
    "first requests that fail",
    open("pay", { decidedAt: NOW, state: "unknown", reason: "warming-up" }),
    { shortBurn: 500, longBurn: 500 },
    "warming up until requests come that do not burn: burn rate 500 over 5m and 500 over 1h",
  ],
  [
    "an override",
    {
      ...OPEN,
      reason: "override",
      override: {
        slo: "pay",
        state: "open",
        author: "ann",
        reason: "the fix for INC-7",
        createdAt: NOW,
        expiresAt: NOW + 2 * HOUR,
      },
    },
    {},
    "opened by ann until 12:00:37Z: the fix for INC-7",
  ],
  [
    "shadow mode",
    { ...CLOSED, mode: "shadow", reason: "budget-exhausted", budget: SPENT },
    {},
    "the error budget of 28d is spent: 1,250 bad of 1,204,400, remaining -3.79 % (basis: observed); " +
      "shadow mode: allowed all the same",
  ],
];

describe("explain", () => {
  it.each(GOLDEN)("says of %s what a person must know", (_name, made, facts, sentence) => {
    expect(explain(made, { ...FACTS, ...facts })).toBe(sentence);
  });

  it("names both windows and both burn rates whenever burn is the reason", () => {
    for (const reason of ["ok", "fast-burn", "slow-burn", "forecast"] as const) {
      expect(explain({ ...CLOSED, reason }, FACTS)).toMatch(/41\.2 over 5m and 15\.9 over 1h/);
    }
  });
});

describe("spell", () => {
  it.each([
    [0, "0 s"],
    [1, "1 s"],
    [119 * SECOND, "119 s"],
    [2 * MINUTE, "2 min"],
    [119 * MINUTE, "119 min"],
    [11 * HOUR, "11 h"],
    [47.5 * HOUR, "47.5 h"],
    [2.5 * DAY, "2.5 d"],
  ])("writes %d ms as %s", (ms, text) => {
    expect(spell(ms)).toBe(text);
  });
});

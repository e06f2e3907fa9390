import type { GateDecision } from "../../src/model/gate.ts";

export const AT = Date.parse("2026-05-04T10:00:37.000Z");

/** A decision in which every field is known; tests override what they are about. */
export function decision(over: Partial<GateDecision> = {}): GateDecision {
  return {
    slo: "payment-availability",
    service: "payment",
    state: "closed",
    allowed: false,
    reason: "fast-burn",
    message: "burn rate 41.2 over 5m and 15.9 over 1h",
    since: AT - 30_000,
    decidedAt: AT,
    validUntil: AT + 60_000,
    sequence: 17,
    epoch: 3,
    mode: "enforce",
    evidence: { since: AT - 57_000, nats: 23.1, alternative: 20 },
    burn: { "5m": 41.2, "1h": 15.9, "30m": 20.1, "6h": null },
    budget: {
      objective: 0.999,
      period: "28d",
      basis: "observed",
      total: 1_204_400,
      bad: 349,
      remaining: 0.71,
    },
    forecast: {
      at: {
        "1h": {
          burn: 40.1,
          lo80: 31,
          hi80: 52,
          lo95: 27,
          hi95: 61,
          calibration80: 0.81,
          widened: 1,
        },
        "24h": {
          burn: 12,
          lo80: 2,
          hi80: 50,
          lo95: 1,
          hi95: 80,
          calibration80: null,
          widened: 1.3,
        },
      },
      exhaustion: {
        expected: AT + 39_600_000,
        earliest: AT + 25_200_000,
        latest: null,
        earliest95: AT + 20_200_000,
        latest95: null,
      },
    },
    versions: [
      {
        version: "1.4.2",
        state: "closed",
        total: 5210,
        bad: 190,
        budgetSpent: 0.153,
        suspect: true,
        serving: true,
      },
      {
        version: "1.4.1",
        state: "open",
        total: 94_210,
        bad: 3,
        budgetSpent: null,
        suspect: false,
        serving: true,
      },
    ],
    reopen: { expected: AT + 4_800_000 },
    override: null,
    data: { watermark: AT - 1_000, coverage: 1 },
    ...over,
  };
}

export function open(slo: string, over: Partial<GateDecision> = {}): GateDecision {
  return decision({
    slo,
    state: "open",
    allowed: true,
    reason: "ok",
    message: "burn rate 0.4 over 5m and 0.3 over 1h",
    burn: { "5m": 0.4, "1h": 0.3 },
    evidence: null,
    reopen: null,
    versions: [],
    ...over,
  });
}

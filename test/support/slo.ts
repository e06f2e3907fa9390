import { defaultPairs } from "../../src/config/burn-windows.ts";
import { DEFAULT_POLICY } from "../../src/config/defaults.ts";
import type { GatePolicy } from "../../src/model/gate.ts";
import type { Period, Slo } from "../../src/model/slo.ts";
import { DAY } from "../../src/model/time.ts";

export const FOUR_WEEKS: Period = { kind: "rolling", durationMs: 28 * DAY, text: "28d" };

export const MONTH: Period = {
  kind: "calendar",
  count: 1,
  unit: "month",
  startLocal: "2026-01-01T00:00:00",
  timeZone: "UTC",
  durationMs: 30 * DAY,
  text: "1M",
};

/** The defaults, and what a test is about. */
export function policy(over: Partial<GatePolicy> = {}): GatePolicy {
  return { ...DEFAULT_POLICY, pairs: defaultPairs(28 * DAY, 0.999).pairs, ...over };
}

/** An availability SLO of 99.9 % over 28 d on the default policy, and what a test is about. */
export function slo(
  over: Partial<Omit<Slo, "policy">> & { policy?: Partial<GatePolicy> } = {},
): Slo {
  return {
    name: "pay",
    displayName: "pay",
    service: "payment",
    objective: 0.999,
    period: FOUR_WEEKS,
    budgeting: { method: "occurrences" },
    indicator: { signal: "spans", total: { all: [] }, bad: { status: ["error"] }, good: null },
    plannedRequests: null,
    sampledUpstream: false,
    ...over,
    policy: policy(over.policy),
  };
}

/** By windows, the fastest alone: the slower pairs see only minutes in most tests, and would speak first. */
export const FAST_ONLY = {
  policy: { detector: "windows", pairs: policy().pairs.slice(0, 1) },
} as const;

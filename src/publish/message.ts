import type {
  DecisionMessage,
  HorizonMessage,
  OverrideMessage,
  Rfc3339,
} from "../model/decision-message.ts";
import type { GateDecision, Override } from "../model/gate.ts";
import type { UnixMs } from "../model/time.ts";

/**
 * The published form of a decision. Measured numbers carry six significant digits, counts and the
 * objective are exact; a number that is not finite, or a time that is no date, becomes null.
 */
export function decisionMessage(d: GateDecision): DecisionMessage {
  return {
    slo: d.slo,
    service: d.service,
    state: d.state,
    allowed: d.allowed,
    reason: d.reason,
    message: d.message,
    since: rfc3339(d.since),
    decidedAt: rfc3339(d.decidedAt),
    validUntil: rfc3339(d.validUntil),
    sequence: d.sequence,
    epoch: d.epoch,
    mode: d.mode,
    evidence:
      d.evidence === null
        ? null
        : {
            since: rfc3339(d.evidence.since),
            nats: measured(d.evidence.nats),
            alternative: measured(d.evidence.alternative),
          },
    burn: Object.fromEntries(Object.entries(d.burn).map(([label, v]) => [label, measured(v)])),
    budget: {
      objective: finite(d.budget.objective),
      period: d.budget.period,
      basis: d.budget.basis,
      total: finite(d.budget.total),
      bad: finite(d.budget.bad),
      remaining: measured(d.budget.remaining),
    },
    forecast: forecastMessage(d),
    versions: d.versions.map((v) => ({
      version: v.version,
      state: v.state,
      total: finite(v.total),
      bad: finite(v.bad),
      budgetSpent: measured(v.budgetSpent),
      suspect: v.suspect,
    })),
    reopen: d.reopen === null ? null : { expected: rfc3339(d.reopen.expected) },
    override: d.override === null ? null : overrideMessage(d.override),
    data: { watermark: rfc3339(d.data.watermark), coverage: measured(d.data.coverage) },
  };
}

/** One line of JSON, without the line's end. */
export function decisionJson(d: GateDecision): string {
  return JSON.stringify(decisionMessage(d));
}

/** Names one published decision: `slo/epoch/sequence/decidedAt`; a refresh differs in its last part only. */
export function decisionId(d: GateDecision): string {
  return `${d.slo}/${d.epoch}/${d.sequence}/${rfc3339(d.decidedAt) ?? ""}`;
}

/** Null for null and for what is no date. Fractions of a second are cut, never rounded up. */
export function rfc3339(at: UnixMs | null): Rfc3339 | null {
  // 8.64e15 ms is the last instant that Date can name.
  if (at === null || !(Math.abs(at) <= 8.64e15)) return null;
  return `${new Date(Math.floor(at / 1000) * 1000).toISOString().slice(0, -5)}Z`;
}

function forecastMessage(d: GateDecision): DecisionMessage["forecast"] {
  const { at, exhaustion } = d.forecast;
  return {
    at: at === null ? null : { "1h": horizonMessage(at["1h"]), "24h": horizonMessage(at["24h"]) },
    exhaustion:
      exhaustion === null
        ? null
        : {
            expected: rfc3339(exhaustion.expected),
            earliest: rfc3339(exhaustion.earliest),
            latest: rfc3339(exhaustion.latest),
          },
  };
}

function horizonMessage(
  h: {
    readonly [K in keyof HorizonMessage]: number | null;
  },
): HorizonMessage {
  return {
    burn: measured(h.burn),
    lo80: measured(h.lo80),
    hi80: measured(h.hi80),
    lo95: measured(h.lo95),
    hi95: measured(h.hi95),
    calibration80: measured(h.calibration80),
    widened: measured(h.widened),
  };
}

function overrideMessage(o: Override): OverrideMessage {
  return {
    state: o.state,
    author: o.author,
    reason: o.reason,
    createdAt: rfc3339(o.createdAt),
    expiresAt: rfc3339(o.expiresAt),
  };
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

/** Six digits are more than any estimate here is worth, and keep 14.399999999999986 out of messages. */
export function measured(value: number | null): number | null {
  const known = finite(value);
  return known === null ? null : Number(known.toPrecision(6));
}

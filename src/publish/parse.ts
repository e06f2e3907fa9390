import type {
  DecisionMessage,
  HorizonMessage,
  OverrideMessage,
  VersionMessage,
} from "../model/decision-message.ts";
import type { GateStateName } from "../model/gate.ts";

/** `problem` says what is wrong with the text in the words of the message: "state: must be ...". */
export type ParsedDecision = { readonly decision: DecisionMessage } | { readonly problem: string };

/**
 * Reads a decision written by this or a later version of `decisionJson`: added fields and new reasons are
 * borne, missing explanations become null, but a decision without name, state or `allowed` is none.
 */
export function parseDecision(json: string): ParsedDecision {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    return { problem: `is not JSON (${error instanceof Error ? error.message : String(error)})` };
  }
  return readDecision(value);
}

/** As `parseDecision`, for what has been parsed as JSON already. */
export function readDecision(value: unknown): ParsedDecision {
  if (!isRecord(value)) return { problem: `must be a decision object, found ${shown(value)}` };
  const problem = firstProblem(value);
  if (problem !== null) return { problem };
  const evidence = record(value.evidence);
  const budget = record(value.budget) ?? {};
  const forecast = record(value.forecast) ?? {};
  const at = record(forecast.at);
  const exhaustion = record(forecast.exhaustion);
  const reopen = record(value.reopen);
  const data = record(value.data) ?? {};
  const decision: DecisionMessage = {
    slo: value.slo as string,
    service: text(value.service) ?? "",
    state: value.state as GateStateName,
    allowed: value.allowed as boolean,
    reason: text(value.reason) ?? "",
    message: text(value.message) ?? "",
    since: text(value.since),
    decidedAt: text(value.decidedAt),
    validUntil: text(value.validUntil),
    sequence: number(value.sequence) ?? 0,
    epoch: number(value.epoch) ?? 0,
    mode: value.mode === "shadow" ? "shadow" : "enforce",
    evidence: evidence && {
      since: text(evidence.since),
      nats: number(evidence.nats),
      alternative: number(evidence.alternative),
    },
    burn: mapRecord(record(value.burn) ?? {}, number),
    budget: {
      objective: number(budget.objective),
      period: text(budget.period) ?? "",
      basis: text(budget.basis) ?? "",
      total: number(budget.total),
      bad: number(budget.bad),
      remaining: number(budget.remaining),
    },
    forecast: {
      at: at && mapRecord(at, readHorizon),
      exhaustion: exhaustion && {
        expected: text(exhaustion.expected),
        earliest: text(exhaustion.earliest),
        latest: text(exhaustion.latest),
      },
    },
    versions: (Array.isArray(value.versions) ? value.versions : [])
      .filter(isRecord)
      .map(readVersion),
    reopen: reopen && { expected: text(reopen.expected) },
    override: readOverride(record(value.override)),
    data: { watermark: text(data.watermark), coverage: number(data.coverage) },
  };
  return { decision };
}

function firstProblem(value: Readonly<Record<string, unknown>>): string | null {
  const { slo, state, allowed } = value;
  if (typeof slo !== "string" || slo === "") return `slo: must be a name, found ${shown(slo)}`;
  if (!isState(state)) return `state: must be open, closed or unknown, found ${shown(state)}`;
  if (typeof allowed !== "boolean")
    return `allowed: must be true or false, found ${shown(allowed)}`;
  return null;
}

function readHorizon(value: unknown): HorizonMessage {
  const h = record(value) ?? {};
  return {
    burn: number(h.burn),
    lo80: number(h.lo80),
    hi80: number(h.hi80),
    lo95: number(h.lo95),
    hi95: number(h.hi95),
    calibration80: number(h.calibration80),
    widened: number(h.widened),
  };
}

function readVersion(v: Readonly<Record<string, unknown>>): VersionMessage {
  return {
    version: text(v.version) ?? "",
    state: isState(v.state) ? v.state : "unknown",
    total: number(v.total),
    bad: number(v.bad),
    budgetSpent: number(v.budgetSpent),
    suspect: v.suspect === true,
  };
}

function readOverride(o: Readonly<Record<string, unknown>> | null): OverrideMessage | null {
  if (o === null) return null;
  return {
    state: o.state === "open" ? "open" : "closed",
    author: text(o.author) ?? "",
    reason: text(o.reason) ?? "",
    createdAt: text(o.createdAt),
    expiresAt: text(o.expiresAt),
  };
}

function isState(value: unknown): value is GateStateName {
  return value === "open" || value === "closed" || value === "unknown";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function record(value: unknown): Readonly<Record<string, unknown>> | null {
  return isRecord(value) ? value : null;
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function mapRecord<T>(
  source: Readonly<Record<string, unknown>>,
  read: (value: unknown) => T,
): Record<string, T> {
  return Object.fromEntries(Object.entries(source).map(([key, value]) => [key, read(value)]));
}

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const json = JSON.stringify(value);
  return json.length > 60 ? `${json.slice(0, 57)}...` : json;
}

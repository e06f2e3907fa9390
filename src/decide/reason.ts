import type { GateDecision } from "../model/gate.ts";
import { DAY, type DurationMs, HOUR, MINUTE, SECOND, type UnixMs } from "../model/time.ts";

/** What a decision's sentence is made from besides the decision itself. */
export interface Circumstances {
  /** Labels of the pair that closed, or of the first pair while open. */
  readonly shortLabel: string;
  readonly longLabel: string;
  readonly shortBurn: number | null;
  readonly longBurn: number | null;
  /** Burn rate that both windows had to exceed; null where evidence decides. */
  readonly threshold: number | null;
  /** When these burn rates closed the gate, null when none did; and what they are now. */
  readonly closedAt: UnixMs | null;
  readonly shortNow: number | null;
  readonly longNow: number | null;
  /** Last time this SLO was heard of, and anything at all; null: never. */
  readonly sloHeardAt: UnixMs | null;
  readonly anyHeardAt: UnixMs | null;
  /** Enough of this SLO was heard to open the gate, were it good. */
  readonly heardEnough: boolean;
  readonly otherServicesHeard: boolean;
  /** The clock was set back and is waited for. */
  readonly clockStands: boolean;
  readonly sampledUpstream: boolean;
  /** Since when recovery lasts; null while it is not proven. */
  readonly calmSince: UnixMs | null;
  /** While the gate has been open since a recovery: how long that had to last. Null: it has not. */
  readonly recoveredMs: DurationMs | null;
}

/** The sentence a person reads: why, always with both numbers, and what happens next. */
export function explain(decision: Omit<GateDecision, "message">, facts: Circumstances): string {
  const parts = [cause(decision, facts)];
  const shadow = decision.mode === "shadow" && decision.state !== "open";
  if (shadow) parts.push("shadow mode: allowed all the same");
  return parts.join("; ");
}

function cause(decision: Omit<GateDecision, "message">, facts: Circumstances): string {
  const now = decision.decidedAt;
  switch (decision.reason) {
    case "override": {
      const override = decision.override;
      if (override === null) return "overridden";
      return `${override.state === "open" ? "opened" : "closed"} by ${override.author} until ${clock(override.expiresAt)}: ${override.reason}`;
    }
    case "budget-exhausted":
      return `the error budget of ${decision.budget.period} is spent: ${count(decision.budget.bad)} bad of ${count(decision.budget.total)}, remaining ${percent(decision.budget.remaining)} (basis: ${decision.budget.basis})`;
    case "fast-burn":
    case "slow-burn":
      return `${closedBy(facts, now)}${threshold(facts)}${evidence(decision)}${burnsNow(facts, now)}; ${outlook(decision)}${recovery(decision, facts)}`;
    case "forecast": {
      const hour = decision.forecast.at?.["1h"];
      return `the next hour is expected to burn at ${round(hour?.burn ?? null)} (80 %: at least ${round(hour?.lo80 ?? null)}); ${burns(facts)}${recovery(decision, facts)}`;
    }
    case "bad-version":
      return badVersion(decision);
    case "warming-up":
      return facts.heardEnough
        ? `warming up until requests come that do not burn: ${burns(facts)}`
        : "warming up: less than 15 s of data so far";
    case "no-data":
      if (facts.clockStands) {
        return `the engine's clock was set back; until it has passed ${clock(now)} again nothing can be said`;
      }
      return facts.sloHeardAt === null && facts.anyHeardAt === null
        ? "no telemetry yet: nothing has arrived since the start"
        : facts.sloHeardAt === null
          ? decision.budget.total > 0
            ? "no requests of the last five minutes yet: those that came had ended before (a queue, or the sender's clock)"
            : "no requests yet: telemetry arrives, but none of it matches this SLO; is service.name the one that is sent?"
          : decision.data.coverage < 0.9
            ? `the receiver accepted data in only ${percent(decision.data.coverage)} of the last 5 minutes`
            : `no telemetry since ${clock(facts.anyHeardAt ?? facts.sloHeardAt)}: nothing arrives from anyone`;
    case "stale":
      return `no requests since ${clock(facts.sloHeardAt ?? now)}${facts.otherServicesHeard ? ", while other services are heard" : ""}`;
    case "ok":
      return `${recovered(decision, facts)}${burns(facts)}; ${budgetLeft(decision)}${facts.sampledUpstream ? "; sampled upstream without thresholds, so the ratio is not trusted and does not close the gate" : ""}`;
  }
}

function badVersion(decision: Omit<GateDecision, "message">): string {
  const { versions } = decision;
  const guilty = versions.filter(({ suspect }) => suspect);
  const told = guilty.map(
    ({ version, total, bad }) =>
      `version ${version} is to blame: ${count(bad)} bad of ${count(total)}`,
  );
  const rest = versions.filter(({ suspect, serving }) => serving && !suspect);
  const others = rest.map(
    ({ version, total, bad }) => `${version} ${count(bad)} of ${count(total)}`,
  );
  const opens = opening(decision);
  return [
    ...told,
    ...(others.length > 0 ? [`the others: ${others.join(", ")}`] : []),
    ...(opens === "" ? [] : [`it has no traffic now${opens}`]),
  ].join("; ");
}

function burns(facts: Circumstances): string {
  if (facts.shortBurn === null && facts.longBurn === null) return "no requests in the burn windows";
  return `burn rate ${round(facts.shortBurn)} over ${facts.shortLabel} and ${round(facts.longBurn)} over ${facts.longLabel}`;
}

/** While it is news, what closed the gate is what is; later the time tells them apart. */
function closedBy(facts: Circumstances, now: UnixMs): string {
  const { closedAt } = facts;
  return closedAt === null || closedAt === now
    ? burns(facts)
    : `closed at ${clock(closedAt)} by ${burns(facts)}`;
}

function burnsNow(facts: Circumstances, now: UnixMs): string {
  const { closedAt, shortNow, longNow } = facts;
  if (closedAt === null || closedAt === now) return "";
  return `; now ${round(shortNow)} and ${round(longNow)}`;
}

function threshold(facts: Circumstances): string {
  return facts.threshold === null ? "" : `, threshold ${round(facts.threshold)}`;
}

function evidence(decision: Omit<GateDecision, "message">): string {
  if (decision.evidence === null) return "";
  return ` (evidence ${round(decision.evidence.nats)} nats since ${clock(decision.evidence.since)})`;
}

function outlook(decision: Omit<GateDecision, "message">): string {
  const exhaustion = decision.forecast.exhaustion?.expected ?? null;
  if (exhaustion === null) return budgetLeft(decision);
  const left = exhaustion - decision.decidedAt;
  return left <= 0
    ? "the budget is spent"
    : `the rest of the budget lasts ${spell(left)} at this rate`;
}

function budgetLeft(decision: Omit<GateDecision, "message">): string {
  const { remaining } = decision.budget;
  if (remaining === null) return "no requests in the period yet";
  // Too few bad requests to close for it, or a gate that is not frozen.
  if (remaining <= 0) return `the error budget is spent, remaining ${percent(remaining)}`;
  return `${percent(remaining)} of the error budget is left`;
}

function recovery(decision: Omit<GateDecision, "message">, facts: Circumstances): string {
  const heard = facts.sloHeardAt;
  if (heard !== null && decision.decidedAt - heard > MINUTE) {
    const what = facts.otherServicesHeard ? "requests" : "telemetry";
    return `; no ${what} since ${clock(heard)}, so it stays closed`;
  }
  if (facts.calmSince !== null) {
    return `; recovered since ${clock(facts.calmSince)}${opening(decision)}`;
  }
  return "";
}

/** The windows remember a trouble for longer than it lasts: a gate that opens over their high burn rates says why. */
function recovered({ since }: Omit<GateDecision, "message">, facts: Circumstances): string {
  const { recoveredMs, shortBurn, longBurn } = facts;
  if (recoveredMs === null || Math.max(shortBurn ?? 0, longBurn ?? 0) < 1) return "";
  return `opened at ${clock(since)} after ${spell(recoveredMs)} of recovery; `;
}

/** The time, not how long it takes until then: a sentence may be read later than it was written. */
function opening({ reopen }: Omit<GateDecision, "message">): string {
  const expected = reopen?.expected ?? null;
  return expected === null ? "" : `, opens at ${clock(expected)} if that lasts`;
}

/** For people: "11 h", "3 min", "2.5 d". */
export function spell(ms: number): string {
  if (ms >= 2 * DAY) return `${round(ms / DAY)} d`;
  if (ms >= 2 * HOUR) return `${round(ms / HOUR)} h`;
  if (ms >= 2 * MINUTE) return `${Math.round(ms / MINUTE)} min`;
  return `${Math.ceil(ms / SECOND)} s`;
}

function round(value: number | null): string {
  if (value === null) return "unknown";
  if (value >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

function percent(ratio: number | null): string {
  return ratio === null ? "unknown" : `${Number((ratio * 100).toPrecision(3))} %`;
}

function count(value: number): string {
  // Not toLocaleString: it takes 40 µs, and every refresh of a decision makes its sentence anew.
  const [whole = "", part] = String(Math.round(value * 10) / 10).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return part === undefined ? grouped : `${grouped}.${part}`;
}

/** Time of day in UTC, from arithmetic: pure folders make no Date. */
function clock(at: UnixMs): string {
  const second = Math.floor(at / SECOND) % 86_400;
  const two = (n: number) => String(n).padStart(2, "0");
  return `${two(Math.floor(second / 3600))}:${two(Math.floor(second / 60) % 60)}:${two(second % 60)}Z`;
}

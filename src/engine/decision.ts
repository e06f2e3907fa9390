import { burnRate } from "../burn/rate.ts";
import { type Circumstances, explain } from "../decide/reason.ts";
import { exhaustion } from "../forecast/exhaustion.ts";
import { COUNT_UNIT } from "../model/delta.ts";
import type { Exhaustion, ForecastHorizon, ForecastReport, GateDecision } from "../model/gate.ts";
import { DAY, HOUR, MINUTE, SECOND, type UnixMs } from "../model/time.ts";
import type { Hearing } from "./hearing.ts";
import type { Track } from "./track.ts";

/** Readers treat a decision as unknown this long after it was made. */
export const VALID_FOR_MS = MINUTE;

/** The complete decision of one SLO as of `now`, the time of the last tick. */
export function decisionOf(
  track: Track,
  hearing: Hearing,
  epoch: number,
  now: UnixMs,
): GateDecision {
  const { slo, gate } = track;
  const budget = track.budget(now);
  const burn: Record<string, number | null> = {};
  track.burnWindows.forEach((window, i) => {
    burn[window.label] = burnRate(track.bad(i), track.total(i), slo.objective);
  });
  const latest = track.latestSecond();
  const decision: Omit<GateDecision, "message"> = {
    slo: slo.name,
    service: slo.service,
    state: gate.state,
    allowed: gate.allowed,
    reason: gate.reason,
    since: gate.since,
    decidedAt: now,
    validUntil: now + VALID_FOR_MS,
    sequence: gate.sequence,
    epoch,
    mode: slo.policy.mode,
    evidence:
      gate.burnClosed === null || track.breach === null
        ? track.watch.evidence(track, 0, now)
        : track.breach.evidence,
    burn,
    budget: {
      objective: slo.objective,
      period: slo.period.text,
      basis: budget.basis,
      total: track.ledger.total() / COUNT_UNIT,
      bad: track.ledger.bad() / COUNT_UNIT,
      remaining: budget.remaining,
    },
    forecast: forecastOf(track, budget.budget, now),
    versions: [],
    reopen: gate.state === "closed" ? { expected: reopenAt(track, now) } : null,
    override: track.override,
    data: {
      watermark: latest === null ? null : (latest + 1) * SECOND,
      coverage: hearing.coverage(),
    },
  };
  return { ...decision, message: explain(decision, circumstances(track, hearing, burn, now)) };
}

function circumstances(
  track: Track,
  hearing: Hearing,
  burn: Readonly<Record<string, number | null>>,
  now: UnixMs,
): Circumstances {
  // What closed the gate stays the reason, though the windows move on.
  const breach = track.breach;
  const pair = breach?.pair ?? track.slo.policy.pairs[0] ?? null;
  const shortLabel = pair?.short.label ?? "5m";
  const longLabel = pair?.long.label ?? "1h";
  const heard = track.presence.lastHeardAt;
  return {
    shortLabel,
    longLabel,
    shortBurn: breach?.shortBurn ?? burn[shortLabel] ?? null,
    longBurn: breach?.longBurn ?? burn[longLabel] ?? null,
    threshold: pair?.threshold ?? 0,
    sloHeardAt: heard,
    anyHeardAt: hearing.heardAt,
    otherServicesHeard: !hearing.silent(now),
    sampledUpstream: track.slo.sampledUpstream,
    holdMs: track.gate.holdMs,
    calmSince: track.watch.calmSinceMs(),
  };
}

function forecastOf(track: Track, budget: number, now: UnixMs): ForecastReport {
  const hour = horizon(track, "1h", HOUR);
  const day = horizon(track, "24h", DAY);
  return {
    at: hour === null || day === null ? null : { "1h": hour, "24h": day },
    exhaustion: exhaustionOf(track, budget, day ?? hour, now),
  };
}

function horizon(track: Track, label: "1h" | "24h", ms: number): ForecastHorizon | null {
  const forecast = track.forecast.at(ms);
  return forecast && { ...forecast, calibration80: track.forecast.calibration80(label) };
}

function exhaustionOf(
  track: Track,
  budget: number,
  rate: ForecastHorizon | null,
  now: UnixMs,
): Exhaustion | null {
  // The projected budget of a fresh installation is a guess that changes by the minute: say nothing yet.
  if (track.presence.firstHeardAt === null) return null;
  const nowSecond = Math.floor(now / SECOND);
  return exhaustion({
    now,
    remainingBad: budget - track.ledger.bad() / COUNT_UNIT,
    rate,
    requestsPerSecond: track.forecast.requestRate(),
    objective: track.slo.objective,
    rollsOff: (seconds) => track.ledger.rollsOff(nowSecond, seconds) / COUNT_UNIT,
    periodEndsAt: track.periodEndsAt(),
    periodMs: track.slo.period.durationMs,
  });
}

/** When the gate is expected to open; null while nothing points that way. */
function reopenAt(track: Track, now: UnixMs): UnixMs | null {
  const { gate, override, watch } = track;
  if (gate.reason === "override") return override?.expiresAt ?? null;
  if (gate.burnClosed === null || gate.reason === "budget-exhausted") return null;
  const calm = watch.calmSinceMs();
  if (calm !== null) return Math.max(now, calm + gate.holdMs);
  if (watch.recoveryNats() === 0) return null;
  const seconds = watch.secondsToRecover(track.presence.usualRate);
  return seconds === null ? null : now + Math.ceil(seconds) * SECOND + gate.holdMs;
}

import { burnRate } from "../burn/rate.ts";
import { seemedWellMs } from "../decide/hold.ts";
import { type Circumstances, explain } from "../decide/reason.ts";
import { COUNT_UNIT } from "../model/delta.ts";
import type { GateDecision } from "../model/gate.ts";
import { MINUTE, SECOND, type UnixMs } from "../model/time.ts";
import type { Hearing } from "./hearing.ts";
import type { Track } from "./track.ts";
import { versionReports } from "./version-reports.ts";

/** Readers treat a decision as unknown this long after it was made. */
export const VALID_FOR_MS = MINUTE;

/** The complete decision of one SLO as of `now`, the time of the last tick. */
export function decisionOf(
  track: Track,
  hearing: Hearing,
  epoch: number,
  nameOf: (id: number) => string,
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
        ? track.watch.evidence(track, now)
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
    forecast: track.outlook.report(track, budget.budget, now),
    versions: versionReports(track, budget.budget, nameOf, now),
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
  const byWindows = track.slo.policy.detector === "windows";
  const pair = breach?.pair ?? (byWindows ? track.slo.policy.pairs[0] : null) ?? null;
  const shortLabel = pair?.short.label ?? "5m";
  const longLabel = pair?.long.label ?? "1h";
  const heard = track.presence.lastHeardAt;
  return {
    shortLabel,
    longLabel,
    shortBurn: breach?.shortBurn ?? burn[shortLabel] ?? null,
    longBurn: breach?.longBurn ?? burn[longLabel] ?? null,
    threshold: pair?.threshold ?? null,
    closedAt: breach?.at ?? null,
    shortNow: burn[shortLabel] ?? null,
    longNow: burn[longLabel] ?? null,
    sloHeardAt: heard,
    anyHeardAt: hearing.heardAt,
    heardEnough: track.presence.heardEnough,
    otherServicesHeard: hearing.heardAfter(heard ?? track.gate.since) && !hearing.silent(now),
    clockStands: hearing.isStopped,
    sampledUpstream: track.slo.sampledUpstream,
    calmSince: track.watch.calmSinceMs(),
    recoveredMs: track.gate.since === track.gate.lastOpenedAt ? track.gate.holdMs : null,
  };
}

/** When the gate is expected to open; null while nothing points that way. */
function reopenAt(track: Track, now: UnixMs): UnixMs | null {
  const { gate, override } = track;
  if (gate.reason === "override") {
    // What follows when it ends is known only where the gate is open below it.
    const opens = gate.lastKnownOpen === true && gate.unknownSince === null;
    return opens && override !== null ? override.expiresAt : null;
  }
  // A calendar period's end brings a new budget; when enough old errors have rolled off, nobody knows.
  if (gate.reason === "budget-exhausted") return track.periodEndsAt();
  if (gate.reason === "bad-version") {
    const free = track.versions.freeFrom(now / SECOND);
    if (free === null) return null;
    const burn = gate.burnClosed === null ? now : recoveredAt(track, now);
    return burn === null ? null : Math.max(free * SECOND, burn);
  }
  return gate.burnClosed === null ? null : recoveredAt(track, now);
}

/** When recovery will have lasted for the hold. Of a trouble that comes and goes nobody knows before its longest pause is over. */
function recoveredAt(track: Track, now: UnixMs): UnixMs | null {
  const { gate, watch } = track;
  const calm = watch.calmSinceMs();
  const seemedWell = seemedWellMs(gate.holdMs, track.slo.policy);
  if (calm !== null) {
    return now - calm < seemedWell ? null : Math.max(now, calm + gate.holdMs);
  }
  if (seemedWell > 0) return null;
  if (watch.recoveryNats() === 0) return null;
  const seconds = watch.secondsToRecover(track, track.presence.usualRate);
  return seconds === null ? null : now + Math.ceil(seconds) * SECOND + gate.holdMs;
}

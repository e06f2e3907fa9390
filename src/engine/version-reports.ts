import { SILENT_S } from "../burn/version-watch.ts";
import { NO_VERSION } from "../model/delta.ts";
import type { GateStateName, VersionReport } from "../model/gate.ts";
import { SECOND, type UnixMs } from "../model/time.ts";
import type { Track } from "./track.ts";

/** A version that was not heard of for so long is no longer in view. */
const IN_VIEW_S = 24 * 3600;

/**
 * The versions of one SLO, the newest first. Nothing when nobody tells versions.
 *
 * @param budget bad requests allowed in the period
 * @param nameOf the version's name by its number in deltas
 */
export function versionReports(
  track: Track,
  budget: number,
  nameOf: (id: number) => string,
  now: UnixMs,
): VersionReport[] {
  const second = now / SECOND;
  const since = track.breach === null ? second : track.breach.evidence.since / SECOND;
  const known = track.versions.list().filter(({ id }) => id !== NO_VERSION);
  const seen = known.filter(({ heard }) => second - heard <= IN_VIEW_S);
  const blamed = seen.some((v) => v.blamed && second - v.heard <= SILENT_S);
  return seen.map((v) => {
    const beyond = Math.max(0, v.bad - v.total * (1 - track.slo.objective));
    return {
      version: nameOf(v.id),
      state: stateOf(v.blamed, blamed, track.gate.state),
      total: v.total,
      bad: v.bad,
      budgetSpent: budget > 0 ? beyond / budget : null,
      suspect: v.blamed,
      serving: second - v.heard <= SILENT_S || v.heard >= since,
    };
  });
}

function stateOf(suspect: boolean, anySuspect: boolean, gate: GateStateName): GateStateName {
  if (suspect) return "closed";
  return anySuspect && gate === "closed" ? "open" : gate;
}

import { SILENT_S } from "../burn/version-watch.ts";
import { stateForVersion } from "../decide/for-version.ts";
import { NO_VERSION } from "../model/delta.ts";
import type { VersionReport } from "../model/gate.ts";
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
  const serves = (heard: number) => second - heard <= SILENT_S || heard >= since;
  const guiltyServes = seen.some((v) => v.blamed && serves(v.heard));
  return seen.map((v) => {
    const beyond = Math.max(0, v.bad - v.total * (1 - track.slo.objective));
    return {
      version: nameOf(v.id),
      state: stateForVersion(track.gate, v.blamed, guiltyServes),
      total: v.total,
      bad: v.bad,
      budgetSpent: budget > 0 ? beyond / budget : null,
      suspect: v.blamed,
      serving: serves(v.heard),
    };
  });
}

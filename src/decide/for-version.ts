import type { GateDecision, VersionReport } from "../model/gate.ts";

/**
 * The decision for one version alone. Where a version is to blame, every other one may go on: the next, which may be the fix,
 * must pass. Overrides, a spent budget and not knowing are the same for all.
 */
export function forVersion(decision: GateDecision, version: string): GateDecision {
  const { reason, state, versions } = decision;
  if (reason === "override" || reason === "budget-exhausted") return decision;
  const asked = versions.find((v) => v.version === version);
  if (asked?.suspect === true) {
    return {
      ...decision,
      state: "closed",
      allowed: decision.mode === "shadow",
      reason: "bad-version",
      message: `version ${version} is to blame: ${counts(asked)}`,
    };
  }
  const guilty = state === "closed" ? versions.find((v) => v.suspect && v.serving) : undefined;
  if (guilty === undefined) return decision;
  return {
    ...decision,
    state: "open",
    allowed: true,
    reason: "ok",
    message: `version ${version} may go on: the blame is on version ${guilty.version}, ${counts(guilty)}`,
  };
}

function counts({ bad, total }: VersionReport): string {
  return `${Math.round(bad).toLocaleString("en-US")} bad of ${Math.round(total).toLocaleString("en-US")}`;
}

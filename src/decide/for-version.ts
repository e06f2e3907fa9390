import type { GateDecision, GateReason, GateStateName, VersionReport } from "../model/gate.ts";

/**
 * The decision for one version alone. Where a version is to blame, every other one may go on: the next, which may be the fix,
 * must pass. Overrides, a spent budget and not knowing are the same for all. Its state is `stateForVersion`; its message
 * says when the version was never heard of, which may be a mistake in its name.
 */
export function forVersion(decision: GateDecision, version: string): GateDecision {
  const asked = decision.versions.find((v) => v.version === version);
  const answer = judgeVersion(decision, version, asked);
  if (asked !== undefined) return answer;
  return {
    ...answer,
    message: `${answer.message}; version ${version} has not been heard of lately`,
  };
}

function judgeVersion(
  decision: GateDecision,
  version: string,
  asked: VersionReport | undefined,
): GateDecision {
  if (isForAll(decision.reason)) return decision;
  const guilty = decision.versions.find((v) => v.suspect && v.serving);
  const state = stateForVersion(decision, asked?.suspect === true, guilty !== undefined);
  if (asked?.suspect === true) {
    return {
      ...decision,
      state,
      allowed: decision.mode === "shadow",
      reason: "bad-version",
      message: `version ${version} is to blame: ${counts(asked)}`,
    };
  }
  if (decision.state !== "closed") return decision;
  if (guilty === undefined) {
    return {
      ...decision,
      message: `closed for version ${version} as for every other: ${decision.message}`,
    };
  }
  return {
    ...decision,
    state,
    allowed: true,
    reason: "ok",
    message: `version ${version} may go on: the blame is on version ${guilty.version}, ${counts(guilty)}`,
  };
}

/**
 * What a gate says of one of its versions, for the report of all and for whoever asks about one.
 *
 * @param suspect the version is to blame
 * @param guiltyServes any version is to blame that serves, or did since the trouble began
 */
export function stateForVersion(
  gate: { readonly state: GateStateName; readonly reason: GateReason },
  suspect: boolean,
  guiltyServes: boolean,
): GateStateName {
  if (isForAll(gate.reason)) return gate.state;
  if (suspect) return "closed";
  return gate.state === "closed" && guiltyServes ? "open" : gate.state;
}

function isForAll(reason: GateReason): boolean {
  return reason === "override" || reason === "budget-exhausted";
}

function counts({ bad, total }: VersionReport): string {
  return `${Math.round(bad).toLocaleString("en-US")} bad of ${Math.round(total).toLocaleString("en-US")}`;
}

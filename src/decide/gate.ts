import type { GatePolicy, GateReason, GateStateName } from "../model/gate.ts";
import type { UnixMs } from "../model/time.ts";
import { holdAfterClosing, holdAfterTrouble } from "./hold.ts";
import type { BurnReason, Findings, GateState } from "./state.ts";

/**
 * The next state of a gate. Pure: the clock is an argument, so that a day can be replayed in a test.
 * Answers `previous` itself when nothing changes.
 *
 * Precedence: override > budget-exhausted > bad-version > burn > unknown > open. What stands below an override goes on
 * being tracked, so that the gate is right in the moment the override ends.
 *
 * - Burn closes at once and lets go when recovery has been proven for `holdMs` without a break. Silence is
 *   no recovery, so it never opens a closed gate.
 * - Unknown replaces only open, and the beginning.
 */
export function decide(
  previous: GateState,
  findings: Findings,
  policy: GatePolicy,
  now: UnixMs,
): GateState {
  const burn = nextBurn(previous, findings, policy, now);
  const exhausted = policy.freezeWhenExhausted && stillExhausted(previous, findings);
  const judged = judge(findings, burn.closed, exhausted);
  const known = judged.state !== "unknown";
  const unknownSince = known ? null : (previous.unknownSince ?? now);
  const lastKnownOpen = known ? judged.state === "open" : previous.lastKnownOpen;
  const { override } = findings;
  const state = override?.state ?? judged.state;
  const reason = override === null ? judged.reason : "override";
  const allowed = isAllowed(state, unknownSince, lastKnownOpen, policy, now + findings.stoodMs);

  const changed = state !== previous.state || reason !== previous.reason;
  const transition = changed || allowed !== previous.allowed;
  if (
    !transition &&
    burn.closed === previous.burnClosed &&
    burn.holdMs === previous.holdMs &&
    exhausted === previous.exhausted &&
    lastKnownOpen === previous.lastKnownOpen &&
    unknownSince === previous.unknownSince
  ) {
    return previous;
  }
  return {
    state,
    reason,
    allowed,
    since: changed ? now : previous.since,
    sequence: previous.sequence + (transition ? 1 : 0),
    burnClosed: burn.closed,
    exhausted,
    lastOpenedAt: burn.opened ? now : previous.lastOpenedAt,
    holdMs: burn.holdMs,
    lastKnownOpen,
    unknownSince,
  };
}

/** Whether burn holds the gate closed, and for how long recovery must last. */
function nextBurn(
  previous: GateState,
  findings: Findings,
  policy: GatePolicy,
  now: UnixMs,
): { closed: BurnReason | null; opened: boolean; holdMs: number } {
  if (previous.burnClosed === null) {
    const { holdMs } = previous;
    if (findings.burn === null) return { closed: null, opened: false, holdMs };
    return {
      closed: findings.burn,
      opened: false,
      holdMs: holdAfterClosing(previous, policy, now),
    };
  }
  const calm = findings.calmSince;
  const holdMs = Math.max(
    previous.holdMs,
    calm === null ? 0 : holdAfterTrouble(findings, calm, policy),
  );
  if (calm !== null && now - calm >= holdMs && findings.settled) {
    return { closed: null, opened: true, holdMs };
  }
  // The reason of a closing may grow worse, never milder: "slow" after "fast" would read like recovery.
  const worse = previous.burnClosed !== "fast-burn" && findings.burn === "fast-burn";
  return { closed: worse ? "fast-burn" : previous.burnClosed, opened: false, holdMs };
}

function stillExhausted(previous: GateState, findings: Findings): boolean {
  return previous.exhausted ? !findings.replenished : findings.exhausted;
}

/** The engine's own judgement, whatever an override says. */
function judge(
  findings: Findings,
  burnClosed: BurnReason | null,
  exhausted: boolean,
): { state: GateStateName; reason: GateReason } {
  if (exhausted) return { state: "closed", reason: "budget-exhausted" };
  if (findings.badVersion) return { state: "closed", reason: "bad-version" };
  if (burnClosed !== null) return { state: "closed", reason: burnClosed };
  if (findings.silence !== null) return { state: "unknown", reason: findings.silence };
  return { state: "open", reason: "ok" };
}

function isAllowed(
  state: GateStateName,
  unknownSince: UnixMs | null,
  lastKnownOpen: boolean | null,
  policy: GatePolicy,
  now: UnixMs,
): boolean {
  if (policy.mode === "shadow") return true;
  if (state !== "unknown") return state === "open";
  if (policy.onUnknown !== "hold") return policy.onUnknown === "open";
  return lastKnownOpen === true && unknownSince !== null && now - unknownSince <= policy.holdForMs;
}

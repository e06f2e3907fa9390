import type { PublishedGate } from "../model/gate.ts";
import type { BurnReason, GateState } from "./state.ts";

const BURN_REASONS: readonly string[] = [
  "fast-burn",
  "slow-burn",
  "forecast",
] satisfies BurnReason[];

/**
 * The gate of a new leader: what the last one published, so that readers see no change that nothing has caused. From there
 * the own evidence goes on, and a change of mind is a transition like any other.
 *
 * - A closed gate stays closed until recovery is proven, also when this replica never saw the reason.
 * - An open gate is open, also when this replica had it closed: the last leader knew better, or recovered a moment earlier. But
 *   a closing after its last word stands, and follows as a transition.
 */
export function adopt(own: GateState, published: PublishedGate): GateState {
  const { state, allowed, since, sequence } = published;
  const closed = state === "closed";
  const isNewer = own.since > published.decidedAt;
  // What the leader thought below an override was not published: the own judgement goes on.
  const keepOwn = published.reason === "override" || (!closed && isNewer);
  const burnReason = isBurnReason(published.reason) ? published.reason : null;
  return {
    ...own,
    state,
    allowed,
    reason: published.reason as GateState["reason"],
    since,
    sequence,
    burnClosed: keepOwn || closed ? (own.burnClosed ?? burnReason) : null,
    exhausted: keepOwn ? own.exhausted : published.reason === "budget-exhausted",
    // An unknown gate that allows does so because it was open before.
    lastKnownOpen: state === "unknown" ? allowed : state === "open",
    unknownSince: state === "unknown" ? since : null,
  };
}

function isBurnReason(reason: string): reason is BurnReason {
  return BURN_REASONS.includes(reason);
}

import type { GatePolicy, GateReason, GateStateName, Override } from "../model/gate.ts";
import type { DurationMs, UnixMs } from "../model/time.ts";

/** Why burn has closed a gate. */
export type BurnReason = "fast-burn" | "slow-burn" | "forecast";
/** Why nothing can be said. */
export type Silence = "warming-up" | "no-data" | "stale";

/** Everything a gate remembers between decisions. Immutable: `decide` makes a new one when something changes. */
export interface GateState {
  readonly state: GateStateName;
  readonly reason: GateReason;
  readonly allowed: boolean;
  /** When `state` and `reason` became what they are. */
  readonly since: UnixMs;
  /** Grows by one with every transition: a change of state, reason or allowed. */
  readonly sequence: number;
  /** Burn has closed the gate and recovery is not proven yet; goes on under an override. */
  readonly burnClosed: BurnReason | null;
  /** The period's budget is spent; goes on under an override. */
  readonly exhausted: boolean;
  /** When burn last let go of the gate; null when it never held it. */
  readonly lastOpenedAt: UnixMs | null;
  /** How long recovery must last before this closing ends; grows with what is seen of the trouble. */
  readonly holdMs: DurationMs;
  /** Whether the last judgement that was not unknown was open, overrides left aside; null before the first. */
  readonly lastKnownOpen: boolean | null;
  /** When the present unknown began, seen or under an override; null while known. */
  readonly unknownSince: UnixMs | null;
}

/** What the evidence says at one instant; one record is reused for all SLOs. */
export interface Findings {
  /** Burn closes the gate now. */
  burn: BurnReason | null;
  /** Since when recovery is proven without a break. */
  calmSince: UnixMs | null;
  /** Since when there has been evidence of the trouble, and the longest pause in it that had passed for recovery. */
  troubleSince: UnixMs;
  longestPauseMs: DurationMs;
  /** The burn of the last minutes is low enough to open. */
  settled: boolean;
  /** A version that is to blame receives traffic. */
  badVersion: boolean;
  /** The budget is spent, with a basis that may say so. */
  exhausted: boolean;
  /** Enough of the budget is back, so that the next error does not close the gate again. */
  replenished: boolean;
  silence: Silence | null;
  /** How long the clock has stood, since it was set back. */
  stoodMs: DurationMs;
  override: Override | null;
}

/** A gate nobody has heard of yet: unknown, so not open. */
export function initialState(policy: GatePolicy, now: UnixMs): GateState {
  return {
    state: "unknown",
    reason: "no-data",
    allowed: policy.mode === "shadow" || policy.onUnknown === "open",
    since: now,
    sequence: 0,
    burnClosed: null,
    exhausted: false,
    lastOpenedAt: null,
    holdMs: policy.keepClosedForMs,
    lastKnownOpen: null,
    unknownSince: now,
  };
}

/** The record before anything was found. */
export function noFindings(): Findings {
  return {
    burn: null,
    calmSince: null,
    troubleSince: 0,
    longestPauseMs: 0,
    settled: false,
    badVersion: false,
    exhausted: false,
    replenished: false,
    silence: null,
    stoodMs: 0,
    override: null,
  };
}

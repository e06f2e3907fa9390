import type { DurationMs, UnixMs } from "./time.ts";
import type { BurnWindowPair } from "./window.ts";

/** `unknown` is never presented as open. */
export type GateStateName = "open" | "closed" | "unknown";

export type GateReason =
  | "ok"
  | "warming-up"
  | "no-data"
  | "stale"
  | "fast-burn"
  | "slow-burn"
  | "forecast"
  | "budget-exhausted"
  | "bad-version"
  | "override";

export type OnUnknown = "hold" | "open" | "close";
export type GateMode = "enforce" | "shadow";
/** Sequential evidence, or the multiwindow conditions of the SRE workbook. */
export type DetectorName = "sequential" | "windows";
export type Sensitivity = "low" | "normal" | "high";

/** How one SLO's gate behaves. Defaults stand in `config/defaults.ts`. */
export interface GatePolicy {
  readonly mode: GateMode;
  /** What `allowed` says while unknown; hold keeps the last value for `holdForMs`, then not allowed. */
  readonly onUnknown: OnUnknown;
  readonly holdForMs: DurationMs;
  /** Hysteresis: recovery must last this long, unbroken, before a closed gate opens. */
  readonly keepClosedForMs: DurationMs;
  /** Close when the period's budget is spent (basis not `projected`, or after 24 h of history). */
  readonly freezeWhenExhausted: boolean;
  /** Close when the lower 80 % bound of the next hour's burn exceeds the lowest pair threshold above 1. */
  readonly closeOnForecast: boolean;
  /** What closes and opens the gate for burn. */
  readonly detector: DetectorName;
  /** Of the sequential detector: low wants twice the impact, high less evidence. */
  readonly sensitivity: Sensitivity;
  /** Of the sequential detector: burn rates below this are not worth a closing; null: its own smallest, 1.4. */
  readonly smallestBurn: number | null;
  /** Burn windows that close the gate with the windows detector, short and long with one threshold. */
  readonly pairs: readonly BurnWindowPair[];
  /** Bad requests that must be seen before burn may close the gate. */
  readonly minBad: number;
}

export interface Override {
  readonly slo: string;
  readonly state: "open" | "closed";
  readonly author: string;
  readonly reason: string;
  readonly createdAt: UnixMs;
  readonly expiresAt: UnixMs;
}

export interface Evidence {
  /** When the present run of evidence began. */
  readonly since: UnixMs;
  /** Log-likelihood ratio for `alternative` against burn 1, in nats. */
  readonly nats: number;
  /** The burn rate the evidence speaks for. */
  readonly alternative: number;
}

export type BudgetBasis = "configured" | "backfilled" | "observed" | "projected";

export interface BudgetReport {
  readonly objective: number;
  /** As written, for example "28d" or "1M". */
  readonly period: string;
  readonly basis: BudgetBasis;
  /** Requests (or slices) of the period seen so far, and the bad ones among them. */
  readonly total: number;
  readonly bad: number;
  /** 1 - bad / budget; may be negative; null before the first request. */
  readonly remaining: number | null;
}

export interface ForecastHorizon {
  readonly burn: number;
  readonly lo80: number;
  readonly hi80: number;
  readonly lo95: number;
  readonly hi95: number;
  /** Share of past 80 % intervals that held; null until some have been checked. */
  readonly calibration80: number | null;
  /** The intervals are so many times as wide as they would be, as they had not held for a day; 1: they are not. */
  readonly widened: number;
}

/** When the remaining budget is spent; null in a field means "not within the period". */
export interface Exhaustion {
  readonly expected: UnixMs | null;
  readonly earliest: UnixMs | null;
  readonly latest: UnixMs | null;
  /** The ends of the 95 % interval, as the two above are of the 80 % one. */
  readonly earliest95: UnixMs | null;
  readonly latest95: UnixMs | null;
}

export interface ForecastReport {
  readonly at: { readonly "1h": ForecastHorizon; readonly "24h": ForecastHorizon } | null;
  readonly exhaustion: Exhaustion | null;
}

export interface VersionReport {
  readonly version: string;
  /** What is answered to whoever asks about this version alone. */
  readonly state: GateStateName;
  readonly total: number;
  readonly bad: number;
  /** Share of the period's budget that its errors beyond burn 1 have cost. */
  readonly budgetSpent: number | null;
  /** It is to blame, and has not been seen well since. */
  readonly suspect: boolean;
  /** It has served requests lately, or since the trouble began. */
  readonly serving: boolean;
}

/** One decision, complete: what every sink, API and page is made from. Times are UnixMs here. */
export interface GateDecision {
  readonly slo: string;
  readonly service: string;
  readonly state: GateStateName;
  readonly allowed: boolean;
  readonly reason: GateReason;
  readonly message: string;
  readonly since: UnixMs;
  readonly decidedAt: UnixMs;
  readonly validUntil: UnixMs;
  /** Grows by one on transitions only. */
  readonly sequence: number;
  /** The leader's term, or the start counter of the state directory. */
  readonly epoch: number;
  readonly mode: GateMode;
  readonly evidence: Evidence | null;
  /** Burn rate by window label ("5m", "1h", ...); null when the window saw no request. */
  readonly burn: Readonly<Record<string, number | null>>;
  readonly budget: BudgetReport;
  readonly forecast: ForecastReport;
  readonly versions: readonly VersionReport[];
  readonly reopen: { readonly expected: UnixMs | null } | null;
  readonly override: Override | null;
  readonly data: {
    /** End of the newest second with requests; null before the first. */
    readonly watermark: UnixMs | null;
    /** Share of the last 5 minutes in which the receiver was up and accepting, 0 to 1. */
    readonly coverage: number;
  };
}

/** What a new leader takes over of the decision that the last one published. */
export interface PublishedGate {
  readonly slo: string;
  readonly state: GateStateName;
  readonly allowed: boolean;
  /** As published: perhaps one that this version does not know. */
  readonly reason: string;
  readonly since: UnixMs;
  readonly decidedAt: UnixMs;
  readonly sequence: number;
  readonly override: Override | null;
  /** Names of the versions that are to blame, serving or not. */
  readonly suspects: readonly string[];
}

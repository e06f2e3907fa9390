import type { BudgetBasis } from "../model/gate.ts";

/** Below this much history a budget projected from the observed rate closes nothing. */
const PROJECTION_TRUSTED_AFTER_SECONDS = 24 * 3600;
/** Budget that must be back before an exhausted gate opens, so that the next error does not close it. */
const REPLENISHED = 0.01;

/** Counts in requests (or slices). */
export interface BudgetInput {
  /** Ratio in (0, 1). */
  readonly objective: number;
  readonly totalSeen: number;
  readonly badSeen: number;
  /** Requests expected in one period, as configured or backfilled; null when nobody said. */
  readonly planned: number | null;
  /** Where `planned` comes from; configured when not given. */
  readonly plannedBasis?: "configured" | "backfilled";
  /** How much of the period was observed. */
  readonly historySeconds: number;
  /** Nominal length of the period. */
  readonly periodSeconds: number;
  /** A whole period was observed: this one when rolling, the one before when calendar. */
  readonly observedFullPeriod: boolean;
  /** Requests of that whole period. Calendar periods need it: early in a month, little was seen of it. */
  readonly observedTotal?: number | null;
}

export interface Budget {
  readonly basis: BudgetBasis;
  /** Bad requests allowed in the period. */
  readonly budget: number;
  /** 1 - bad / budget; may be negative; null before the first request. */
  readonly remaining: number | null;
}

/**
 * The error budget of a period: (1 - objective) x max(requests seen, requests planned).
 *
 * Planned is configured, backfilled, observed for a full period, or else projected from the observed
 * rate. The projection is what keeps a fresh installation from being called exhausted: 1 bad of the
 * first 100 requests is ten times the budget of 100 requests, and nothing against that of 28 days.
 */
export function budgetOf(input: BudgetInput): Budget {
  const { objective, totalSeen, badSeen } = input;
  const { basis, planned } = plan(input);
  const budget = (1 - objective) * Math.max(0, totalSeen, planned);
  const remaining = totalSeen > 0 ? 1 - Math.max(0, badSeen) / budget : null;
  return { basis, budget, remaining };
}

/** What has been seen of a budget's period, for closing on it. */
export interface PeriodSeen {
  readonly historySeconds: number;
  /** Bad requests, weights left aside, or slices. */
  readonly bad: number;
  /** Below so many nothing is closed, whatever their share: one failed request a month spends a quiet service's budget. */
  readonly minBad: number;
}

/**
 * Whether the budget is spent, for closing a gate. A projected budget says so only after 24 h of history:
 * before that, the traffic of a whole period is a guess from too little of a day.
 */
export function isExhausted(
  { basis, remaining }: Pick<Budget, "basis" | "remaining">,
  { historySeconds, bad, minBad }: PeriodSeen,
): boolean {
  if (remaining === null || remaining > 0 || bad < minBad) return false;
  return basis !== "projected" || historySeconds >= PROJECTION_TRUSTED_AFTER_SECONDS;
}

/** Whether so much of a spent budget is back that the next bad request does not spend it again. */
export function isReplenished(
  { remaining }: Pick<Budget, "remaining">,
  { bad, minBad }: Pick<PeriodSeen, "bad" | "minBad">,
): boolean {
  return remaining !== null && (remaining >= REPLENISHED || bad + 1 < minBad);
}

function plan(input: BudgetInput): { basis: BudgetBasis; planned: number } {
  if (input.planned !== null) {
    return { basis: input.plannedBasis ?? "configured", planned: input.planned };
  }
  const { historySeconds, periodSeconds, totalSeen } = input;
  if (input.observedFullPeriod) {
    const observed = input.observedTotal ?? null;
    if (observed !== null) return { basis: "observed", planned: observed };
    if (historySeconds >= periodSeconds) return { basis: "observed", planned: totalSeen };
  }
  // At least a second: requests are counted by the second, so less history is none at all.
  const share = Math.max(1, historySeconds) / periodSeconds;
  return { basis: "projected", planned: totalSeen / Math.min(1, share) };
}

import { forecastLines } from "../../src/cli/replay/forecast-lines.ts";
import { Player } from "../../src/cli/replay/player.ts";
import { defaultPairs } from "../../src/config/burn-windows.ts";
import { defaultIndicator } from "../../src/config/default-indicator.ts";
import { DEFAULT_POLICY } from "../../src/config/defaults.ts";
import type { GatePolicy } from "../../src/model/gate.ts";
import type { Slo } from "../../src/model/slo.ts";
import { DAY, MINUTE } from "../../src/model/time.ts";
import type { ForecastLine } from "./forecasts.ts";
import type { Closing } from "./judge.ts";
import { type Scenario, TICK_S } from "./scenario.ts";

const PERIOD_MS = 28 * DAY;

export interface Played {
  readonly closings: readonly Closing[];
  readonly forecasts: readonly ForecastLine[];
  /** What was said, at the times of the forecasts, of when a closed gate will open; seconds. */
  readonly reopenings: readonly { readonly t: number; readonly expected: number }[];
}

/** The product: the core of `slogate replay` on the scenario's rows. */
export function playProduct(
  scenario: Scenario,
  policy: Partial<GatePolicy> = {},
  forecastEveryMs: number | null = null,
): Played {
  const closings: { closed: number; opened: number }[] = [];
  const forecasts: ForecastLine[] = [];
  const reopenings: { t: number; expected: number }[] = [];
  const player = new Player({
    slo: sloOf(scenario, policy),
    source: scenario.name,
    budgetSpent: scenario.budgetSpent,
    forecastEveryMs,
    onTransition: ({ state, decidedAt }) => {
      const open = closings.at(-1)?.opened !== Number.POSITIVE_INFINITY;
      const t = decidedAt / 1000;
      if (state === "closed" && open)
        closings.push({ closed: t, opened: Number.POSITIVE_INFINITY });
      else if (state !== "closed" && !open) closings.at(-1)!.opened = t;
    },
    onForecast: (decision) => {
      forecasts.push(...forecastLines(decision));
      const expected = decision.reopen?.expected ?? null;
      if (expected !== null) {
        reopenings.push({ t: decision.decidedAt / 1000, expected: expected / 1000 });
      }
    },
  });
  for (const row of scenario.rows) player.row(row);
  player.end();
  return { closings, forecasts, reopenings };
}

export function sloOf(
  scenario: Pick<Scenario, "objective" | "planned">,
  policy: Partial<GatePolicy>,
): Slo {
  const { pairs } = defaultPairs(PERIOD_MS, scenario.objective);
  return {
    name: "judged",
    displayName: "judged",
    service: "judged",
    objective: scenario.objective,
    period: { kind: "rolling", durationMs: PERIOD_MS, text: "28d" },
    budgeting: { method: "occurrences" },
    indicator: defaultIndicator("judged"),
    plannedRequests: Math.round(scenario.planned),
    sampledUpstream: false,
    policy: { ...DEFAULT_POLICY, pairs, ...policy },
  };
}

/**
 * "More than burn 1 over 5 minutes, for 5 minutes": the alert that is copied from page to page. Opens when the same
 * window is below it.
 */
export function playStatic(scenario: Scenario): readonly Closing[] {
  let since: number | null = null;
  return fromFiveMinutes(scenario, (burn, t, closed) => {
    if (burn === null) return closed;
    if (burn <= 1) {
      since = null;
      return false;
    }
    since ??= t;
    return closed || t - since >= (5 * MINUTE) / 1000;
  });
}

/** As an analysis of a rollout does: the five-minute rate every minute, three measurements above burn 1 fail it. */
export function playAnalysis(scenario: Scenario): readonly Closing[] {
  let failures = 0;
  return fromFiveMinutes(scenario, (burn, t, closed) => {
    if (burn === null || t % 60 !== 0) return closed;
    failures = burn > 1 ? failures + 1 : 0;
    return closed ? failures > 0 : failures >= 3;
  });
}

function fromFiveMinutes(
  scenario: Scenario,
  next: (burn: number | null, t: number, closed: boolean) => boolean,
): readonly Closing[] {
  const closings: { closed: number; opened: number }[] = [];
  const length = scenario.durationS / TICK_S;
  const total = new Float64Array(length + 1);
  const bad = new Float64Array(length + 1);
  const seen = new Set<string>();
  let at = 0;
  let closed = false;
  for (let tick = 1; tick <= length; tick++) {
    const t = tick * TICK_S;
    for (; at < scenario.rows.length; at++) {
      const row = scenario.rows[at]!;
      if (row.t + (row.lag ?? 0) > t) break;
      if (row.id !== null && seen.has(row.id)) continue;
      if (row.id !== null) seen.add(row.id);
      total[row.t / TICK_S]! += row.total;
      bad[row.t / TICK_S]! += row.bad;
    }
    let sumTotal = 0;
    let sumBad = 0;
    for (let i = Math.max(0, tick - 30); i < tick; i++) {
      sumTotal += total[i]!;
      sumBad += bad[i]!;
    }
    const burn = sumTotal > 0 ? sumBad / sumTotal / (1 - scenario.objective) : null;
    const after = next(burn, t, closed);
    if (after && !closed) closings.push({ closed: t, opened: Number.POSITIVE_INFINITY });
    if (!after && closed) closings.at(-1)!.opened = t;
    closed = after;
  }
  return closings;
}

import { defaultPairs } from "../../config/burn-windows.ts";
import type { GatePolicy } from "../../model/gate.ts";
import type { Slo } from "../../model/slo.ts";
import type { ReplaySummary } from "./player.ts";

/** Policies that `--compare` plays beside the SLO's own. */
export function rivals(slo: Slo): { readonly name: string; readonly slo: Slo }[] {
  const { pairs } = defaultPairs(slo.period.durationMs, slo.objective);
  const sequential = (sensitivity: GatePolicy["sensitivity"]) =>
    ({ detector: "sequential", sensitivity, smallestBurn: null }) as const;
  const named: readonly (readonly [string, Partial<GatePolicy>])[] = [
    ["the SLO's own", {}],
    ["sequential, low", sequential("low")],
    ["sequential, normal", sequential("normal")],
    ["sequential, high", sequential("high")],
    ["windows, all pairs", { detector: "windows", pairs }],
    ["windows, fastest pair", { detector: "windows", pairs: pairs.slice(0, 1) }],
  ];
  return named.map(([name, over]) => ({
    name,
    slo: { ...slo, policy: { ...slo.policy, ...over } },
  }));
}

/** One policy's outcome. */
export interface Outcome {
  readonly policy: string;
  readonly closings: number;
  readonly hoursClosed: number;
  /** Share of the period's budget spent before the first closing; null when there was none. */
  readonly budgetSpentBefore: number | null;
}

/** @param spentAtStart share of the budget that was spent before the first row */
export function outcomeOf(policy: string, summary: ReplaySummary, spentAtStart: number): Outcome {
  const left = summary.remainingAtFirstClosing;
  return {
    policy,
    closings: summary.closings,
    hoursClosed: summary.closedSeconds / 3600,
    budgetSpentBefore: left === null ? null : Math.max(0, 1 - left - spentAtStart),
  };
}

/** For people: a line a policy. */
export function outcomeTable(outcomes: readonly Outcome[]): string {
  const head = ["policy", "closings", "hours closed", "budget spent before the first closing"];
  const lines = [
    head,
    ...outcomes.map(({ policy, closings, hoursClosed, budgetSpentBefore }) => [
      policy,
      String(closings),
      hoursClosed.toFixed(1),
      budgetSpentBefore === null ? "-" : `${Number((100 * budgetSpentBefore).toPrecision(3))} %`,
    ]),
  ];
  const width = head.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  return lines
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(width[i]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

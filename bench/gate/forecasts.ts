import { cumulative, cumulativeBad } from "./judge.ts";
import { type Scenario, TICK_S } from "./scenario.ts";

/** What a gate forecast; seconds on the scenario's clock. As the lines that `slogate replay` writes. */
export type ForecastLine = {
  readonly t: number;
  readonly lo: number | null;
  readonly hi: number | null;
  readonly level: number;
} & ({ readonly horizon_s: number; readonly burn: number } | { readonly tte_s: number | null });

/** How many intervals of a kind there were, how many held, and the mean absolute error of the middle. */
export class Calibration {
  checked = 0;
  held = 0;

  add(holds: boolean): void {
    this.checked++;
    if (holds) this.held++;
  }

  get share(): number {
    return this.held / this.checked;
  }
}

/** By name ("1h 0.8", "exhaustion 0.95", ...). Exhaustion only while the trouble that causes it runs. */
export function checkForecasts(
  scenario: Scenario,
  lines: readonly ForecastLine[],
  into: Map<string, Calibration>,
): void {
  const bad = cumulativeBad(scenario);
  const total = cumulative(scenario, (row) => row.total);
  const last = bad.length - 1;
  const errorBudget = 1 - scenario.objective;
  const allowed = scenario.planned * errorBudget * (1 - scenario.budgetSpent);
  const spentAt = bad.findIndex((sum) => sum >= allowed) * TICK_S;
  const record = (name: string, holds: boolean) => {
    const found = into.get(name) ?? new Calibration();
    found.add(holds);
    into.set(name, found);
  };
  for (const line of lines) {
    const { t, level } = line;
    if (t < scenario.warmUpS) continue;
    const lo = line.lo ?? Number.POSITIVE_INFINITY;
    const hi = line.hi ?? Number.POSITIVE_INFINITY;
    const now = Math.floor(t / TICK_S);
    if ("horizon_s" in line) {
      const end = now + line.horizon_s / TICK_S;
      if (end > last) continue;
      const requests = total[end]! - total[now]!;
      if (requests <= 0) continue;
      const burn = (bad[end]! - bad[now]!) / requests / errorBudget;
      record(`${line.horizon_s / 3600} h, ${level * 100} %`, burn >= lo && burn <= hi);
    } else if (spentAt > t) {
      const running = scenario.incidents.some(({ start, end }) => start <= t && spentAt <= end);
      if (running) record(`exhaustion, ${level * 100} %`, spentAt - t >= lo && spentAt - t <= hi);
    }
  }
}

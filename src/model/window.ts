import { DAY, type DurationMs, HOUR, MINUTE } from "./time.ts";

/** A burn-rate window; `label` is what users and decisions call it, for example "5m". */
export interface BurnWindow {
  readonly label: string;
  readonly durationMs: DurationMs;
}

/** Both windows must burn faster than `threshold`: the long one proves size, the short one that it still burns. */
export interface BurnWindowPair {
  readonly short: BurnWindow;
  readonly long: BurnWindow;
  /** Burn rate to exceed, a ratio > 0. */
  readonly threshold: number;
}

/**
 * Multiwindow burn-rate conditions of the SRE workbook, table 5-8. The threshold of a pair is the burn
 * that spends `budgetShare` of the period's budget within the long window: share x period / long, so
 * 14.4, 6 and 1 for 30 days, 13.44, 5.6 and 0.93 for 28 days.
 *
 * @see https://sre.google/workbook/alerting-on-slos/
 */
export const SRE_WORKBOOK_PAIRS: readonly {
  readonly short: BurnWindow;
  readonly long: BurnWindow;
  readonly budgetShare: number;
}[] = [
  {
    short: { label: "5m", durationMs: 5 * MINUTE },
    long: { label: "1h", durationMs: HOUR },
    budgetShare: 0.02,
  },
  {
    short: { label: "30m", durationMs: 30 * MINUTE },
    long: { label: "6h", durationMs: 6 * HOUR },
    budgetShare: 0.05,
  },
  {
    short: { label: "6h", durationMs: 6 * HOUR },
    long: { label: "3d", durationMs: 3 * DAY },
    budgetShare: 0.1,
  },
];

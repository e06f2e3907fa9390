import { PairWatch } from "../burn/pair-watch.ts";
import { SequentialWatch } from "../burn/sequential-watch.ts";
import { MIN_BAD_SLICES, tuningFor, tuningForSlices } from "../burn/tuning.ts";
import type { BurnWatch } from "../burn/watch.ts";
import type { Slo } from "../model/slo.ts";
import { type DurationMs, HOUR, MINUTE, type UnixMs } from "../model/time.ts";
import type { BurnWindow } from "../model/window.ts";

/** Always shown, whatever decides. */
const SHOWN_WINDOWS: readonly BurnWindow[] = [
  { label: "5m", durationMs: 5 * MINUTE },
  { label: "1h", durationMs: HOUR },
];

/** Windows of the pairs, the first pair's in front, and those always shown, each once. */
export function windowsOf(slo: Slo): BurnWindow[] {
  const wanted = [...slo.policy.pairs.flatMap((p) => [p.short, p.long]), ...SHOWN_WINDOWS];
  const seen = new Set<number>();
  return wanted.filter(({ durationMs }) => !seen.has(durationMs) && seen.add(durationMs));
}

export function placeOf(windows: readonly BurnWindow[], durationMs: DurationMs): number {
  return windows.findIndex((window) => window.durationMs === durationMs);
}

/** Bad requests, or slices, that closing the SLO's gate needs at least. */
export function minBadOf({ budgeting, policy }: Pick<Slo, "budgeting" | "policy">): number {
  return budgeting.method === "occurrences" ? policy.minBad : MIN_BAD_SLICES;
}

/** The detector of the SLO's policy; it goes on where `before`, one of the same objective, stands. */
export function watchFor(
  slo: Slo,
  windows: readonly BurnWindow[],
  now: UnixMs,
  before: BurnWatch | null,
): BurnWatch {
  const { policy, objective, budgeting } = slo;
  const slices = budgeting.method !== "occurrences";
  const place = (durationMs: DurationMs) => placeOf(windows, durationMs);
  if (policy.detector === "sequential") {
    const tuning = slices ? tuningForSlices(tuningFor(policy)) : tuningFor(policy);
    const watch = new SequentialWatch(objective, tuning, place(5 * MINUTE), place(HOUR), now);
    if (before instanceof SequentialWatch) watch.takeOver(before, now);
    return watch;
  }
  const pairs = policy.pairs.map((pair) => ({
    pair,
    short: place(pair.short.durationMs),
    long: place(pair.long.durationMs),
  }));
  const watch = new PairWatch(objective, pairs, minBadOf(slo), place(5 * MINUTE), !slices);
  if (before instanceof PairWatch) watch.takeOver(before);
  return watch;
}

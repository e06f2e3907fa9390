import type { GatePolicy } from "../model/gate.ts";

/** Constants of the sequential detector, tuned by `bench/gate`. Periods of other lengths change none of them. */
export interface DetectorTuning {
  /** Burn rates that are tested against burn 1, ascending, at most five. */
  readonly alternatives: readonly number[];
  /** Nats that a closing needs: odds of e^8, about 3,000 to 1. */
  readonly closeNats: number;
  /** Bad requests that a closing needs at least. */
  readonly minBad: number;
  /** Where the learned floor of impact starts, and its bounds; burn-minutes. */
  readonly floorStart: number;
  readonly floorLeast: number;
  readonly floorMost: number;
  /** By what a short closing raises the floor at once, in its own size; to 1.75 when nothing has followed for two hours. */
  readonly learnAtOnce: number;
  /** Whether what has healed at this time of day raises the floor of that time. */
  readonly echoes: boolean;
}

/** 5, 2 and 40 burn-minutes: 0.0125 %, 0.005 % and 0.1 % of a 28-day budget. */
export const DEFAULT_TUNING: DetectorTuning = {
  alternatives: [1.4, 2, 4, 8, 20],
  closeNats: 8,
  minBad: 4,
  floorStart: 5.04,
  floorLeast: 2.016,
  floorMost: 40.32,
  learnAtOnce: 1.75,
  echoes: true,
};

/** The user's words for what the tuning is: a low sensitivity wants twice the impact, a high one less evidence. */
export function tuningFor(
  policy: Pick<GatePolicy, "sensitivity" | "smallestBurn" | "minBad">,
): DetectorTuning {
  const scale = policy.sensitivity === "low" ? 2 : 1;
  const base = DEFAULT_TUNING;
  const { smallestBurn } = policy;
  const worth = base.alternatives.filter((burn) => smallestBurn === null || burn >= smallestBurn);
  return {
    // A smallest burn above all of them is itself the one alternative.
    alternatives: worth.length > 0 ? worth : [smallestBurn ?? 1.4],
    closeNats: policy.sensitivity === "high" ? 5 : base.closeNats,
    minBad: policy.minBad,
    floorStart: base.floorStart * scale,
    floorLeast: base.floorLeast * scale,
    floorMost: base.floorMost * scale,
    learnAtOnce: base.learnAtOnce,
    echoes: base.echoes,
  };
}

/** Bad slices that a closing needs at least: each is a verdict on many requests. */
export const MIN_BAD_SLICES = 2;

/** Slices are verdicts on many requests: two bad ones with half the evidence are enough. */
export function tuningForSlices(tuning: DetectorTuning): DetectorTuning {
  return { ...tuning, closeNats: tuning.closeNats / 2, minBad: MIN_BAD_SLICES };
}

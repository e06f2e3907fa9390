import type { Override } from "../model/gate.ts";
import type { Slo } from "../model/slo.ts";
import type { DurationMs, UnixMs } from "../model/time.ts";

/** An SLO at its column in deltas, new or edited; null: the column's SLO is gone. */
export interface Placement {
  readonly index: number;
  readonly slo: Slo | null;
}

/**
 * Told of everything that moves the gates besides deltas, in the order in which it is done: doing the same
 * again from the same beginning leads to the same state, to the last bit.
 */
export interface ChangeLog {
  /** A tick at `now`, with the receiver's running counters as the gates saw them, and how long the clock had stood. */
  ticked(now: UnixMs, accepted: number, turnedAway: number, stoodMs: DurationMs): void;
  placed(placements: readonly Placement[], now: UnixMs): void;
  /** Set, or cleared (null). */
  overridden(slo: string, override: Override | null): void;
}

/** Nobody needs to know. */
export const NO_CHANGE_LOG: ChangeLog = {
  ticked: () => undefined,
  placed: () => undefined,
  overridden: () => undefined,
};

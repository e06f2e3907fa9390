import type { Evidence } from "../model/gate.ts";
import type { StateCarrier } from "../model/state-carrier.ts";
import type { DurationMs, UnixMs, UnixSecond } from "../model/time.ts";
import type { BurnWindowPair } from "../model/window.ts";

/** A burn of at least this, by evidence or by a pair's threshold, is called fast. */
export const FAST_BURN = 8;

/** Sums of the windows of one SLO, in requests. Index as the windows given to the rings. */
export interface WindowSums {
  total(window: number): number;
  bad(window: number): number;
}

/** What closes a gate, with both numbers. */
export interface Breach {
  readonly fast: boolean;
  /** The pair of windows that breaches its threshold; null where no windows decide. */
  readonly pair: BurnWindowPair | null;
  readonly shortBurn: number | null;
  readonly longBurn: number | null;
  readonly evidence: Evidence;
  /** Bad requests of the time the evidence speaks of, and those that burn 1 would have made. */
  readonly bad: number;
  readonly atBurn1: number;
}

/**
 * A detector of burn for one SLO. It says when the gate is to close and since when it may open; what
 * follows from that is `decide/`'s. Counts in requests (or slices), weights included.
 */
export interface BurnWatch {
  /**
   * Counts that arrived, whatever second they belong to.
   *
   * @param badSquares sum of the squared weights of the bad ones
   */
  observe(second: UnixSecond, total: number, bad: number, badSquares: number, now: UnixMs): void;
  /**
   * Once a second, after what arrived was observed.
   *
   * @param perMinute bad requests a minute at burn 1, over the period; 0 while nothing is known
   */
  step(sums: WindowSums, now: UnixMs, perMinute: number): void;
  /** Why the gate is to close now; null while it is not. */
  breach(sums: WindowSums, now: UnixMs): Breach | null;
  /** The strongest evidence there is; null while there is none. */
  evidence(sums: WindowSums, now: UnixMs): Evidence | null;
  /** Since when recovery is proven without a break; null while it is not. */
  calmSinceMs(): UnixMs | null;
  /** Since when there has been evidence of the trouble that holds the gate closed. */
  troubleSinceMs(): UnixMs;
  /** The longest time for which that trouble had seemed over, and came back; 0: it has gone on. */
  longestPauseMs(): DurationMs;
  /** Whether the burn of the last minutes is low enough to open. */
  settled(sums: WindowSums): boolean;
  /** Seconds of traffic at this rate until recovery is proven; null while nothing points that way. */
  secondsToRecover(sums: WindowSums, requestsPerSecond: number): number | null;
  /** Nats for recovery so far. */
  recoveryNats(): number;
  /** How much more errors vary than independent ones: 1 to 30. */
  dispersion(): number;
  /** Mean weight of a bad request: 1 when nothing is sampled. */
  meanWeight(): number;
  /** The gate has closed. */
  close(sums: WindowSums, breach: Breach | null, now: UnixMs): void;
  /** The gate has opened: all evidence begins anew. `hold` is how long recovery had to last. */
  open(now: UnixMs, hold: DurationMs): void;
  /** All evidence begins anew, the state stays: after an edit of the objective. */
  restart(now: UnixMs): void;
  carry(state: StateCarrier): void;
}

import type { GateDecision } from "../model/gate.ts";
import type { TransitionQueue } from "./transition-queue.ts";

/**
 * Where decisions go. One subscription per sink, calls never overlap, each with a deadline: a slow
 * sink delays no other one.
 *
 * - `transitions`: every change of every SLO in order, nothing else (bounded queue; what falls off is counted).
 * - `latest`: the newest decision per SLO; intermediate ones may be skipped; refreshed before `validUntil`. All that waits comes
 *   in one batch, and the first batch of a term has every SLO.
 * - `both`: every change in order, and the newest decision again and again while no change waits.
 */
export interface DecisionSink {
  readonly name: string;
  readonly wants: "transitions" | "latest" | "both";
  /** Where its transitions wait; without one, in memory. Belongs to the sink, which closes it. */
  readonly queue?: TransitionQueue;
  /**
   * Resolves when the batch is safely out. Rejects with an `EngineError`; when it is `retryable` the same
   * batch is offered again. `signal` aborts at the deadline.
   */
  publish(decisions: readonly GateDecision[], signal: AbortSignal): Promise<void>;
  /** As `publish`, for SLOs that are gone, after their last decisions. Sinks that keep nothing per SLO have none. */
  remove?(slos: readonly string[], signal: AbortSignal): Promise<void>;
  /** Flushes and lets go of files and connections; called once, after the last `publish` has settled. */
  close(): Promise<void>;
}

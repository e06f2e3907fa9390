import type { GateDecision } from "../model/gate.ts";

/**
 * Where decisions go. One subscription per sink, calls never overlap, each with a deadline: a slow
 * sink delays no other one.
 *
 * - `transitions`: every change of every SLO in order, nothing else (bounded queue; what falls off is counted).
 * - `latest`: the newest decision per SLO; intermediate ones may be skipped; refreshed before `validUntil`.
 */
export interface DecisionSink {
  readonly name: string;
  readonly wants: "transitions" | "latest";
  /**
   * Resolves when the batch is safely out. Rejects with an `EngineError`; when it is `retryable` the same
   * batch is offered again. `signal` aborts at the deadline.
   */
  publish(decisions: readonly GateDecision[], signal: AbortSignal): Promise<void>;
  /** Flushes and lets go of files and connections; called once, after the last `publish` has settled. */
  close(): Promise<void>;
}

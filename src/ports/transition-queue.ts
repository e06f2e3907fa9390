import type { GateDecision } from "../model/gate.ts";

/** A change that waits for a sink: a transition, or an SLO's removal. */
export type Change = { readonly decision: GateDecision } | { readonly removed: string };

/** Changes that wait for one sink, oldest first. Bounded: the oldest fall off, but never those that are taken. */
export interface TransitionQueue {
  /** Changes that are not taken. */
  readonly length: number;
  /** @returns how many fell off */
  push(changes: readonly Change[]): number;
  /** At most `limit` of the oldest; they stay in the queue until `settled`. */
  take(limit: number): readonly Change[];
  /** What was taken is out, or given up. */
  settled(): void;
  /**
   * A term of leading begins; `slos` are those that are decided on. What another leader has overtaken falls off, taken or not.
   *
   * @returns how many fell off
   */
  begin(epoch: number, slos: readonly string[]): number;
}

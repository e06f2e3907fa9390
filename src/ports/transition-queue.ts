import type { GateDecision } from "../model/gate.ts";

/** A change that waits for a sink: a transition, or an SLO's removal. */
export type Change = { readonly decision: GateDecision } | { readonly removed: string };

/** A term of leading begins. */
export interface Beginning {
  readonly epoch: number;
  /** The last term that another process may have led; 0 when there are no others. */
  readonly after: number;
  /** The SLOs that are decided on. */
  readonly slos: readonly string[];
}

/** Changes that wait for one sink, oldest first. Bounded: the oldest fall off, but never those that are taken. */
export interface TransitionQueue {
  /** Changes that are not taken. */
  readonly length: number;
  /** @returns how many fell off */
  push(changes: readonly Change[]): number;
  /** At most `limit` of the oldest, all decisions or all removals; they stay in the queue until `settled`. */
  take(limit: number): readonly Change[];
  /** What was taken is out, or given up. */
  settled(): void;
  /**
   * What was made before another process' term falls off: readers have newer. Of the rest nothing is taken any more.
   *
   * @returns how many fell off
   */
  begin(beginning: Beginning): number;
  close(): void;
}

/** The longest run from the front, at most `limit`, that is all decisions or all removals. */
export function sameKind(changes: readonly Change[], limit: number): readonly Change[] {
  const first = changes[0];
  if (first === undefined) return [];
  const kind = "removed" in first;
  const end = changes.findIndex((change, at) => at >= limit || "removed" in change !== kind);
  return changes.slice(0, end === -1 ? changes.length : end);
}

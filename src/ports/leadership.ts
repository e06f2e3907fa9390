import type { PublishedGate } from "../model/gate.ts";

/** A time in which one process decides for all readers. */
export interface Term {
  /** Above that of every earlier term. */
  readonly epoch: number;
  /** The last term that another process may have led; 0 when there are no others. */
  readonly after: number;
  /** What the last leader published: this one goes on from there. */
  readonly published: readonly PublishedGate[];
}

/** Who publishes: of several replicas one at a time. */
export interface Leadership {
  /**
   * The term in which this process leads; null when it does not, or cannot be sure any more. Asked at every tick and
   * before every call of a sink, so it is right at that instant, also after the process was paused.
   */
  term(): Term | null;
}

/** Of a process that has no rivals. */
export function alone(epoch: number): Leadership {
  const term: Term = { epoch, after: 0, published: [] };
  return { term: () => term };
}

import type { GateDecision } from "../../model/gate.ts";
import type { DecisionSink } from "../../ports/decision-sink.ts";
import {
  type Beginning,
  type Change,
  sameKind,
  type TransitionQueue,
} from "../../ports/transition-queue.ts";
import type { Publication } from "../gates.ts";

/** What one tick gives to the sinks. */
export interface Round {
  readonly publications: readonly Publication[];
  /** SLOs that are gone. */
  readonly removed: readonly string[];
  readonly beginning: Beginning | null;
}

/** One call of a sink: decisions, or SLOs that are gone. */
export type Batch =
  | { readonly decisions: readonly GateDecision[] }
  | { readonly removed: readonly string[] };

/** What waits for one sink, as it wants it: changes in order, the newest decision by SLO, or both. */
export class Backlog {
  private readonly wants: DecisionSink["wants"];
  private readonly keepsSlos: boolean;
  private readonly queue: TransitionQueue;
  /** Newest decision by SLO; null for one that is gone. */
  private readonly latest = new Map<string, GateDecision | null>();
  /** SLOs that a sink which keeps the whole has yet to hear of in this term: it is called when it can have all of them. */
  private missing = new Set<string>();

  /** @param queueLimit changes that may wait when the sink brings no queue of its own */
  constructor(sink: DecisionSink, queueLimit: number) {
    this.wants = sink.wants;
    this.keepsSlos = sink.remove !== undefined;
    this.queue = sink.queue ?? new MemoryQueue(queueLimit);
  }

  /** @returns how many changes fell off the queue */
  add({ publications, removed, beginning }: Round): number {
    let dropped = 0;
    if (beginning !== null) {
      this.latest.clear();
      if (this.wants === "latest") this.missing = new Set(beginning.slos);
      dropped = this.queue.begin(beginning);
    }
    for (const slo of removed) this.missing.delete(slo);
    const changes: Change[] = [];
    if (this.keepsSlos) {
      for (const slo of removed) {
        if (this.wants === "latest") {
          this.latest.set(slo, null);
        } else {
          this.latest.delete(slo);
          changes.push({ removed: slo });
        }
      }
    }
    for (const { decision, transition } of publications) {
      if (this.wants === "latest" || (this.wants === "both" && !transition)) {
        this.latest.set(decision.slo, decision);
        this.missing.delete(decision.slo);
      } else if (transition) {
        changes.push({ decision });
        // It is newer than what waited to be sent again.
        this.latest.delete(decision.slo);
      }
    }
    return changes.length === 0 ? dropped : dropped + this.queue.push(changes);
  }

  /** The next batch; null when nothing waits. Changes go first: a newer state must not overtake them. */
  next(limit: number): Batch | null {
    const changes = this.queue.take(limit);
    if (changes.length > 0) return batchOf(changes);
    if (this.missing.size > 0) return null;
    // All of it for a sink that keeps the whole: what a first batch does not hold is gone for its readers.
    const newest = [...this.latest].slice(0, this.wants === "latest" ? undefined : limit);
    const gone = newest.flatMap(([slo, decision]) => (decision === null ? [slo] : []));
    const decisions = newest.flatMap(([, decision]) => decision ?? []);
    if (gone.length > 0) {
      for (const slo of gone) this.latest.delete(slo);
      return { removed: gone };
    }
    for (const { slo } of decisions) this.latest.delete(slo);
    return decisions.length > 0 ? { decisions } : null;
  }

  /** The last batch is out, or given up. */
  settled(): void {
    this.queue.settled();
  }
}

/** `take` ends a batch where the kind of change differs. */
function batchOf(changes: readonly Change[]): Batch {
  const removed = changes.flatMap((change) => ("removed" in change ? [change.removed] : []));
  if (removed.length > 0) return { removed };
  return {
    decisions: changes.flatMap((change) => ("decision" in change ? [change.decision] : [])),
  };
}

/** Changes that wait for a sink without a queue of its own; a restart forgets them. */
export class MemoryQueue implements TransitionQueue {
  private waiting: Change[] = [];
  private taken = 0;
  private epoch = 0;
  private readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  get length(): number {
    return this.waiting.length - this.taken;
  }

  push(changes: readonly Change[]): number {
    this.waiting.push(...changes);
    const excess = Math.max(0, this.length - this.limit);
    this.waiting.splice(this.taken, excess);
    return excess;
  }

  take(limit: number): readonly Change[] {
    const run = sameKind(this.waiting, limit);
    this.taken = run.length;
    return run;
  }

  settled(): void {
    this.waiting.splice(0, this.taken);
    this.taken = 0;
  }

  begin({ epoch, after }: Beginning): number {
    const overtaken = after > this.epoch ? this.waiting.length : 0;
    this.epoch = epoch;
    this.taken = 0;
    if (overtaken > 0) this.waiting = [];
    return overtaken;
  }

  close(): void {}
}

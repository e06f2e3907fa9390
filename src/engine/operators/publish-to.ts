import { Observable, type OperatorFunction, type Subscription, timer } from "rxjs";
import { EngineError } from "../../model/errors.ts";
import type { GateDecision } from "../../model/gate.ts";
import type { DecisionSink } from "../../ports/decision-sink.ts";
import type { Publication } from "../gates.ts";

export interface PublishSettings {
  /** A call of the sink that takes longer counts as failed. */
  readonly deadlineMs: number;
  /** Transitions that may wait for a slow or absent sink; then the oldest fall off and are counted. */
  readonly queueLimit: number;
  /** Decisions in one call at most. */
  readonly batchLimit: number;
  /** Wait before try `attempt` (1, 2, ...) of the same batch. */
  readonly retryDelayMs: (attempt: number) => number;
  /** A clock that only goes forward, ms; for how long calls take. */
  readonly monotonicMs: () => number;
}

/** What became of one offer to a sink. */
export interface PublishReport {
  readonly sink: string;
  readonly outcome: "sent" | "failed" | "dropped";
  readonly decisions: number;
  /** How long the call took; 0 for decisions that were never offered. */
  readonly seconds: number;
  readonly error: EngineError | null;
}

/**
 * Publishes to one sink, whatever its speed:
 *
 * 1. A publication arrives: a sink of transitions queues it if it is one; a sink of the latest replaces
 *    what waits for the same SLO.
 * 2. When no call runs, what waits becomes the next call's batch.
 * 3. A call that fails retryably is made again with the same batch after a delay; what arrives
 *    meanwhile waits. One that fails for good is reported as dropped.
 * 4. When the source completes, what waits is still offered, once each, then the operator completes.
 */
export function publishTo(
  sink: DecisionSink,
  settings: PublishSettings,
): OperatorFunction<readonly Publication[], PublishReport> {
  return (source$) =>
    new Observable<PublishReport>((subscriber) => {
      /** Transitions in order; only for sinks that want them. */
      let queue: GateDecision[] = [];
      /** Newest decision by SLO; only for sinks that want the latest. */
      const latest = new Map<string, GateDecision>();
      /** The batch whose call runs or waits to be made again. */
      let batch: readonly GateDecision[] | null = null;
      let attempt = 0;
      let sourceDone = false;
      let waiting: Subscription | null = null;
      let abort: AbortController | null = null;

      const report = (
        outcome: PublishReport["outcome"],
        decisions: number,
        seconds: number,
        error: EngineError | null,
      ): void => subscriber.next({ sink: sink.name, outcome, decisions, seconds, error });

      const take = (publications: readonly Publication[]): void => {
        for (const { decision, transition } of publications) {
          if (sink.wants === "latest") latest.set(decision.slo, decision);
          else if (transition) queue.push(decision);
        }
        const excess = queue.length - settings.queueLimit;
        if (excess > 0) {
          queue.splice(0, excess);
          report("dropped", excess, 0, null);
        }
      };

      const nextBatch = (): readonly GateDecision[] => {
        if (sink.wants === "latest") {
          const taken = [...latest.values()].slice(0, settings.batchLimit);
          for (const decision of taken) latest.delete(decision.slo);
          return taken;
        }
        const taken = queue.slice(0, settings.batchLimit);
        queue = queue.slice(taken.length);
        return taken;
      };

      const call = async (): Promise<void> => {
        if (batch === null) return;
        const decisions = batch;
        abort = new AbortController();
        const deadline = timer(settings.deadlineMs).subscribe(() => abort?.abort());
        const began = settings.monotonicMs();
        let error: EngineError | null = null;
        try {
          await sink.publish(decisions, abort.signal);
        } catch (thrown) {
          error = asEngineError(thrown, sink.name);
        }
        deadline.unsubscribe();
        const seconds = (settings.monotonicMs() - began) / 1000;
        if (subscriber.closed) return;
        if (error === null) {
          report("sent", decisions.length, seconds, null);
        } else if (error.retryable && !sourceDone) {
          report("failed", decisions.length, seconds, error);
          attempt++;
          waiting = timer(settings.retryDelayMs(attempt)).subscribe(() => void call());
          return;
        } else {
          report("dropped", decisions.length, seconds, error);
        }
        attempt = 0;
        batch = null;
        proceed();
      };

      const proceed = (): void => {
        if (batch !== null || subscriber.closed) return;
        const next = nextBatch();
        if (next.length > 0) {
          batch = next;
          void call();
        } else if (sourceDone) subscriber.complete();
      };

      const subscription = source$.subscribe({
        next: (publications) => {
          take(publications);
          proceed();
        },
        error: (error) => subscriber.error(error),
        complete: () => {
          sourceDone = true;
          // A batch that waits for its retry gets its last try now.
          if (waiting !== null && !waiting.closed) {
            waiting.unsubscribe();
            void call();
          } else proceed();
        },
      });
      return () => {
        subscription.unsubscribe();
        waiting?.unsubscribe();
        abort?.abort();
      };
    });
}

function asEngineError(thrown: unknown, sink: string): EngineError {
  if (thrown instanceof EngineError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new EngineError("SINK_UNAVAILABLE", `${sink}: ${text}`, {
    retryable: true,
    cause: thrown,
  });
}

import { Observable, type OperatorFunction, Subscription, timer } from "rxjs";
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
 * 3. A call that fails retryably, or does not answer by its deadline, is made again with the same batch after a delay; what arrives
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
      /** The delay before `batch` is offered again. */
      let waiting: Subscription | null = null;
      /** The call that runs; unsubscribing aborts it. */
      let running: Subscription | null = null;

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

      const call = (): void => {
        const decisions = batch;
        if (decisions === null) return;
        waiting = null;
        const began = settings.monotonicMs();
        const abort = new AbortController();
        let settled = false;
        const settle = (error: EngineError | null): void => {
          if (settled) return;
          settled = true;
          deadline.unsubscribe();
          running = null;
          settledAs(decisions, error, (settings.monotonicMs() - began) / 1000);
        };
        const deadline = timer(settings.deadlineMs).subscribe(() => {
          abort.abort();
          // A sink that heeds the signal rejects now or soon; one that does not must not block the queue.
          settle(deadlineError(sink.name, settings.deadlineMs));
        });
        running = new Subscription(() => {
          settled = true;
          deadline.unsubscribe();
          abort.abort();
        });
        offer(sink, decisions, abort.signal).then(
          () => settle(null),
          (thrown: unknown) => settle(asEngineError(thrown, sink.name)),
        );
      };

      const settledAs = (
        decisions: readonly GateDecision[],
        error: EngineError | null,
        seconds: number,
      ): void => {
        if (error?.retryable === true && !sourceDone) {
          attempt++;
          waiting = timer(settings.retryDelayMs(attempt)).subscribe(call);
          report("failed", decisions.length, seconds, error);
          return;
        }
        attempt = 0;
        batch = null;
        report(error === null ? "sent" : "dropped", decisions.length, seconds, error);
        proceed();
      };

      const proceed = (): void => {
        if (batch !== null || subscriber.closed) return;
        const next = nextBatch();
        if (next.length > 0) {
          batch = next;
          call();
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
          if (waiting !== null) {
            waiting.unsubscribe();
            call();
          } else proceed();
        },
      });
      return () => {
        subscription.unsubscribe();
        waiting?.unsubscribe();
        running?.unsubscribe();
      };
    });
}

/** The call, however it fails. Not awaited but followed by its own `then`, so that a test's clock can drive it. */
function offer(
  sink: DecisionSink,
  decisions: readonly GateDecision[],
  signal: AbortSignal,
): Promise<void> {
  try {
    return sink.publish(decisions, signal);
  } catch (thrown) {
    return Promise.reject(thrown);
  }
}

function deadlineError(sink: string, deadlineMs: number): EngineError {
  return new EngineError("SINK_UNAVAILABLE", `${sink}: no answer within ${deadlineMs} ms`, {
    retryable: true,
  });
}

/** What adapters throw that is no EngineError is taken for an outage: worth another try. */
export function asEngineError(thrown: unknown, sink: string): EngineError {
  if (thrown instanceof EngineError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new EngineError("SINK_UNAVAILABLE", `${sink}: ${text}`, {
    retryable: true,
    cause: thrown,
  });
}

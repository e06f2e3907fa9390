import { Observable, type OperatorFunction, Subscription, timer } from "rxjs";
import { EngineError } from "../../model/errors.ts";
import type { DecisionSink } from "../../ports/decision-sink.ts";
import { Backlog, type Batch, type Round } from "./backlog.ts";

export interface PublishSettings {
  /** A call of the sink that takes longer counts as failed. */
  readonly deadlineMs: number;
  /** Whether this process may publish at this instant. While it may not, what waits goes on waiting. */
  readonly leads: () => boolean;
  /** Transitions that may wait in memory for a slow or absent sink; then the oldest fall off and are counted. */
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
  /** Decisions, or SLOs that are gone. */
  readonly decisions: number;
  /** How long the call took; 0 for decisions that were never offered. */
  readonly seconds: number;
  readonly error: EngineError | null;
}

/**
 * Publishes to one sink, whatever its speed:
 *
 * 1. A round arrives: what the sink wants of it joins its backlog.
 * 2. When no call runs, what waits becomes the next call's batch.
 * 3. A call that fails retryably, or does not answer by its deadline, is made again with the same batch after a delay; what arrives
 *    meanwhile waits. One that fails for good is reported as dropped.
 * 4. Nothing is offered while this process does not lead. A new term gives up the batch that waits for its retry: the backlog
 *    knows what of it is still worth sending.
 * 5. When the source completes, what waits is still offered, once each, then the operator completes.
 */
export function publishTo(
  sink: DecisionSink,
  settings: PublishSettings,
): OperatorFunction<Round, PublishReport> {
  return (source$) =>
    new Observable<PublishReport>((subscriber) => {
      const backlog = new Backlog(sink, settings.queueLimit);
      /** The batch whose call runs or waits to be made again. */
      let batch: Batch | null = null;
      let attempt = 0;
      /** A new term began while the call ran: it is not made again. */
      let overtaken = false;
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

      const take = (round: Round): void => {
        const dropped = backlog.add(round);
        if (dropped > 0) report("dropped", dropped, 0, null);
        if (round.beginning === null || batch === null) return;
        if (waiting === null) {
          overtaken = true;
          return;
        }
        waiting.unsubscribe();
        waiting = null;
        batch = null;
        attempt = 0;
      };

      const call = (): void => {
        const offered = batch;
        if (offered === null) return;
        waiting = null;
        if (!settings.leads()) {
          if (sourceDone) subscriber.complete();
          else waiting = timer(settings.retryDelayMs(1)).subscribe(call);
          return;
        }
        const began = settings.monotonicMs();
        const abort = new AbortController();
        let settled = false;
        const settle = (error: EngineError | null): void => {
          if (settled) return;
          settled = true;
          deadline.unsubscribe();
          running = null;
          settledAs(offered, error, (settings.monotonicMs() - began) / 1000);
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
        offer(sink, offered, abort.signal).then(
          () => settle(null),
          (thrown: unknown) => settle(asEngineError(thrown, sink.name)),
        );
      };

      const settledAs = (offered: Batch, error: EngineError | null, seconds: number): void => {
        const size = sizeOf(offered);
        const again = error?.retryable === true && !overtaken;
        overtaken = false;
        if (again && !sourceDone) {
          attempt++;
          waiting = timer(settings.retryDelayMs(attempt)).subscribe(call);
          report("failed", size, seconds, error);
          return;
        }
        if (again && sink.queue !== undefined) {
          // What its queue holds is there at the next start.
          report("failed", size, seconds, error);
          subscriber.complete();
          return;
        }
        attempt = 0;
        batch = null;
        backlog.settled();
        report(error === null ? "sent" : "dropped", size, seconds, error);
        proceed();
      };

      const proceed = (): void => {
        if (batch !== null || subscriber.closed) return;
        batch = settings.leads() ? backlog.next(settings.batchLimit) : null;
        if (batch !== null) call();
        else if (sourceDone) subscriber.complete();
      };

      const subscription = source$.subscribe({
        next: (round) => {
          take(round);
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
function offer(sink: DecisionSink, batch: Batch, signal: AbortSignal): Promise<void> {
  try {
    if ("decisions" in batch) return sink.publish(batch.decisions, signal);
    return sink.remove?.(batch.removed, signal) ?? Promise.resolve();
  } catch (thrown) {
    return Promise.reject(thrown);
  }
}

function sizeOf(batch: Batch): number {
  return "decisions" in batch ? batch.decisions.length : batch.removed.length;
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

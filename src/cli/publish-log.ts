import type { PublishReport } from "../engine/operators/publish-to.ts";
import { MINUTE } from "../model/time.ts";
import type { Log } from "../ports/log.ts";

/** A restart of a broker is seen whole; an outage of hours is not said at every try. */
const SAID_AT_ONCE = 3;
const SAID_AGAIN_MS = MINUTE;

export interface PublishLogSettings {
  readonly log: Log;
  /** Any clock that only goes forward, ms. */
  readonly monotonicMs: () => number;
  /** What waits for the sink and outlasts this process, in changes; null when it keeps no such queue. */
  readonly waiting: (sink: string) => number | null;
}

/** Failures of one kind since the sink last took something. */
interface Run {
  reports: number;
  saidAt: number;
  /** Reports and decisions since it was last said. */
  unsaid: number;
  decisions: number;
}

/**
 * Says what becomes of decisions: the first failures of a sink each, then one line a minute at most that stands for all since,
 * and that it takes decisions again.
 */
export function publishLog(settings: PublishLogSettings): (report: PublishReport) => void {
  const { log, monotonicMs, waiting } = settings;
  const runs = new Map<string, Run>();
  return ({ sink, outcome, decisions, error }) => {
    const runOf = (kind: "failed" | "dropped") => `${kind} ${sink}`;
    if (outcome === "sent") {
      const failed = runs.get(runOf("failed"));
      runs.delete(runOf("failed"));
      runs.delete(runOf("dropped"));
      if (failed !== undefined) log.info("a sink works again", { sink, failures: failed.reports });
      return;
    }
    const now = monotonicMs();
    const run = runs.get(runOf(outcome)) ?? { reports: 0, saidAt: now, unsaid: 0, decisions: 0 };
    runs.set(runOf(outcome), run);
    run.reports++;
    run.unsaid++;
    run.decisions += decisions;
    if (run.reports > SAID_AT_ONCE && now - run.saidAt < SAID_AGAIN_MS) return;
    const failures = { sink, failures: run.unsaid };
    if (outcome === "dropped") {
      const why = error?.message ?? "too many waited";
      log.warn("decisions were dropped", { sink, decisions: run.decisions, error: why });
    } else {
      const kept = waiting(sink);
      const message =
        kept === null
          ? "a sink failed and will be tried again"
          : "a sink failed and will be tried again; transitions wait in the outbox and are sent when it is back";
      log.warn(message, {
        ...failures,
        ...(kept === null ? { decisions } : { waiting: kept }),
        error: error?.message,
      });
    }
    run.saidAt = now;
    run.unsaid = 0;
    run.decisions = 0;
  };
}

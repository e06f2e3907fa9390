import {
  concatMap,
  filter,
  map,
  merge,
  type Observable,
  Subject,
  scan,
  share,
  takeUntil,
} from "rxjs";
import type { GateDecision, Override } from "../model/gate.ts";
import type { UnixMs } from "../model/time.ts";
import type { DecisionSink } from "../ports/decision-sink.ts";
import type { GateReader, OverrideControl } from "../ports/gate-reader.ts";
import type { Leadership } from "../ports/leadership.ts";
import type { Gates, Publication } from "./gates.ts";
import { inParts } from "./in-parts.ts";
import type { Round } from "./operators/backlog.ts";
import {
  asEngineError,
  type PublishReport,
  type PublishSettings,
  publishTo,
} from "./operators/publish-to.ts";

export interface EngineParts {
  /** One time a second; the engine has no clock of its own. */
  readonly tick$: Observable<UnixMs>;
  readonly gates: Gates;
  readonly sinks: readonly DecisionSink[];
  readonly leadership: Leadership;
  readonly publishing: Omit<PublishSettings, "leads">;
}

export interface Engine extends GateReader, OverrideControl {
  /** The whole engine, from ticks to publishing. Subscribe once; completes after `stop` when all is published. */
  readonly running$: Observable<PublishReport>;
  /** Decides now, outside the rhythm of ticks. */
  readonly nudge: (now: UnixMs) => void;
  /** A last tick at `now`, then completion. */
  readonly stop: (now: UnixMs) => void;
}

/**
 * The second hand, readable top to bottom: ticks move the windows and decide, decisions go to the
 * watchers and to each sink at its own pace. What is counted between ticks stands in `gates` already:
 * deltas are added as they are admitted.
 */
export function createEngine(parts: EngineParts): Engine {
  const { tick$, gates, sinks, leadership } = parts;
  const publishing = { ...parts.publishing, leads: () => leadership.term() !== null };
  const nudge$ = new Subject<UnixMs>();
  const stop$ = new Subject<void>();

  const watchers = new Set<(decisions: readonly GateDecision[]) => void>();
  const sendsRefreshes = sinks.some(({ wants }) => wants !== "transitions");
  const decided$ = merge(tick$.pipe(takeUntil(stop$)), nudge$).pipe(
    scan((state, now) => {
      state.lead(leadership.term(), now);
      return state.tick(now, sendsRefreshes || watchers.size > 0);
    }, gates),
    share(),
  );
  const round$: Observable<Round> = decided$.pipe(
    filter(({ leads }) => leads),
    map(({ published, removed, beginning }) => ({ publications: published, removed, beginning })),
    filter(
      (round) => round.publications.length + round.removed.length > 0 || round.beginning !== null,
    ),
    share(),
  );

  const watched$ = decided$.pipe(
    filter(({ published }) => published.length > 0),
    concatMap(({ published }) => tell(watchers, published)),
  );

  return {
    running$: merge(watched$, ...sinks.map((sink) => round$.pipe(publishTo(sink, publishing)))),
    nudge: (now) => nudge$.next(now),
    stop: (now) => {
      nudge$.next(now);
      stop$.next();
      nudge$.complete();
    },
    names: () => gates.names(),
    list: () => gates.list(),
    inParts: () => inParts(gates),
    get: (slo, version) => gates.get(slo, version),
    history: (slo) => gates.history(slo),
    series: (slo) => gates.series(slo),
    watch: (listener) => {
      watchers.add(listener);
      return () => watchers.delete(listener);
    },
    set: (override: Override) => {
      if (leadership.term() === null) return NOT_THE_LEADER;
      if (!gates.override(override.slo, override)) return unknownSlo(override.slo);
      nudge$.next(override.createdAt);
      return null;
    },
    clear: (slo) => {
      if (leadership.term() === null) return NOT_THE_LEADER;
      const now = gates.get(slo)?.decidedAt;
      if (now === undefined || !gates.override(slo, null)) return unknownSlo(slo);
      nudge$.next(now);
      return null;
    },
  };
}

const NOT_THE_LEADER =
  "this replica does not lead now, so nobody would see it: ask the one that holds the Lease, or wait until one does";

/** One watcher that throws must not end the engine: it is told no more. */
function tell(
  watchers: Set<(decisions: readonly GateDecision[]) => void>,
  publications: readonly Publication[],
): PublishReport[] {
  const decisions = publications.map(({ decision }) => decision);
  const failed: PublishReport[] = [];
  for (const watcher of watchers) {
    try {
      watcher(decisions);
    } catch (thrown) {
      watchers.delete(watcher);
      failed.push({
        sink: "watcher",
        outcome: "dropped",
        decisions: decisions.length,
        seconds: 0,
        error: asEngineError(thrown, "watcher"),
      });
    }
  }
  return failed;
}

function unknownSlo(slo: string): string {
  return `no SLO is named ${JSON.stringify(slo)}`;
}

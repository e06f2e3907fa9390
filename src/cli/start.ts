import { lastValueFrom, tap } from "rxjs";
import { Ingest } from "../aggregate/ingest.ts";
import { compileRules } from "../aggregate/rules.ts";
import { SeriesStore } from "../aggregate/series.ts";
import { VersionTable } from "../aggregate/versions.ts";
import { luxonCalendar } from "../config/calendar.ts";
import { type LoadedSlos, watchSlos } from "../config/load.ts";
import { formatProblem } from "../config/problem.ts";
import type { Settings } from "../config/settings.ts";
import { createEngine, type Engine } from "../engine/engine.ts";
import { Gates, NOT_LEADING } from "../engine/gates.ts";
import { inParts } from "../engine/in-parts.ts";
import type { PublishReport } from "../engine/operators/publish-to.ts";
import { ReplicaTotals } from "../engine/replica-totals.ts";
import { lockDirectory } from "../journal/directory-lock.ts";
import { diskStorage } from "../journal/disk-storage.ts";
import { FingerprintMemory } from "../journal/fingerprints.ts";
import { Journal } from "../journal/journal.ts";
import { StateFile } from "../journal/state-file.ts";
import { hostPort } from "../model/address.ts";
import type { Slo } from "../model/slo.ts";
import { SECOND } from "../model/time.ts";
import type { Clock } from "../ports/clock.ts";
import type { DecisionSink } from "../ports/decision-sink.ts";
import type { Journalled } from "../ports/journalled.ts";
import type { Log } from "../ports/log.ts";
import { newReceiverCounters } from "../ports/metrics.ts";
import { backoffMs } from "../publish/backoff.ts";
import { decisionMessage } from "../publish/message.ts";
import { readTls } from "../receive/tls.ts";
import { createMetrics, type EngineMetrics } from "../telemetry/metrics.ts";
import { startGateService } from "../web/grpc.ts";
import { startHttpApi } from "../web/server.ts";
import { logsExpiredOverrides } from "./expired-overrides.ts";
import { checkAddresses } from "./free-ports.ts";
import { dropGarbage } from "./heap-flags.ts";
import { publishLog } from "./publish-log.ts";
import { type Receiving, startReceiving } from "./receiving.ts";
import { buildPublishing, QUEUE_LIMIT } from "./sinks.ts";
import { everySecond } from "./ticks.ts";

export interface StartOptions {
  readonly settings: Settings;
  readonly slos: LoadedSlos;
  /** Files and folders to watch for changes; none: the SLOs stay as they are. */
  readonly sloPaths: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  /** Sinks besides those of the settings: standard output belongs to the command. */
  readonly sinks: readonly DecisionSink[];
}

export interface RunningEngine {
  readonly engine: Engine;
  /** Rejects when deciding has failed for good, which only a defect can cause; never resolves. */
  readonly failed: Promise<never>;
  /** Where it listens; a receiver that is off is null. */
  readonly addresses: {
    readonly otlpGrpc: string | null;
    readonly otlpHttp: string | null;
    readonly api: string;
    readonly gateService: string;
  };
  /** Stops accepting, finishes what was accepted, publishes, and lets go of everything. Safe to call twice. */
  stop(): Promise<void>;
}

/** Time to finish accepted requests, to publish the last decisions, and for each thing to close; together below 5 s. */
const RECEIVER_GRACE_MS = 2 * SECOND;
const PUBLISH_GRACE_MS = 1.5 * SECOND;
const CLOSE_GRACE_MS = SECOND / 2;

const monotonicMs = (): number => performance.now();

/**
 * Builds every part and connects them: receivers -> ingest -> admission -> gates -> sinks and readers.
 *
 * @throws EngineError when the state directory or an address cannot be used; nothing is left running then
 */
export async function startEngine(options: StartOptions): Promise<RunningEngine> {
  const undo: (() => Promise<unknown>)[] = [];
  try {
    return await build(options, undo);
  } catch (error) {
    for (const step of undo.reverse()) {
      await step().catch((cause: unknown) => {
        options.log.error("while giving up", { cause: String(cause) });
      });
    }
    throw error;
  }
}

async function build(
  options: StartOptions,
  undo: (() => Promise<unknown>)[],
): Promise<RunningEngine> {
  const { settings, clock, log } = options;
  await checkAddresses(settings);
  const lock = lockDirectory(settings.state.directory);
  undo.push(async () => lock.release());
  const counters = newReceiverCounters();
  const versions = new VersionTable();
  const gates = new Gates({
    calendar: luxonCalendar(),
    epoch: NOT_LEADING,
    counters,
    now: clock.now(),
    versionName: (id) => versions.nameOf(id),
  });
  const journalled = {
    gates,
    series: new SeriesStore(clock.now(), settings.state.maxSeries),
    versions,
  };
  const memory = new FingerprintMemory();
  const journal = await openJournal(options, journalled, memory);
  undo.push(() => journal.close());
  gates.changes = logsExpiredOverrides(journal, gates, log);
  const slos = effective(options.slos.slos, settings);
  gates.use(slos);
  gates.advance(clock.now());
  dropGarbage();
  for (const slo of gates.orphaned()) {
    log.warn("a stored override has no SLO now; it is kept", { slo });
  }
  const columnOf = (slo: Slo) => gates.placeOf(slo).index;
  const sinceOf = (slo: Slo) => gates.placeOf(slo).countsSince;
  const rulesOf = (slos: readonly Slo[]) => compileRules(slos, columnOf, sinceOf);
  const ingest = new Ingest({
    rules: rulesOf(slos),
    admission: journal,
    clock,
    counters,
    series: journalled.series,
    versions: journalled.versions,
  });

  const totals = new ReplicaTotals();
  const publishing = await buildPublishing({
    settings,
    epoch: journal.epoch,
    totals,
    onTerm: () => engine.nudge(clock.now()),
    log,
  });
  undo.push(() => Promise.all(publishing.sinks.map((sink) => sink.close())));
  const sinks = [...options.sinks, ...publishing.sinks];
  const metrics: EngineMetrics = createMetrics({
    counters,
    forgottenEarly: () => memory.forgottenEarly,
    versions: () => journalled.versions.size,
    series: () => journalled.series.size,
    journal: () => journal.state(),
    reader: { inParts: () => inParts(gates) },
    version: options.version,
    workers: () => receiving.workers(),
    leads: () => publishing.leadership.term() !== null,
    replicaDifference: () => totals.difference,
    outbox: () => publishing.waiting("kafka"),
  });
  const engine = createEngine({
    tick$: everySecond(() => clock.now(), metrics.observeTick).pipe(
      tap((now) => totals.tick(now, () => gates.recentRequests())),
    ),
    gates,
    sinks,
    leadership: publishing.leadership,
    publishing: {
      deadlineMs: 10 * SECOND,
      queueLimit: QUEUE_LIMIT,
      batchLimit: 500,
      monotonicMs,
      retryDelayMs: (attempt) => backoffMs(attempt - 1, Math.random()),
    },
  });

  const receiving = await startReceiving({
    settings,
    log,
    counters,
    consumer: ingest,
    versions,
    slos,
    columnOf,
    rulesOf,
  });
  undo.push(() => receiving.stop(0));
  let stopping = false;
  const api = await startHttpApi({
    endpoint: settings.api.http.endpoint,
    tls: await readTls(settings.api.http.tls, "api.http"),
    reader: engine,
    overrides: engine,
    readiness: {
      ready: () => {
        if (stopping) return { ok: false, message: "shutting down" };
        const trouble = receiving.trouble() ?? journal.state().trouble;
        return { ok: trouble === null, message: trouble ?? "receiving" };
      },
    },
    clock,
    log,
    message: decisionMessage,
    metrics: (accept) => metrics.scrape(accept),
    readToken: settings.api.auth.readToken,
    writeToken: settings.api.auth.writeToken,
  });
  undo.push(() => api.close());
  const gateService = await startGateService({
    endpoint: settings.api.grpc.endpoint,
    tls: await readTls(settings.api.grpc.tls, "api.grpc"),
    reader: engine,
    message: decisionMessage,
    readToken: settings.api.auth.readToken,
  });
  undo.push(() => gateService.close());

  const say = publishLog({ log, monotonicMs, waiting: publishing.waiting });
  const observe = tap((report: PublishReport) => {
    metrics.observePublish(report.sink, report.outcome, report.decisions, report.seconds);
    say(report);
  });
  const running = lastValueFrom(engine.running$.pipe(observe), { defaultValue: null });
  const failed = new Promise<never>((_, reject) => {
    running.catch(reject);
  });
  // Who starts an engine may not listen to this; then the failure is met at the stop.
  failed.catch(() => undefined);
  const { sloPaths } = options;
  const unwatch =
    sloPaths.length === 0
      ? () => undefined
      : watchSlos(sloPaths, (loaded) => reload(loaded, { ...options, gates, receiving, engine }), {
          since: options.slos.digest,
        });

  publishing.start();

  let stopped: Promise<void> | null = null;
  const shutDown = async (): Promise<void> => {
    stopping = true;
    unwatch();
    await receiving.stop(RECEIVER_GRACE_MS);
    engine.stop(clock.now());
    await Promise.race([running, delay(PUBLISH_GRACE_MS)]).catch((error: unknown) => {
      log.error("the engine had failed", { error: String(error) });
    });
    await Promise.race([Promise.all([api.close(), gateService.close()]), delay(CLOSE_GRACE_MS)]);
    await Promise.all(
      sinks.map(async (sink) => {
        try {
          const closed = await Promise.race([sink.close().then(() => true), delay(CLOSE_GRACE_MS)]);
          if (closed !== true) throw new Error(`not closed within ${CLOSE_GRACE_MS} ms`);
        } catch (error) {
          log.error("a sink did not close", { sink: sink.name, error: String(error) });
        }
      }),
    );
    await Promise.race([publishing.stop(), delay(CLOSE_GRACE_MS)]);
    const closed = await Promise.race([journal.close().then(() => true), delay(CLOSE_GRACE_MS)]);
    // A disk that still writes keeps the directory: the lock ends with the process.
    if (closed === true) lock.release();
    else log.error("the state was not stored in time", { withinMs: CLOSE_GRACE_MS });
  };

  return {
    engine,
    failed,
    addresses: {
      ...receiving.addresses,
      api: api.url,
      gateService: hostPort(settings.api.grpc.endpoint.host, gateService.port),
    },
    stop: () => {
      stopped ??= shutDown();
      return stopped;
    },
  };
}

/** The stored state is back, and what is done from here on is stored. */
async function openJournal(
  { settings, clock, log }: StartOptions,
  journalled: Journalled,
  memory: FingerprintMemory,
): Promise<Journal> {
  const { directory, durability } = settings.state;
  const stateFile = await StateFile.open(directory);
  const journal = await Journal.open({
    storage: diskStorage(directory),
    journalled,
    memory,
    durability,
    epoch: stateFile.epoch,
    now: clock.now(),
    log,
  });
  for (const override of stateFile.overrides) {
    journalled.gates.restoreOverride(override.slo, override, () => true);
    journal.overridden(override.slo, override);
  }
  await journal.flush();
  await stateFile.migrated();
  return journal;
}

/** Takes over changed SLO files; what is not sound leaves the running SLOs in force, and says so. */
function reload(
  loaded: LoadedSlos,
  parts: StartOptions & { gates: Gates; receiving: Receiving; engine: Engine },
): void {
  const { settings, clock, log, gates, receiving, engine } = parts;
  for (const warning of loaded.warnings) log.warn(formatProblem(warning));
  for (const problem of loaded.problems) log.error(formatProblem(problem));
  // No SLO at all is more likely a volume that went away than a wish.
  if (loaded.problems.length > 0 || loaded.slos.length === 0) {
    log.error("SLO files changed, but not to something sound: the running SLOs stay", {
      problems: loaded.problems.length,
      running: gates.names().length,
    });
    return;
  }
  const next = effective(loaded.slos, settings);
  try {
    gates.use(next);
    receiving.useSlos(next);
  } catch (error) {
    log.error("SLO files changed, but could not be taken over", { error: String(error) });
    return;
  }
  engine.nudge(clock.now());
  log.info("SLO files re-read", { slos: next.length });
}

/** In shadow mode every gate is, whatever its SLO says. */
function effective(slos: readonly Slo[], settings: Settings): readonly Slo[] {
  if (settings.mode === "enforce") return slos;
  return slos.map((slo) => ({ ...slo, policy: { ...slo.policy, mode: "shadow" as const } }));
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

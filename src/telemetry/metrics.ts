import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { RefusalCode } from "../model/refusal.ts";
import type { GateReader } from "../ports/gate-reader.ts";
import type { JournalState, ReceiverCounters, WorkersState } from "../ports/metrics.ts";
import { counterAtScrape, gaugeAtScrape } from "./at-scrape.ts";
import { gateExposition, toOpenMetrics } from "./exposition.ts";
import { addJournalMetrics } from "./journal-metrics.ts";
import { addWorkerMetrics } from "./worker-metrics.ts";

export interface MetricsSettings {
  /** Read at every scrape. */
  readonly counters: ReceiverCounters;
  readonly reader: Pick<GateReader, "inParts">;
  /** Fingerprints that had to make room before 15 minutes were over; default: none. */
  readonly forgottenEarly?: () => number;
  /** Names of versions that are told apart; default: none. */
  readonly versions?: () => number;
  /** Cumulative series whose last points are known; default: none. */
  readonly series?: () => number;
  /** Read at every scrape; default: there is none. */
  readonly journal?: () => JournalState;
  /** Read at every scrape; null, the default: everything is in one process. */
  readonly workers?: () => WorkersState | null;
  readonly version: string;
  /** Whether this process publishes; default: it does. */
  readonly leads?: () => boolean;
  /** By which share the leader's total of 5 minutes differs from the own one; null while unknown. */
  readonly replicaDifference?: () => number | null;
  /** Transitions that wait for Kafka; null, the default: it is not published to. */
  readonly outbox?: () => number | null;
  /** CPU, memory, event loop and collector of this process. Default true. */
  readonly processMetrics?: boolean;
}

export type PublishOutcome = "sent" | "failed" | "dropped";

export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

export interface EngineMetrics {
  /** Everything, in OpenMetrics when the `Accept` header asks for it, else in the text format 0.0.4. */
  scrape(accept?: string): Promise<Exposition>;
  /**
   * @param durationSeconds the time the tick's evaluation took
   * @param lagSeconds how long after its due time the tick began
   */
  observeTick(durationSeconds: number, lagSeconds: number): void;
  /** One offer of `decisions` decisions to a sink; `dropped` ones were never offered and took no time. */
  observePublish(sink: string, outcome: PublishOutcome, decisions: number, seconds: number): void;
}

/** So that `rate()` has a zero to start from before the first refusal. */
const REFUSAL_CODES: readonly RefusalCode[] = [
  "malformed",
  "too-large",
  "unsupported-encoding",
  "unsupported-content-type",
  "timed-out",
  "overloaded",
  "shutting-down",
  "state-unavailable",
];

/** From a tenth of a millisecond (a few SLOs) to the whole second a tick may take. */
const TICK_BUCKETS = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
/** A tick is late by its timer's slack; from 2 s on, readers will see decisions expire. */
const LAG_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 30];
const PUBLISH_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10];

const TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/** The engine's own numbers. Builds a registry of its own, so that several engines can live in a process. */
export function createMetrics(settings: MetricsSettings): EngineMetrics {
  const registry = new Registry();
  const registers = [registry];
  if (settings.processMetrics ?? true) collectDefaultMetrics({ register: registry });
  new Gauge({
    name: "slogate_build_info",
    help: "Always 1; the label tells the version.",
    labelNames: ["version"],
    registers,
  }).set({ version: settings.version }, 1);
  addReceiverCounters(registers, settings.counters);
  counterAtScrape(
    registers,
    "slogate_fingerprints_forgotten_early_total",
    "Requests whose retry would no longer be recognised although 15 minutes have not passed.",
    settings.forgottenEarly ?? (() => 0),
  );
  gaugeAtScrape(
    registers,
    "slogate_version_names",
    "Values of service.version told apart, over all services; 16384 at most, then new ones count as other.",
    settings.versions ?? (() => 0),
  );
  gaugeAtScrape(
    registers,
    "slogate_series",
    "Cumulative series whose last points are known, each once for every SLO that reads it; state.max_series at most.",
    settings.series ?? (() => 0),
  );
  if (settings.journal !== undefined) addJournalMetrics(registers, settings.journal);
  addWorkerMetrics(registers, settings.workers ?? (() => null));
  const { leads, replicaDifference, outbox } = settings;
  if (outbox !== undefined && outbox() !== null) {
    gaugeAtScrape(
      registers,
      "slogate_outbox_transitions",
      "Transitions that wait for Kafka; 10000 at most, then the oldest fall off.",
      () => outbox() ?? 0,
    );
  }
  gaugeAtScrape(
    registers,
    "slogate_leading",
    "1 while this process publishes, 0 while another replica does.",
    () => ((leads?.() ?? true) ? 1 : 0),
  );
  gaugeAtScrape(
    registers,
    "slogate_replica_difference_ratio",
    "Requests of 5 minutes: the leader's minus this replica's, over the larger. NaN while unknown.",
    () => replicaDifference?.() ?? Number.NaN,
  );
  const tickDuration = new Histogram({
    name: "slogate_tick_duration_seconds",
    help: "Time one evaluation of all gates took.",
    buckets: TICK_BUCKETS,
    registers,
  });
  const tickLag = new Histogram({
    name: "slogate_tick_lag_seconds",
    help: "How long after its due time an evaluation began.",
    buckets: LAG_BUCKETS,
    registers,
  });
  const published = new Counter({
    name: "slogate_sink_decisions_total",
    help: "Decisions by sink and outcome; a failed batch is offered again and counts each time.",
    labelNames: ["sink", "outcome"],
    registers,
  });
  const publishDuration = new Histogram({
    name: "slogate_sink_publish_duration_seconds",
    help: "Time until a sink took or refused a batch.",
    labelNames: ["sink", "outcome"],
    buckets: PUBLISH_BUCKETS,
    registers,
  });
  /** Of all gates, shared by all who ask while it is made: of ten thousand that takes a third of a second. */
  let making: Promise<string> | null = null;
  const gateText = (): Promise<string> => {
    making ??= gateExposition(settings.reader.inParts()).finally(() => {
      making = null;
    });
    return making;
  };
  return {
    async scrape(accept) {
      // Gauges without an empty line are the same in both formats.
      const [own, gates] = await Promise.all([registry.metrics(), gateText()]);
      return wantsOpenMetrics(accept)
        ? { contentType: OPEN_METRICS_TYPE, body: `${toOpenMetrics(own)}${gates}# EOF\n` }
        : { contentType: TEXT_TYPE, body: `${own}\n${gates}` };
    },
    observeTick(durationSeconds, lagSeconds) {
      tickDuration.observe(Math.max(0, durationSeconds));
      tickLag.observe(Math.max(0, lagSeconds));
    },
    observePublish(sink, outcome, decisions, seconds) {
      published.inc({ sink, outcome }, decisions);
      if (outcome !== "dropped") publishDuration.observe({ sink, outcome }, Math.max(0, seconds));
    },
  };
}

function addReceiverCounters(registers: Registry[], counters: ReceiverCounters): void {
  const plain: readonly (readonly [string, string, () => number])[] = [
    ["accepted_requests", "Requests taken.", () => counters.requestsAccepted],
    ["duplicate_requests", "Retries recognised and not counted.", () => counters.requestsDuplicate],
    ["accepted_bytes", "Bytes of requests taken.", () => counters.bytesAccepted],
    ["accepted_spans", "Spans read.", () => counters.spansAccepted],
    ["unmatched_spans", "Spans of services that no SLO asks for.", () => counters.spansUnmatched],
    ["accepted_metric_points", "Metric points read.", () => counters.pointsAccepted],
    ["late_items", "Counted after the finest window had passed.", () => counters.late],
    ["skewed_items", "Ahead of the clock, counted on arrival.", () => counters.skewed],
    ["unverified_items", "Too old for a retry to be recognised.", () => counters.unverified],
  ];
  for (const [name, help, read] of plain) {
    counterAtScrape(registers, `slogate_receiver_${name}_total`, help, read);
  }
  new Counter({
    name: "slogate_receiver_refused_requests_total",
    help: "Requests not taken, by reason.",
    labelNames: ["reason"],
    registers,
    collect() {
      this.reset();
      for (const reason of REFUSAL_CODES) this.inc({ reason }, 0);
      for (const [reason, n] of Object.entries(counters.requestsRefused)) this.inc({ reason }, n);
    },
  });
  new Counter({
    name: "slogate_receiver_refused_items_total",
    help: "Spans or points of taken requests that were not counted, by reason.",
    labelNames: ["reason"],
    registers,
    collect() {
      this.reset();
      for (const [reason, n] of Object.entries(counters.itemsRefused)) this.inc({ reason }, n);
    },
  });
}

/** Prometheus sends `application/openmetrics-text;version=1.0.0,...`; a weight of 0 means "not that". */
function wantsOpenMetrics(accept: string | undefined): boolean {
  return (accept ?? "")
    .split(",")
    .some(
      (part) =>
        /^\s*application\/openmetrics-text\b/i.test(part) && !/;\s*q=0(\.0*)?\s*(;|$)/i.test(part),
    );
}

import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import type { ConfigMapSinkSettings, Settings } from "../config/settings.ts";
import type { ReplicaTotals } from "../engine/replica-totals.ts";
import type { DecisionSink } from "../ports/decision-sink.ts";
import { alone, type Leadership } from "../ports/leadership.ts";
import type { Log } from "../ports/log.ts";
import type { Election } from "../publish/election.ts";
import { fileSink } from "../publish/file.ts";
import { Outbox } from "../publish/outbox.ts";

/** Transitions that may wait for a sink: at 2 KB each a long outage of many flapping gates, and 20 MB. */
export const QUEUE_LIMIT = 10_000;

export interface Publishing {
  readonly sinks: readonly DecisionSink[];
  readonly leadership: Leadership;
  /** Changes that wait for a sink in a file, those of the call that runs too; null for one without such an outbox. */
  readonly waiting: (sink: string) => number | null;
  /** Begins to stand for election, if there is one. */
  start(): void;
  /** Gives the lead to another replica; after the last decisions are out. */
  stop(): Promise<void>;
}

export interface PublishingParts {
  readonly settings: Settings;
  /** How often the engine has started with this state directory. */
  readonly epoch: number;
  readonly totals: ReplicaTotals;
  /** Told when this process begins to lead (the epoch) or leads no more (null). */
  readonly onTerm: (epoch: number | null) => void;
  readonly log: Log;
}

/**
 * The sinks of the settings, and who may use them: with a ConfigMap the replica that holds the Lease, else this process.
 * The clients of Kafka and Kubernetes are loaded when they are wanted: they take longer to load than all the rest.
 *
 * @throws EngineError STATE_UNUSABLE when the outbox cannot be used
 */
export async function buildPublishing(parts: PublishingParts): Promise<Publishing> {
  const { settings, log } = parts;
  const { file, kafka, configMap } = settings.publish;
  const sinks: DecisionSink[] = file === null ? [] : [fileSink(file)];
  const outbox = kafka === null ? null : openOutbox(settings.state.directory, log);
  // Readers of a topic that was once written under higher terms must hear of this start too.
  const epoch = Math.max(parts.epoch, (outbox?.lastEpoch ?? 0) + 1);
  let leadership = alone(epoch);
  let election: Election | null = null;
  if (configMap !== null) {
    const built = await elected(configMap, { ...parts, epoch });
    election = built.election;
    leadership = election;
    sinks.push(built.sink);
  }
  if (kafka !== null && outbox !== null) {
    const { kafkaSink } = await import("../publish/kafka.ts");
    const epochNow = () => leadership.term()?.epoch ?? null;
    sinks.push(kafkaSink(kafka, { queue: outbox, elected: election !== null, epoch: epochNow }));
  }
  return {
    sinks,
    leadership,
    waiting: (sink) => (sink === "kafka" && outbox !== null ? outbox.unsettled : null),
    start: () => election?.start(),
    stop: async () => election?.stop(),
  };
}

function openOutbox(directory: string, log: Log): Outbox {
  const path = join(directory, "outbox-kafka.log");
  const onProblem = (error: unknown): void => {
    log.error("transitions for Kafka wait in memory only: the outbox cannot be written", {
      path,
      error: String(error),
    });
  };
  return Outbox.open({ path, limit: QUEUE_LIMIT, onProblem });
}

async function elected(settings: ConfigMapSinkSettings, parts: PublishingParts) {
  const { KubeClient } = await import("../publish/kube-client.ts");
  const { GateMaps } = await import("../publish/gate-maps.ts");
  const { Election } = await import("../publish/election.ts");
  const { configMapSink } = await import("../publish/configmap.ts");
  const { log, totals } = parts;
  const monotonicMs = (): number => performance.now();
  const client = new KubeClient(settings);
  const maps = new GateMaps(client, settings.name, log);
  const election = new Election({
    client,
    name: settings.name,
    identity: `${hostname()}_${randomUUID()}`,
    leastEpoch: parts.epoch,
    read: () => maps.read(),
    requests: () => totals.text(),
    onRequests: (text) => {
      if (!totals.compare(text)) return;
      const difference = totals.difference ?? 0;
      const percent = (Math.abs(difference) * 100).toFixed(1);
      const way = difference < 0 ? "fewer" : "more";
      log.warn(
        `the leader counted ${percent} % ${way} of the last 5 minutes' requests than this replica: does the Collector export to both?`,
        { leader: election.leader() },
      );
    },
    onTerm: parts.onTerm,
    log,
    monotonicMs,
    now: () => new Date(),
  });
  const sink = configMapSink({
    maps,
    monotonicMs,
    epoch: () => election.term()?.epoch ?? null,
    onDeposed: () => election.deposed(),
  });
  return { election, sink };
}

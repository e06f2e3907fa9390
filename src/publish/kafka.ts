import type { Kafka, Producer } from "kafkajs";
import { EngineError } from "../model/errors.ts";
import type { GateDecision } from "../model/gate.ts";
import type { KafkaSettings } from "../model/kafka-settings.ts";
import { type DurationMs, SECOND } from "../model/time.ts";
import type { DecisionSink } from "../ports/decision-sink.ts";
import type { TransitionQueue } from "../ports/transition-queue.ts";
import { withinDeadline } from "./deadline.ts";
import { decisionEvent, removedEvent, type TopicMessage } from "./event.ts";
import { explained, isFenced, kafkaClient } from "./kafka-client.ts";
import { ensureTopic } from "./kafka-topic.ts";

/** The state of a gate that has not changed is sent again this often; decisions come every 10 s. */
const REFRESH_MS: DurationMs = 25 * SECOND;
/** After this a broker ends the transaction of a producer that is gone, so that readers of committed records go on. */
const TRANSACTION_TIMEOUT_MS = 10 * SECOND;
/** A broker refuses record batches above 1 MiB by default. */
const MAX_SEND_BYTES = 512 * 1024;

export interface KafkaSinkParts {
  readonly queue: TransitionQueue;
  /** True when a leader is elected: a producer that fences ours is then an old leader's, and is fenced again. */
  readonly elected: boolean;
  /** The epoch in which this process leads now; null when it does not. */
  readonly epoch: () => number | null;
}

/**
 * Every transition in order, the newest state again every 30 s, a tombstone for an SLO that is gone. One batch is one
 * transaction: readers of committed records see it whole or not.
 *
 * After a failure nobody knows whether the transaction was committed. The next try begins with a new producer, whose start makes
 * the broker finish the old one's transaction either way, so nothing of it can come later. Then the same batch is sent
 * again; a reader that follows (epoch, sequence) drops what it has seen.
 */
export function kafkaSink(settings: KafkaSettings, parts: KafkaSinkParts): DecisionSink {
  const source = `/slogate/${settings.topic}`;
  const sent = new Map<string, GateDecision>();
  let session: Session | null = null;
  /** Another producer took over while this epoch was ours. */
  let fencedAt: number | null = null;

  const send = async (messages: readonly TopicMessage[], signal: AbortSignal): Promise<void> => {
    const epoch = parts.epoch();
    if (epoch === null) throw notLeading();
    if (fencedAt === epoch && !parts.elected) throw fenced(settings);
    try {
      if (session?.epoch !== epoch) {
        endSession();
        session = new Session(settings, epoch);
      }
      await withinDeadline("kafka", session.send(messages, parts.epoch), signal);
    } catch (error) {
      endSession();
      if (!isFenced(error)) throw explained(error, settings);
      fencedAt = epoch;
      throw fenced(settings, parts.elected, error);
    }
  };

  const endSession = (): void => {
    session?.end();
    session = null;
  };

  return {
    name: "kafka",
    wants: "both",
    queue: parts.queue,
    async publish(decisions, signal) {
      const due = decisions.filter((decision) => isDue(decision, sent.get(decision.slo)));
      if (due.length === 0) return;
      await send(
        due.map((decision) => decisionEvent(decision, source)),
        signal,
      );
      for (const decision of due) sent.set(decision.slo, decision);
    },
    async remove(slos, signal) {
      // The record's own time only: a reader forgets the key whatever it says.
      const now = Date.now();
      await send(
        slos.map((slo) => removedEvent(slo, source, now)),
        signal,
      );
      for (const slo of slos) sent.delete(slo);
    },
    async close() {
      await session?.end();
      session = null;
      parts.queue.close();
    },
  };
}

function isDue(decision: GateDecision, last: GateDecision | undefined): boolean {
  if (last === undefined) return true;
  if (decision.epoch !== last.epoch || decision.sequence !== last.sequence) return true;
  return decision.decidedAt - last.decidedAt >= REFRESH_MS;
}

/** One transactional producer, from its start to its first failure. */
class Session {
  readonly epoch: number;
  private readonly settings: KafkaSettings;
  private readonly client: Kafka;
  private readonly producer: Producer;
  private ready: Promise<void> | null = null;
  private ended = false;

  constructor(settings: KafkaSettings, epoch: number) {
    this.settings = settings;
    this.epoch = epoch;
    this.client = kafkaClient(settings);
    this.producer = this.client.producer({
      transactionalId: settings.transactionalId,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
    });
  }

  /** Resolves when all messages are committed. */
  async send(messages: readonly TopicMessage[], leading: () => number | null): Promise<void> {
    this.ready ??= ensureTopic(this.client, this.settings).then(() => this.producer.connect());
    await this.ready;
    // Beginning a transaction fences the predecessor: not by a process that has lost the lead while it was paused.
    if (this.ended || leading() !== this.epoch) throw notLeading();
    const transaction = await this.producer.transaction();
    for (const part of inParts(messages)) {
      await transaction.send({ topic: this.settings.topic, messages: part, acks: -1 });
    }
    await transaction.commit();
  }

  /** Lets go of the connection; what hangs fails then. */
  async end(): Promise<void> {
    this.ended = true;
    await this.producer.disconnect().catch(() => {
      // It is given up either way.
    });
  }
}

/** Messages in order, cut into requests that a broker takes. */
function inParts(messages: readonly TopicMessage[]): TopicMessage[][] {
  const parts: TopicMessage[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const message of messages) {
    const size = Buffer.byteLength(message.value ?? "") + 1024;
    if (bytes + size > MAX_SEND_BYTES) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(message);
    bytes += size;
  }
  return parts;
}

function notLeading(): EngineError {
  return new EngineError("SINK_UNAVAILABLE", "kafka: this process does not lead", {
    retryable: true,
  });
}

function fenced(settings: KafkaSettings, retryable = false, cause?: unknown): EngineError {
  const id = settings.transactionalId;
  const message = retryable
    ? `publish.kafka.transactional_id: another producer used ${id}; taking it back, because this process leads`
    : `publish.kafka.transactional_id: another engine publishes as ${id}; this one has stopped publishing to Kafka until it is restarted`;
  return new EngineError("SINK_REJECTED", message, { retryable, cause });
}

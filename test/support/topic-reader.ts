import { type IHeaders, Kafka, logLevel } from "kafkajs";
import type { DecisionMessage } from "../../src/model/decision-message.ts";
import { parseDecision } from "../../src/publish/parse.ts";
import { waitFor } from "./wait.ts";

/** A record as it stands on the topic. */
export interface TopicRecord {
  readonly key: string;
  /** Null: a tombstone. */
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Reads a topic of decisions as deploy tooling should: committed records only, from the beginning, and per SLO only what is newer
 * than what it holds: greater (epoch, sequence, decidedAt).
 */
export class TopicReader {
  /** Everything that was committed, in the order of the topic. */
  readonly records: TopicRecord[] = [];
  /** Per SLO the changes that the reader followed: one for each (epoch, sequence). */
  readonly followed = new Map<string, DecisionMessage[]>();
  /** Per SLO what holds now; readers treat one past its `validUntil` as unknown. */
  readonly current = new Map<string, DecisionMessage>();
  /** Called after each record. */
  onRecord: () => void = () => undefined;
  readonly #stop: () => Promise<void>;

  private constructor(stop: () => Promise<void>) {
    this.#stop = stop;
  }

  static async start(brokers: string, topic: string): Promise<TopicReader> {
    const client = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING });
    const consumer = client.consumer({
      groupId: `reader-${Math.random()}`,
      readUncommitted: false,
      // Its default of 5 s would be waited for at every stop.
      maxWaitTimeInMs: 200,
      retry: { retries: 100, maxRetryTime: 500 },
    });
    const reader = new TopicReader(() => consumer.disconnect());
    await consumer.connect();
    // The first publishing engine creates the topic.
    await waitFor(() => consumer.subscribe({ topic, fromBeginning: true }).then(() => true), {
      what: `the topic ${topic}`,
      timeoutMs: 20_000,
      everyMs: 200,
    });
    await consumer.run({
      eachMessage: async ({ message }) => {
        reader.#take({
          key: message.key?.toString() ?? "",
          value: message.value?.toString() ?? null,
          headers: texts(message.headers ?? {}),
        });
        reader.onRecord();
      },
    });
    return reader;
  }

  stop(): Promise<void> {
    return this.#stop();
  }

  #take(record: TopicRecord): void {
    this.records.push(record);
    if (record.value === null) {
      this.current.delete(record.key);
      return;
    }
    const parsed = parseDecision(record.value);
    if ("problem" in parsed) throw new Error(parsed.problem);
    const { decision } = parsed;
    const held = this.current.get(record.key);
    if (held !== undefined && !isNewer(decision, held)) return;
    this.current.set(record.key, decision);
    if (held?.epoch === decision.epoch && held.sequence === decision.sequence) return;
    const changes = this.followed.get(record.key) ?? [];
    this.followed.set(record.key, [...changes, decision]);
  }
}

function isNewer(a: DecisionMessage, b: DecisionMessage): boolean {
  if (a.epoch !== b.epoch) return a.epoch > b.epoch;
  if (a.sequence !== b.sequence) return a.sequence > b.sequence;
  return (a.decidedAt ?? "") > (b.decidedAt ?? "");
}

function texts(headers: IHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, String(value ?? "")]),
  );
}

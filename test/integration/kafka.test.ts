import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EngineError } from "../../src/model/errors.ts";
import type { KafkaSettings } from "../../src/model/kafka-settings.ts";
import { kafkaSink } from "../../src/publish/kafka.ts";
import { decisionJson, decisionMessage } from "../../src/publish/message.ts";
import { Outbox } from "../../src/publish/outbox.ts";
import { decisionSinkContract } from "../contract/decision-sink.ts";
import { runProcess } from "../support/child-process.ts";
import { decision } from "../support/decisions.ts";
import { freePort } from "../support/free-port.ts";
import { type Broker, kafkaSource, startKafka } from "../support/kafka.ts";
import { installed } from "../support/real-part.ts";
import { TopicReader } from "../support/topic-reader.ts";
import { waitFor } from "../support/wait.ts";

const source = kafkaSource();
const kcat = installed("kcat");

let broker: Broker;
let folder: string;
const readers: TopicReader[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "slogate-kafka-sink-"));
  if (source !== null) broker = await startKafka(source);
}, 120_000);
afterAll(async () => {
  await Promise.all(readers.map((reader) => reader.stop()));
  await broker?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function settings(over: Partial<KafkaSettings> = {}): KafkaSettings {
  const topic = over.topic ?? `decisions-${randomUUID()}`;
  return {
    brokers: broker.brokers.split(","),
    topic,
    transactionalId: `slogate/${topic}`,
    clientId: "slogate",
    partitions: 1,
    replicationFactor: null,
    tls: null,
    sasl: null,
    ...over,
  };
}

function sinkOf(of: KafkaSettings, epoch = 3, elected = false) {
  const path = join(folder, `${randomUUID()}.log`);
  const queue = Outbox.open({ path, limit: 100, onProblem: () => undefined });
  return kafkaSink(of, { queue, elected, epoch: () => epoch });
}

async function reader(topic: string): Promise<TopicReader> {
  const started = await TopicReader.start(broker.brokers, topic);
  readers.push(started);
  return started;
}

/** Everything committed so far: a marker is written and waited for. */
async function committed(of: KafkaSettings) {
  const client = new Kafka({ brokers: [...of.brokers], logLevel: logLevel.NOTHING });
  const producer = client.producer();
  await producer.connect();
  await producer.send({ topic: of.topic, messages: [{ key: "marker", value: null }] });
  await producer.disconnect();
  const read = await reader(of.topic);
  await waitFor(() => read.records.some(({ key }) => key === "marker") || undefined, {
    what: "the marker",
  });
  return read;
}

const inTime = () => AbortSignal.timeout(15_000);

async function failure(publishing: Promise<void>): Promise<EngineError> {
  const error = await publishing.then(
    () => new Error("published"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(EngineError);
  return error as EngineError;
}

describe.skipIf(source === null)("Kafka", () => {
  decisionSinkContract("kafka", async () => {
    const of = settings();
    return {
      sink: sinkOf(of),
      published: async () => {
        const admin = new Kafka({ brokers: [...of.brokers], logLevel: logLevel.NOTHING }).admin();
        await admin.connect();
        const topics = await admin.listTopics();
        await admin.disconnect();
        if (!topics.includes(of.topic)) return [];
        const { records } = await committed(of);
        return records.flatMap(({ value }) => (value === null ? [] : JSON.parse(value)));
      },
    };
  });
});

describe.skipIf(source === null)("the topic of decisions", () => {
  it("is created compacted", async () => {
    const of = settings({ partitions: 3 });
    const sink = sinkOf(of);
    await sink.publish([decision()], inTime());
    await sink.close();
    const admin = new Kafka({ brokers: [...of.brokers], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: of.topic, configNames: ["cleanup.policy"] }],
    });
    const { topics } = await admin.fetchTopicMetadata({ topics: [of.topic] });
    await admin.disconnect();
    expect(resources[0]?.configEntries[0]?.configValue).toBe("compact");
    expect(topics[0]?.partitions).toHaveLength(3);
  });

  it("holds CloudEvents in binary mode: attributes in headers, the decision as value", async () => {
    const of = settings();
    const sink = sinkOf(of);
    const d = decision({ epoch: 3, sequence: 17 });
    await sink.publish([d], inTime());
    await sink.remove?.(["payment-availability"], inTime());
    await sink.close();
    const { records } = await committed(of);
    expect(records[0]).toEqual({
      key: "payment-availability",
      value: decisionJson(d),
      headers: {
        "content-type": "application/json",
        ce_specversion: "1.0",
        ce_type: "dev.slogate.gate.decision.v1",
        ce_source: `/slogate/${of.topic}`,
        ce_id: "payment-availability/3/17/2026-05-04T10:00:37Z",
        ce_time: "2026-05-04T10:00:37.000Z",
        ce_subject: "payment-availability",
        ce_partitionkey: "payment-availability",
        ce_sequence: "0000000003.0000000017",
        ce_expirytime: "2026-05-04T10:01:37Z",
      },
    });
    expect(records[1]).toMatchObject({
      key: "payment-availability",
      value: null,
      headers: { ce_type: "dev.slogate.gate.removed.v1", ce_subject: "payment-availability" },
    });
  });

  it.skipIf(!kcat)("is read by kcat as well", async () => {
    const of = settings();
    const sink = sinkOf(of);
    const d = decision();
    await sink.publish([d], inTime());
    await sink.close();
    const args = ["-C", "-b", broker.brokers, "-t", of.topic, "-e", "-q", "-J"];
    const { stdout, stderr, code } = await runProcess("kcat", [
      ...args,
      ...["-X", "isolation.level=read_committed"],
    ]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const record = JSON.parse(stdout.trim());
    expect(record.key).toBe("payment-availability");
    expect(JSON.parse(record.payload)).toEqual(decisionMessage(d));
    const headers = Object.fromEntries(
      (record.headers as string[]).flatMap((name, i, all) =>
        i % 2 === 0 ? [[name, all[i + 1]]] : [],
      ),
    );
    expect(headers).toMatchObject({
      "content-type": "application/json",
      ce_specversion: "1.0",
      ce_subject: "payment-availability",
    });
  });

  it("gets a state that has not changed again after 30 s, not every 10 s", async () => {
    const of = settings();
    const sink = sinkOf(of);
    const at = decision().decidedAt;
    for (const seconds of [0, 10, 20, 30, 40, 50, 60]) {
      await sink.publish([decision({ decidedAt: at + seconds * 1000 })], inTime());
    }
    await sink.publish([decision({ decidedAt: at + 61_000, sequence: 18 })], inTime());
    await sink.close();
    const { records } = await committed(of);
    const seen = records.flatMap(({ headers }) => headers.ce_id ?? []);
    // At 0, 30 and 60 s, and the change at once.
    expect(seen.map((id) => id.split("/").slice(2).join(" "))).toEqual([
      "17 2026-05-04T10:00:37Z",
      "17 2026-05-04T10:01:07Z",
      "17 2026-05-04T10:01:37Z",
      "18 2026-05-04T10:01:38Z",
    ]);
  });

  it("takes a batch that is larger than a broker's largest record batch, in one transaction", async () => {
    const of = settings();
    const sink = sinkOf(of);
    const message = "x".repeat(10_000);
    const batch = Array.from({ length: 300 }, (_, i) => decision({ slo: `slo-${i}`, message }));
    await sink.publish(batch, inTime());
    await sink.close();
    const { records } = await committed(of);
    expect(records.filter(({ value }) => value !== null)).toHaveLength(300);
  });
});

describe.skipIf(source === null)("a producer", () => {
  it("of a later term fences the one before, whose batches are given up", async () => {
    const of = settings();
    const old = sinkOf(of, 3);
    await old.publish([decision({ epoch: 3, sequence: 1 })], inTime());
    const next = sinkOf(of, 4);
    await next.publish([decision({ epoch: 4, sequence: 1 })], inTime());
    const error = await failure(old.publish([decision({ epoch: 3, sequence: 2 })], inTime()));
    expect(error).toMatchObject({ code: "SINK_REJECTED", retryable: false });
    expect(error.message).toContain("publish.kafka.transactional_id: another engine publishes as");
    await failure(old.publish([decision({ epoch: 3, sequence: 3 })], inTime()));
    await next.publish([decision({ epoch: 4, sequence: 2 })], inTime());
    await Promise.all([old.close(), next.close()]);
    const { followed, records } = await committed(of);
    const changes = followed.get("payment-availability")?.map((d) => `${d.epoch}.${d.sequence}`);
    expect(changes).toEqual(["3.1", "4.1", "4.2"]);
    // And nothing of the fenced one is there for readers of committed records.
    expect(records.filter(({ value }) => value !== null)).toHaveLength(3);
  });

  it("of an elected leader takes its place back from one that does not lead", async () => {
    const of = settings();
    const leader = sinkOf(of, 4, true);
    await leader.publish([decision({ epoch: 4, sequence: 1 })], inTime());
    const stray = sinkOf(of, 3);
    await stray.publish([decision({ epoch: 3, sequence: 9 })], inTime());
    const error = await failure(leader.publish([decision({ epoch: 4, sequence: 2 })], inTime()));
    expect(error.retryable).toBe(true);
    await leader.publish([decision({ epoch: 4, sequence: 2 })], inTime());
    await Promise.all([leader.close(), stray.close()]);
    const { followed } = await committed(of);
    const changes = followed.get("payment-availability")?.map((d) => `${d.epoch}.${d.sequence}`);
    expect(changes).toEqual(["4.1", "4.2"]);
  });

  it("that does not lead begins no transaction", async () => {
    const of = settings();
    const path = join(folder, `${randomUUID()}.log`);
    const queue = Outbox.open({ path, limit: 1, onProblem: () => undefined });
    let epoch: number | null = 3;
    const sink = kafkaSink(of, { queue, elected: true, epoch: () => epoch });
    await sink.publish([decision({ sequence: 1 })], inTime());
    epoch = null;
    const error = await failure(sink.publish([decision({ sequence: 2 })], inTime()));
    expect(error.message).toBe("kafka: this process does not lead");
    await sink.close();
  });
});

describe.skipIf(source === null)("what is wrong with Kafka", () => {
  it("an unreachable broker names the key", async () => {
    const dead = `127.0.0.1:${await freePort()}`;
    const sink = sinkOf(settings({ brokers: [dead] }));
    const error = await failure(sink.publish([decision()], inTime()));
    expect(error).toMatchObject({ code: "SINK_UNAVAILABLE", retryable: true });
    expect(error.message).toContain(`publish.kafka.brokers: none of ${dead} answers`);
    await sink.close();
  });

  it("a topic that is not compacted names the key and the way out, and is used once it is", async () => {
    const of = settings();
    const admin = new Kafka({ brokers: [...of.brokers], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: of.topic }], waitForLeaders: true });
    const sink = sinkOf(of);
    const error = await failure(sink.publish([decision()], inTime()));
    expect(error.retryable).toBe(true);
    expect(error.message).toContain(
      `publish.kafka.topic: ${of.topic} has cleanup.policy=delete, it must be compact`,
    );
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: 2,
          name: of.topic,
          configEntries: [{ name: "cleanup.policy", value: "compact,delete" }],
        },
      ],
    });
    await admin.disconnect();
    // A time of now: what is old a topic with `delete` may delete at once.
    await sink.publish([decision({ decidedAt: Date.now() })], inTime());
    await sink.close();
    expect((await committed(of)).current.size).toBe(1);
  });

  it("a TLS file that is not there names the key", async () => {
    const tls = { caFile: join(folder, "nowhere.pem"), certFile: null, keyFile: null };
    const sink = sinkOf(settings({ tls }));
    const error = await failure(sink.publish([decision()], inTime()));
    expect(error.message).toContain("publish.kafka.tls.ca_file: cannot be read");
    await sink.close();
  });
});

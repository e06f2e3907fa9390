import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kafkaSink } from "../../src/publish/kafka.ts";
import { Outbox } from "../../src/publish/outbox.ts";
import { decision } from "../support/decisions.ts";
import { type Broker, kafkaImage, startKafkaContainer } from "../support/kafka.ts";
import { hasImage, missing } from "../support/real-part.ts";
import { TopicReader } from "../support/topic-reader.ts";
import { waitFor } from "../support/wait.ts";

const docker = hasImage(kafkaImage());
if (!docker)
  missing(`no Docker, or no image ${kafkaImage()}: a broker in a container is not tried`);

let broker: Broker;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "slogate-container-"));
  if (docker) broker = await startKafkaContainer(kafkaImage());
}, 180_000);
afterAll(async () => {
  await broker?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

describe.skipIf(!docker)("a broker in a container", () => {
  it("is published to and read from like any other", async () => {
    const topic = `decisions-${randomUUID()}`;
    const path = join(folder, "outbox.log");
    const sink = kafkaSink(
      {
        brokers: [broker.brokers],
        topic,
        transactionalId: topic,
        clientId: "slogate",
        partitions: 1,
        replicationFactor: null,
        tls: null,
        sasl: null,
      },
      {
        queue: Outbox.open({ path, limit: 10, onProblem: () => undefined }),
        elected: false,
        epoch: () => 3,
      },
    );
    await sink.publish([decision()], AbortSignal.timeout(20_000));
    await sink.close();
    const reader = await TopicReader.start(broker.brokers, topic);
    await waitFor(() => reader.current.get("payment-availability"), { what: "the decision" });
    await reader.stop();
    expect(reader.records).toHaveLength(1);
  }, 60_000);
});

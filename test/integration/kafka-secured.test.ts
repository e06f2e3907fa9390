import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KafkaSettings } from "../../src/model/kafka-settings.ts";
import { kafkaSink } from "../../src/publish/kafka.ts";
import { Outbox } from "../../src/publish/outbox.ts";
import { decision } from "../support/decisions.ts";
import { type MortalBroker, startBrokerProcess } from "../support/kafka.ts";
import { realPart } from "../support/real-part.ts";

const jars = realPart("kafka");
const fixture = (name: string) =>
  fileURLToPath(new URL(`../unit/receive/fixtures/${name}`, import.meta.url));
const PASSWORD = "a-long-secret";

let broker: MortalBroker;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "slogate-secured-"));
  if (jars === null) return;
  const store = join(folder, "server.pem");
  writeFileSync(
    store,
    readFileSync(fixture("server.key.pem"), "utf8") + readFileSync(fixture("server.pem"), "utf8"),
  );
  const login = "org.apache.kafka.common.security.plain.PlainLoginModule required";
  broker = await startBrokerProcess(jars, {
    listeners: "SASL_SSL://:{port},CONTROLLER://:{controller}",
    "advertised.listeners": "SASL_SSL://127.0.0.1:{port}",
    "listener.security.protocol.map": "SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "SASL_SSL",
    "sasl.enabled.mechanisms": "PLAIN",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "listener.name.sasl_ssl.plain.sasl.jaas.config": `${login} username="broker" password="${PASSWORD}" user_broker="${PASSWORD}" user_slogate="${PASSWORD}";`,
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": store,
    "ssl.truststore.type": "PEM",
    "ssl.truststore.location": fixture("ca.pem"),
    "ssl.endpoint.identification.algorithm": "",
  });
}, 120_000);
afterAll(async () => {
  await broker?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function publish(over: Partial<KafkaSettings>): Promise<string> {
  const topic = `decisions-${randomUUID()}`;
  const path = join(folder, `${topic}.log`);
  const settings: KafkaSettings = {
    brokers: [broker.brokers],
    topic,
    transactionalId: topic,
    clientId: "slogate",
    partitions: 1,
    replicationFactor: null,
    tls: { caFile: fixture("ca.pem"), certFile: null, keyFile: null },
    sasl: { mechanism: "plain", username: "slogate", password: PASSWORD },
    ...over,
  };
  const queue = Outbox.open({ path, limit: 10, onProblem: () => undefined });
  const sink = kafkaSink(settings, { queue, elected: false, epoch: () => 3 });
  const outcome = await sink.publish([decision()], AbortSignal.timeout(15_000)).then(
    () => "published",
    (error: Error) => error.message,
  );
  await sink.close();
  return outcome;
}

describe.skipIf(jars === null)("a broker that wants TLS and a password", () => {
  it("is published to with both", async () => {
    expect(await publish({})).toBe("published");
  });

  it("refuses a wrong password, which the error says without showing it", async () => {
    const sasl = { mechanism: "plain", username: "slogate", password: "guessed-wrong" } as const;
    const outcome = await publish({ sasl });
    expect(outcome).toContain("publish.kafka.sasl: the broker refuses these credentials");
    expect(outcome).not.toContain("guessed-wrong");
  });

  it("is not trusted without its authority", async () => {
    expect(await publish({ tls: { caFile: null, certFile: null, keyFile: null } })).toMatch(
      /^publish\.kafka\..*certificate/,
    );
  });
});

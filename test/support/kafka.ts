import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OwnedProcess, runProcess, startProcess } from "./child-process.ts";
import { freePort } from "./free-port.ts";
import { builtPart, hasImage, missing } from "./real-part.ts";
import { waitFor } from "./wait.ts";

/** Where a test's broker comes from: an address that is given, the jars of `.ci/kafka`, or a container. */
export type KafkaSource =
  | { readonly kind: "address"; readonly brokers: string }
  | { readonly kind: "process"; readonly jars: string }
  | { readonly kind: "container"; readonly image: string };

export interface Broker {
  /** host:port, perhaps several with commas, as in KAFKA_BROKERS. */
  readonly brokers: string;
  stop(): Promise<void>;
}

/** A broker that a test may end and start again on the same port with the same data. */
export interface MortalBroker extends Broker {
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Resolves when it takes messages again. */
  start(): Promise<void>;
}

/** Null when there is none, with the reason printed; see `realPart`. */
export function kafkaSource(): KafkaSource | null {
  const brokers = process.env.KAFKA_BROKERS;
  if (brokers !== undefined && brokers !== "") return { kind: "address", brokers };
  const jars = builtPart("kafka");
  if (jars !== null) return { kind: "process", jars };
  if (hasImage(kafkaImage())) return { kind: "container", image: kafkaImage() };
  missing(
    "no Kafka: set KAFKA_BROKERS, start Docker, or fetch the broker: bash .ci/kafka/build.sh",
  );
  return null;
}

export function kafkaImage(): string {
  return process.env.SLOGATE_KAFKA_IMAGE ?? "apache/kafka:4.1.1";
}

export async function startKafka(source: KafkaSource): Promise<Broker> {
  switch (source.kind) {
    case "address":
      return { brokers: source.brokers, stop: async () => {} };
    case "process":
      return startBrokerProcess(source.jars);
    case "container":
      return startKafkaContainer(source.image);
  }
}

/** The broker's settings, as `server.properties` names them: one node, so every internal topic has one replica. */
function properties(port: number, controllerPort: number): Record<string, string> {
  return {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://:${port},CONTROLLER://:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
  };
}

/** What the broker logs when it takes messages; an open port is not enough. */
const STARTED = "Kafka Server started";

const LOGGING = `rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
logger.started.name=kafka.server.KafkaRaftServer
logger.started.level=info
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %m (%c)%n
`;

/**
 * One KRaft node (broker and controller) as a process of its own on loopback.
 *
 * @param more lines for `server.properties`, over the usual ones; `{port}` and `{controller}` stand for its ports
 */
export async function startBrokerProcess(
  jars: string,
  more: Readonly<Record<string, string>> = {},
): Promise<MortalBroker> {
  const directory = mkdtempSync(join(tmpdir(), "slogate-kafka-"));
  const [port, controllerPort] = [await freePort(), await freePort()];
  const all = { ...properties(port, controllerPort), ...more, "log.dirs": join(directory, "data") };
  const config = join(directory, "server.properties");
  const lines = Object.entries(all).map(
    ([key, value]) =>
      `${key}=${value.replaceAll("{port}", String(port)).replaceAll("{controller}", String(controllerPort))}\n`,
  );
  writeFileSync(config, lines.join(""));
  writeFileSync(join(directory, "log4j2.properties"), LOGGING);
  const jvm = [
    // A test's broker lives for seconds: the quick compiler is enough.
    ...["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m"],
    `-Dlog4j2.configurationFile=${join(directory, "log4j2.properties")}`,
    ...["-cp", `${jars}/*`],
  ];
  const format = ["format", "-t", "c2xvZ2F0ZS10ZXN0cy4uLg", "-c", config];
  const formatted = await runProcess("java", [...jvm, "kafka.tools.StorageTool", ...format]);
  if (formatted.code !== 0)
    throw new Error(`Kafka's storage: ${formatted.stdout}${formatted.stderr}`);

  let broker: OwnedProcess | null = null;
  const start = async (): Promise<void> => {
    const child = startProcess("java", [...jvm, "kafka.Kafka", config]);
    broker = child;
    await waitFor(
      () => (child.ending() !== null || child.stdout().includes(STARTED) ? true : undefined),
      { what: "the Kafka broker", timeoutMs: 60_000 },
    );
    if (child.ending() !== null) throw new Error(`the Kafka broker ended:\n${child.stdout()}`);
  };
  await start();
  return {
    brokers: `127.0.0.1:${port}`,
    start,
    async kill() {
      broker?.signal("SIGKILL");
      await broker?.ended;
    },
    async stop() {
      await broker?.stop(20_000);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/**
 * The same broker in a container, by testcontainers. Both the official image and that of `.ci/kafka` take their settings from
 * variables: `KAFKA_NODE_ID` is `node.id`.
 */
export async function startKafkaContainer(image: string): Promise<Broker> {
  const { GenericContainer, Wait } = await import("testcontainers");
  // Chosen first, because the broker tells clients the address under which it is reached.
  const port = await freePort();
  const environment = Object.fromEntries(
    Object.entries(properties(port, 9093)).map(([key, value]) => [
      `KAFKA_${key.toUpperCase().replaceAll(".", "_")}`,
      value,
    ]),
  );
  const container = await new GenericContainer(image)
    .withEnvironment(environment)
    .withExposedPorts({ container: port, host: port })
    .withWaitStrategy(Wait.forLogMessage(new RegExp(STARTED)))
    .withStartupTimeout(120_000)
    .start();
  return {
    brokers: `${container.getHost()}:${port}`,
    async stop() {
      await container.stop();
    },
  };
}

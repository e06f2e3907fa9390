import { randomUUID } from "node:crypto";
import { KubeConfig, type V1ConfigMap, Watch } from "@kubernetes/client-node";
import { EngineProcess } from "../test/support/engine-process.ts";
import { kafkaSource, startKafka } from "../test/support/kafka.ts";
import { kubectl, kubeSource, startKube } from "../test/support/kube.ts";
import { tracesRequest } from "../test/support/otlp.ts";
import { OtlpGrpcClient } from "../test/support/otlp-client.ts";
import { TopicReader } from "../test/support/topic-reader.ts";
import { waitFor } from "../test/support/wait.ts";
import { figure, must, printTable } from "./report.ts";

/*
 * How long after the acknowledgement of bad requests does the closed gate stand where controllers read it? One engine with a
 * real broker and a real API server, 200 SLOs with steady traffic; at odd moments a service fails, one after another.
 * Measured from the answer to the export until a watch of the ConfigMap and a consumer of committed records have it.
 */
const SLOS = 200;
const FAIL_EVERY_MS = 137;
const services = Array.from({ length: SLOS }, (_, i) => `service-${i}`);
const acknowledged = new Map<string, number>();
const inConfigMap = new Map<string, number>();
const onTopic = new Map<string, number>();

const [kafka, kube] = [kafkaSource(), kubeSource()];
if (kafka === null || kube === null) throw new Error("needs Kafka and an API server");
const [broker, server] = await Promise.all([startKafka(kafka), startKube(kube)]);
const namespace = `bench-${randomUUID()}`;
const topic = `bench-${randomUUID()}`;
await kubectl(server.kubeconfig, ["create", "namespace", namespace]);
const engine = await EngineProcess.start({
  // Windows in which a failure is evidence enough at once: how long a detector wants to look is not the question.
  slos: services.map((service) => ({
    name: service,
    service,
    annotations: { windows: "10s/30s>5" },
  })),
  settings: {
    publish: {
      kafka: { brokers: broker.brokers.split(","), topic },
      config_map: { namespace, kubeconfig: server.kubeconfig },
    },
  },
});
const client = new OtlpGrpcClient(engine.otlpGrpc);

const good = setInterval(() => {
  const spans = services.flatMap((service) => Array.from({ length: 5 }, () => ({ service })));
  void client.export("traces", tracesRequest(spans, "protobuf"));
}, 1_000);
const config = new KubeConfig();
config.loadFromFile(server.kubeconfig);
const watch = await new Watch(config).watch(
  `/api/v1/namespaces/${namespace}/configmaps`,
  { fieldSelector: "metadata.name=slogate-gates" },
  (_phase, map: V1ConfigMap) => note(inConfigMap, (service) => map.data?.[service] === "closed"),
  () => undefined,
);
const reader = await TopicReader.start(broker.brokers, topic);
reader.onRecord = () => note(onTopic, (slo) => reader.current.get(slo)?.state === "closed");

try {
  await waitFor(
    async () => {
      const { data } = (await (await engine.get("/v1/gates")).json()) as {
        data: { state: string }[];
      };
      return data.every(({ state }) => state === "open") || undefined;
    },
    { what: "every gate to open", timeoutMs: 60_000 },
  );
  for (const service of services) {
    const spans = Array.from({ length: 60 }, () => ({ service, status: "error" as const }));
    await client.export("traces", tracesRequest(spans, "protobuf"));
    acknowledged.set(service, performance.now());
    await new Promise((resolve) => setTimeout(resolve, FAIL_EVERY_MS));
  }
  await waitFor(() => (inConfigMap.size === SLOS && onTopic.size === SLOS) || undefined, {
    what: "every closed gate",
    timeoutMs: 30_000,
  });
} finally {
  clearInterval(good);
  watch.abort();
  await reader.stop();
  client.close();
  await engine.dispose();
  await Promise.all([broker.stop(), server.stop()]);
}

console.log(
  `${SLOS} SLOs fail one after another, every ${FAIL_EVERY_MS} ms; from the acknowledgement, s\n`,
);
printTable(
  ["the closed gate", "median", "p99", "longest"],
  [
    ["in the ConfigMap", ...delays(inConfigMap)],
    ["on the topic, committed", ...delays(onTopic)],
  ],
);

function note(seen: Map<string, number>, isClosed: (service: string) => boolean): void {
  for (const service of acknowledged.keys()) {
    if (!seen.has(service) && isClosed(service)) seen.set(service, performance.now());
  }
}

function delays(seen: ReadonlyMap<string, number>): string[] {
  const seconds = services
    .map((service) => ((seen.get(service) ?? Number.NaN) - (acknowledged.get(service) ?? 0)) / 1000)
    .sort((a, b) => a - b);
  must(seconds.length === SLOS && seconds.every((s) => s > 0), "a gate was not seen to close");
  const at = (share: number) => figure(seconds[Math.ceil(share * SLOS) - 1] ?? Number.NaN);
  return [at(0.5), at(0.99), at(1)];
}

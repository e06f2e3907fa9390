import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EngineProcess } from "../support/engine-process.ts";
import { freePort } from "../support/free-port.ts";
import { type ApiServer, kubeSource, startKube } from "../support/kube.ts";
import { tracesRequest } from "../support/otlp.ts";
import { OtlpGrpcClient } from "../support/otlp-client.ts";
import { waitFor } from "../support/wait.ts";

const source = kubeSource();

let server: ApiServer;
const engines: EngineProcess[] = [];

beforeAll(async () => {
  if (source !== null) server = await startKube(source);
}, 120_000);
afterAll(async () => {
  await Promise.all(engines.map((engine) => engine.dispose()));
  await server?.stop();
});

async function start(publish: Readonly<Record<string, unknown>>): Promise<EngineProcess> {
  const engine = await EngineProcess.start({
    slos: [{ name: "pay", service: "payment", annotations: { windows: "10s/30s>5" } }],
    settings: { publish },
  });
  engines.push(engine);
  return engine;
}

/** 20 s of requests, then failures: the gate opens, then closes. */
async function gates(engine: EngineProcess): Promise<void> {
  const client = new OtlpGrpcClient(engine.otlpGrpc);
  const send = (status: "ok" | "error", count: number) => {
    const spans = Array.from({ length: count }, () => ({ service: "payment", status }));
    return client.export("traces", tracesRequest(spans));
  };
  const timer = setInterval(() => void send("ok", 20), 500);
  await engine.gateWhere("pay", ({ state }) => state === "open", 30_000);
  await send("error", 500);
  await engine.gateWhere("pay", ({ state }) => state === "closed", 5_000);
  clearInterval(timer);
  client.close();
}

const says = (engine: EngineProcess, text: string) =>
  waitFor(() => (engine.stderr().includes(text) ? true : undefined), {
    what: `"${text}" in the log:\n${engine.stderr()}`,
    timeoutMs: 15_000,
  });

describe.skipIf(source === null)(
  "an engine whose sinks are misconfigured goes on gating and says which key is wrong:",
  () => {
    it("brokers that nobody listens at", async () => {
      const dead = `127.0.0.1:${await freePort()}`;
      const engine = await start({ kafka: { brokers: [dead] } });
      await says(engine, `publish.kafka.brokers: none of ${dead} answers`);
      await gates(engine);
    }, 60_000);

    it("a namespace that does not exist", async () => {
      const namespace = `missing-${randomUUID()}`;
      const engine = await start({ config_map: { namespace, kubeconfig: server.kubeconfig } });
      await says(engine, `publish.config_map.namespace: ${namespace} does not exist`);
      await gates(engine);
      // Nobody leads, so this is nobody's word.
      expect((await engine.gate("pay")).epoch).toBe(0);
    }, 60_000);
  },
);

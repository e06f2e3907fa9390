import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Collector, startCollector } from "../support/collector.ts";
import { EngineProcess, TEST_TOKEN } from "../support/engine-process.ts";
import { GateWatch } from "../support/gate-watch.ts";
import { kubectl, type MortalApiServer, startApiServerProcess } from "../support/kube.ts";
import { installed, realPart } from "../support/real-part.ts";
import { instrumentedService } from "../support/sdk.ts";
import { waitFor } from "../support/wait.ts";

const otelcol = realPart("otelcol");
const binary = realPart("kube");
const hasKubectl = installed("kubectl");
const NAME = "slogate-gates";

let server: MortalApiServer;
let namespace: string;
const engines: EngineProcess[] = [];
const undo: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  if (binary !== null) server = await startApiServerProcess(binary);
}, 120_000);
afterAll(() => server?.stop());
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
  await Promise.all(engines.splice(0).map((engine) => engine.dispose()));
});

async function twoReplicas(): Promise<[EngineProcess, EngineProcess]> {
  namespace = `replicas-${randomUUID()}`;
  await kubectl(server.kubeconfig, ["create", "namespace", namespace]);
  const start = async () => {
    const engine = await EngineProcess.start({
      slos: [{ name: "pay", service: "payment", annotations: { "keep-closed-for": "10s" } }],
      settings: {
        publish: {
          file: { path: "decisions.jsonl" },
          config_map: { namespace, kubeconfig: server.kubeconfig },
        },
      },
    });
    engines.push(engine);
    return engine;
  };
  const first = await start();
  await untilLeading(first);
  return [first, await start()];
}

async function untilLeading(engine: EngineProcess, timeoutMs = 10_000): Promise<void> {
  await waitFor(() => (engine.stderr().includes("this replica leads") ? true : undefined), {
    what: `the lead:\n${engine.stderr()}`,
    timeoutMs,
  });
}

/** A Collector that exports everything to every replica, and a service that sends it a steady stream of requests. */
async function traffic(replicas: readonly EngineProcess[]) {
  const names = replicas.map((_, i) => `otlp_grpc/replica-${i}`);
  const collector: Collector = await startCollector(otelcol ?? "", {
    exporters: Object.fromEntries(
      replicas.map((engine, i) => [
        names[i],
        { endpoint: engine.otlpGrpc, tls: { insecure: true } },
      ]),
    ),
    pipelines: { traces: { exporters: names } },
  });
  const service = instrumentedService({ endpoint: collector.grpc, service: "payment" });
  let badShare = 0;
  const timer = setInterval(() => {
    const bad = Math.round(20 * badShare);
    service.handle(20 - bad, "good");
    service.handle(bad, "bad");
    service.flush().catch(() => undefined);
  }, 100);
  undo.push(async () => {
    clearInterval(timer);
    await service.stop();
    await collector.stop();
  });
  return {
    bad(share: number) {
      badShare = share;
    },
  };
}

describe.skipIf(binary === null || otelcol === null || !hasKubectl)("two replicas", () => {
  it("have one leader, and another takes over within 20 s of its kill -9, without a flap", async () => {
    const [first, second] = await twoReplicas();
    const load = await traffic([first, second]);
    const watch = await watching();
    await watch.until((gate) => gate.state === "open", 40_000);
    load.bad(0.5);
    await watch.until((gate) => gate.state === "closed", 30_000);
    await second.gateWhere("pay", (d) => d.state === "closed");
    const before = watch.last();
    first.signal("SIGKILL");
    const killedAt = performance.now();
    await watch.until((gate) => gate.epoch > before.epoch, 25_000);
    const takeoverS = (performance.now() - killedAt) / 1000;
    console.log(`taken over ${takeoverS.toFixed(1)} s after kill -9`);
    expect(takeoverS).toBeLessThan(20);
    const first20 = watch.seen.length;
    await waitFor(() => (watch.last() && watch.seen.length >= first20 + 2 ? true : undefined), {
      what: "two refreshes by the new leader",
      timeoutMs: 30_000,
    });
    // Nobody has seen anything but this, and sequences only grew; the closed gate is the same one.
    expect(watch.states()).toEqual(["unknown", "open", "closed"]);
    expectGrowing(watch);
    expect(watch.last()).toMatchObject({ sequence: before.sequence, since: before.since });
    // It never changed its mind while it led, and published nothing before.
    expect(existsSync(join(second.directory, "decisions.jsonl"))).toBe(false);
  }, 200_000);

  it("hand over at once when the leader is stopped, with its overrides", async () => {
    const [first, second] = await twoReplicas();
    const watch = await watching();
    expect((await override(second, "closed")).status).toBe(409);
    expect((await override(first, "closed")).status).toBe(200);
    // As the README has it; kubectl's own start is part of the two seconds.
    const jsonpath = ["-o", "jsonpath={.data.pay}"];
    await waitFor(
      async () => {
        const args = ["get", "configmap", NAME, "-n", namespace, ...jsonpath];
        return (await kubectl(server.kubeconfig, args)) === "closed" || undefined;
      },
      { what: "the closed gate by kubectl", timeoutMs: 2_000 },
    );
    const closed = await watch.until((gate) => gate.state === "closed", 5_000);
    const stoppedAt = performance.now();
    await first.stop();
    await watch.until((gate) => gate.epoch > closed.epoch, 10_000);
    expect(performance.now() - stoppedAt).toBeLessThan(6_000);
    expect(watch.last()).toMatchObject({
      state: "closed",
      reason: "override",
      sequence: closed.sequence,
    });
    expect((await override(second, "open")).status).toBe(200);
    await watch.until((gate) => gate.state === "open", 5_000);
    expectGrowing(watch);
  }, 60_000);

  it("do not write both when a leader that was paused wakes up", async () => {
    const [first, second] = await twoReplicas();
    const watch = await watching();
    const before = watch.last();
    first.signal("SIGSTOP");
    try {
      await watch.until((gate) => gate.epoch > before.epoch, 25_000);
      await override(second, "closed");
      await watch.until((gate) => gate.state === "closed", 5_000);
    } finally {
      first.signal("SIGCONT");
    }
    await waitFor(
      () => (first.stderr().includes("this replica leads no more") ? true : undefined),
      {
        what: "the old leader to step down",
      },
    );
    const seen = watch.seen.length;
    await waitFor(() => (watch.last() && watch.seen.length >= seen + 2 ? true : undefined), {
      what: `two more refreshes:\n${first.stderr()}\n\n${second.stderr()}`,
      timeoutMs: 30_000,
    });
    expectGrowing(watch);
    expect(watch.last()).toMatchObject({ state: "closed", epoch: before.epoch + 1 });
    // What the old one says of itself is no leader's word any more.
    expect((await first.gate("pay")).epoch).toBe(0);
  }, 90_000);

  it("go on through a restart of the API server", async () => {
    const [first] = await twoReplicas();
    const watch = await watching();
    const before = watch.last();
    undo.pop();
    await watch.stop();
    await server.kill();
    await override(first, "closed");
    expect((await first.gate("pay")).state).toBe("closed");
    await server.start();
    const after = await watching();
    await after.until((gate) => gate.state === "closed", 25_000);
    expect(after.last().epoch).toBe(before.epoch);
    expect(first.stderr()).toContain("publish.config_map.kubeconfig: no answer from https://");
  }, 90_000);

  it("say so when one of them misses requests", async () => {
    const [first, second] = await twoReplicas();
    await traffic([first]);
    await waitFor(() => (second.stderr().includes("than this replica") ? true : undefined), {
      what: `the notice:\n${second.stderr()}`,
      timeoutMs: 60_000,
    });
    expect(second.stderr()).toMatch(/the leader counted 100\.0 % more .* than this replica/);
  }, 90_000);
});

function expectGrowing(watch: GateWatch): void {
  watch.last();
  const order = watch.seen.map(({ epoch, sequence }) => epoch * 1e6 + sequence);
  expect(order).toEqual([...order].sort((a, b) => a - b));
}

async function watching(): Promise<GateWatch> {
  const watch = await GateWatch.start(server.kubeconfig, namespace, NAME, "pay");
  undo.push(() => watch.stop());
  return watch;
}

async function override(engine: EngineProcess, state: "open" | "closed"): Promise<Response> {
  return fetch(`http://${engine.api}/v1/overrides/pay`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${TEST_TOKEN}` },
    body: JSON.stringify({ state, for: "1h", reason: "drill", author: "test" }),
    signal: AbortSignal.timeout(5_000),
  });
}

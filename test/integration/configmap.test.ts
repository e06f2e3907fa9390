import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Log } from "../../src/ports/log.ts";
import { configMapSink } from "../../src/publish/configmap.ts";
import { GateMaps } from "../../src/publish/gate-maps.ts";
import { KubeClient } from "../../src/publish/kube-client.ts";
import { MAX_DATA_BYTES } from "../../src/publish/manifest.ts";
import { decisionMessage } from "../../src/publish/message.ts";
import { decisionSinkContract } from "../contract/decision-sink.ts";
import { decision } from "../support/decisions.ts";
import { type ApiServer, kubectl, kubeSource, startKube } from "../support/kube.ts";
import { installed } from "../support/real-part.ts";

const source = kubeSource();
const hasKubectl = installed("kubectl");
const NAME = "slogate-gates";

let server: ApiServer;

beforeAll(async () => {
  if (source !== null) server = await startKube(source);
}, 120_000);
afterAll(async () => {
  await server?.stop();
});

const inTime = () => AbortSignal.timeout(15_000);

async function newNamespace(): Promise<string> {
  const namespace = `gates-${randomUUID()}`;
  await kubectl(server.kubeconfig, ["create", "namespace", namespace]);
  return namespace;
}

/** A writer as the leader of a term has it: what is there was read. */
async function writer(namespace: string, epoch = 3, monotonicMs = () => performance.now()) {
  const logged: string[] = [];
  const say = (message: string, fields?: unknown) =>
    void logged.push(`${message} ${JSON.stringify(fields)}`);
  const log: Log = { info: say, warn: say, error: say };
  const client = new KubeClient({ namespace, kubeconfig: server.kubeconfig });
  const maps = new GateMaps(client, NAME, log);
  const published = await maps.read();
  let deposed = false;
  const sink = configMapSink({
    maps,
    monotonicMs,
    epoch: () => epoch,
    onDeposed: () => {
      deposed = true;
    },
  });
  return { sink, maps, published, logged, isDeposed: () => deposed };
}

async function dataOf(namespace: string, name = NAME): Promise<Record<string, string>> {
  const json = await kubectl(server.kubeconfig, [
    ...["get", "configmap", name, "-n", namespace, "-o", "json"],
  ]);
  return JSON.parse(json).data ?? {};
}

async function failure(publishing: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  const error = await publishing.then(
    () => new Error("published"),
    (thrown: unknown) => thrown,
  );
  return error as Error & Record<string, unknown>;
}

describe.skipIf(source === null || !hasKubectl)("Kubernetes", () => {
  decisionSinkContract("config_map", async () => {
    const namespace = await newNamespace();
    const { sink } = await writer(namespace);
    return {
      sink,
      published: async () => {
        const names = await kubectl(server.kubeconfig, [
          ...["get", "configmap", "-n", namespace, "-o", "name"],
        ]);
        if (!names.includes(`${NAME}-json-0`)) return [];
        const data = await dataOf(namespace, `${NAME}-json-0`);
        return Object.values(data).map((json) => JSON.parse(json));
      },
    };
  });
});

describe.skipIf(source === null || !hasKubectl)("the ConfigMap of gates", () => {
  it("holds flat keys for shells and policies, and the decisions beside it", async () => {
    const namespace = await newNamespace();
    const { sink } = await writer(namespace);
    const cart = decision({
      slo: "cart",
      state: "open",
      allowed: true,
      message: "ok",
      versions: [],
    });
    const pay = decision({ slo: "pay", validUntil: cart.validUntil + 5_000 });
    await sink.publish([pay, cart], inTime());
    expect(await dataOf(namespace)).toEqual({
      cart: "open",
      "cart.allowed": "true",
      "cart.message": "ok",
      "cart.suspect": "",
      "cart.healthy": "",
      pay: "closed",
      "pay.allowed": "false",
      "pay.message": "burn rate 41.2 over 5m and 15.9 over 1h",
      "pay.suspect": "1.4.2",
      "pay.healthy": "1.4.1",
      // The older of the two.
      validUntil: "2026-05-04T10:01:37Z",
      epoch: "3",
    });
    const shard = await dataOf(namespace, `${NAME}-json-0`);
    expect(JSON.parse(shard["pay.json"] ?? "")).toEqual(decisionMessage(pay));
  });

  it("renews what it holds every ten seconds, also after a renewal that was late", async () => {
    const namespace = await newNamespace();
    let nowMs = 0;
    const { sink } = await writer(namespace, 3, () => nowMs);
    for (const atMs of [0, 10_700, 20_000, 30_000]) {
      nowMs = atMs;
      const refreshed = decision({ decidedAt: 1_777_888_877_000 + atMs });
      await sink.publish([refreshed], inTime());
      const shard = await dataOf(namespace, `${NAME}-json-0`);
      expect(JSON.parse(Object.values(shard)[0] ?? "")).toEqual(decisionMessage(refreshed));
    }
  });

  it("forgets an SLO that is gone, also one that went while nobody was there", async () => {
    const namespace = await newNamespace();
    const { sink } = await writer(namespace);
    await sink.publish(
      ["a", "b", "c"].map((slo) => decision({ slo })),
      inTime(),
    );
    await sink.remove?.(["a"], inTime());
    expect(Object.keys(await dataOf(namespace))).not.toContain("a");
    expect(Object.keys(await dataOf(namespace, `${NAME}-json-0`)).sort()).toEqual([
      "b.json",
      "c.json",
    ]);
    const next = await writer(namespace, 4);
    await next.sink.publish([decision({ slo: "b", epoch: 4 })], inTime());
    expect(Object.keys(await dataOf(namespace)).filter((key) => !key.includes("."))).toEqual([
      "b",
      "epoch",
      "validUntil",
    ]);
  });

  it("is written at most once a second, with the newest of what came meanwhile", async () => {
    const namespace = await newNamespace();
    const { sink } = await writer(namespace);
    const began = performance.now();
    for (let sequence = 1; sequence <= 4; sequence++) {
      const state = sequence % 2 === 0 ? "open" : "closed";
      await sink.publish([decision({ sequence, state })], inTime());
    }
    expect(performance.now() - began).toBeGreaterThan(2_900);
    const { metadata } = JSON.parse(
      await kubectl(server.kubeconfig, ["get", "configmap", NAME, "-n", namespace, "-o", "json"]),
    );
    expect(metadata.annotations["slogate.dev/epoch"]).toBe("3");
    expect((await dataOf(namespace))["payment-availability"]).toBe("open");
  });

  it("is spread over more maps when the decisions are too large for one", async () => {
    const namespace = await newNamespace();
    const { sink } = await writer(namespace);
    const message = "m".repeat(5_000);
    // 400 x 6.5 KB of JSON = 2.6 MB, and 2 MB of messages in the flat map.
    const many = Array.from({ length: 400 }, (_, i) => decision({ slo: `slo-${i}`, message }));
    await sink.publish(many, inTime());
    const flat = await dataOf(namespace);
    expect(flat["slo-399"]).toBe("closed");
    expect(flat["slo-399.message"]).toBeUndefined();
    const next = await writer(namespace, 4);
    expect(next.maps.shards).toBe(4);
    expect(next.published.gates.map(({ slo }) => slo).sort()).toEqual(
      many.map(({ slo }) => slo).sort(),
    );
    for (let shard = 0; shard < 4; shard++) {
      const data = await dataOf(namespace, `${NAME}-json-${shard}`);
      expect(JSON.stringify(data).length).toBeLessThan(MAX_DATA_BYTES * 1.2);
    }
  });
});

describe.skipIf(source === null || !hasKubectl)("the writer", () => {
  it("of an older term is refused when a newer one has written, and knows then that it is deposed", async () => {
    const namespace = await newNamespace();
    const old = await writer(namespace, 3);
    await old.sink.publish([decision({ epoch: 3, state: "closed" })], inTime());
    const next = await writer(namespace, 4);
    await next.sink.publish([decision({ epoch: 4, state: "open", sequence: 18 })], inTime());
    const error = await failure(
      old.sink.publish([decision({ epoch: 3, state: "closed", sequence: 19 })], inTime()),
    );
    expect(error).toMatchObject({ code: "SINK_REJECTED", retryable: false });
    expect(error.message).toContain("holds epoch 4: another replica has taken over from epoch 3");
    expect(old.isDeposed()).toBe(true);
    expect(await dataOf(namespace)).toMatchObject({ "payment-availability": "open", epoch: "4" });
  });

  it("cannot create what a newer one has created meanwhile", async () => {
    const namespace = await newNamespace();
    // Both have seen that there is nothing.
    const old = await writer(namespace, 3);
    const next = await writer(namespace, 4);
    await next.sink.publish([decision({ epoch: 4, state: "open" })], inTime());
    expect(await failure(old.sink.publish([decision({ epoch: 3 })], inTime()))).toMatchObject({
      code: "SINK_REJECTED",
    });
    expect(await dataOf(namespace)).toMatchObject({ "payment-availability": "open", epoch: "4" });
  });

  it("of the newer term wins when an older one's last write came in between", async () => {
    const namespace = await newNamespace();
    const old = await writer(namespace, 3);
    await old.sink.publish([decision({ epoch: 3 })], inTime());
    const next = await writer(namespace, 4);
    await old.sink.publish([decision({ epoch: 3, sequence: 18 })], inTime());
    await next.sink.publish([decision({ epoch: 4, state: "open", sequence: 19 })], inTime());
    expect(await dataOf(namespace)).toMatchObject({ "payment-availability": "open", epoch: "4" });
    expect(
      await failure(old.sink.publish([decision({ epoch: 3, sequence: 20 })], inTime())),
    ).toMatchObject({
      code: "SINK_REJECTED",
    });
  });

  it("takes back what another field manager changed, and says who it was", async () => {
    const namespace = await newNamespace();
    const { sink, logged } = await writer(namespace);
    await sink.publish([decision({ sequence: 1 })], inTime());
    await kubectl(server.kubeconfig, [
      ...["patch", "configmap", NAME, "-n", namespace, "--field-manager=a-hasty-hand"],
      ...["--type=merge", "-p", '{"data":{"payment-availability":"open","note":"mine"}}'],
    ]);
    expect((await dataOf(namespace))["payment-availability"]).toBe("open");
    await sink.publish([decision({ sequence: 2 })], inTime());
    expect(await dataOf(namespace)).toMatchObject({
      "payment-availability": "closed",
      // A key that was never ours stays.
      note: "mine",
    });
    expect(logged.join("\n")).toContain("another field manager changed published gates");
    expect(logged.join("\n")).toContain("a-hasty-hand");
  });

  it("makes the maps anew when somebody deletes them", async () => {
    const namespace = await newNamespace();
    const { sink } = await writer(namespace);
    await sink.publish([decision({ sequence: 1 })], inTime());
    await kubectl(server.kubeconfig, ["delete", "configmap", "--all", "-n", namespace]);
    await sink.publish([decision({ sequence: 2 })], inTime());
    expect((await dataOf(namespace))["payment-availability"]).toBe("closed");
  });
});

describe.skipIf(source === null || !hasKubectl)("what is wrong with Kubernetes", () => {
  const trying = (over: ConstructorParameters<typeof KubeClient>[0]) => {
    const client = new KubeClient(over);
    const log: Log = { info: () => {}, warn: () => {}, error: () => {} };
    const maps = new GateMaps(client, NAME, log);
    const parts = {
      maps,
      monotonicMs: () => performance.now(),
      epoch: () => 3,
      onDeposed: () => {},
    };
    return failure(configMapSink(parts).publish([decision()], inTime()));
  };

  it("a namespace that does not exist names the key", async () => {
    const error = await trying({ namespace: "nowhere", kubeconfig: server.kubeconfig });
    expect(error).toMatchObject({ code: "SINK_UNAVAILABLE", retryable: true });
    expect(error.message).toContain("publish.config_map.namespace: nowhere does not exist");
  });

  it("a namespace that nobody names names the key", async () => {
    const error = await trying({ namespace: null, kubeconfig: server.kubeconfig });
    expect(error.message).toContain("publish.config_map.namespace: is needed");
  });

  it("a kubeconfig that is not there names the key", async () => {
    const error = await trying({ namespace: "any", kubeconfig: "/nowhere/kubeconfig" });
    expect(error.message).toContain(
      "publish.config_map.kubeconfig: /nowhere/kubeconfig cannot be used",
    );
  });
});

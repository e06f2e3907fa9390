import { createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { PatchableRequest, SERVICES } from "../../bench/encode.ts";
import { Expected } from "../chaos/expected.ts";
import { Senders } from "../chaos/senders.ts";
import { EngineProcess } from "../support/engine-process.ts";
import { randomFrom } from "../support/fake-disk.ts";
import { metricsRequest, tracesRequest } from "../support/otlp.ts";
import { type GrpcAnswer, OtlpGrpcClient, postOtlp } from "../support/otlp-client.ts";
import { childPids, cpuSeconds, isAlive } from "../support/process-stats.ts";
import { waitFor } from "../support/wait.ts";

/** @see https://grpc.io/docs/guides/status-codes/ */
const OK = 0;
const UNAVAILABLE = 14;

const service = "shop";
const SLO = { name: "shop", service };
const MIB = 2 ** 20;

const running: EngineProcess[] = [];
const clients: OtlpGrpcClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const engine of running.splice(0)) {
    engine.signal("SIGCONT");
    await engine.dispose();
  }
});

async function start(
  options: Partial<Parameters<typeof EngineProcess.start>[0]> = {},
): Promise<EngineProcess> {
  const { settings, ...others } = options;
  const engine = await EngineProcess.start({
    slos: [SLO],
    settings: { workers: 2, ...settings },
    ...others,
  });
  running.push(engine);
  return engine;
}

/** A connection of its own: workers get them in turn. */
function client(engine: EngineProcess): OtlpGrpcClient {
  const one = new OtlpGrpcClient(engine.otlpGrpc);
  clients.push(one);
  return one;
}

const request = (spans = 1) => tracesRequest(Array.from({ length: spans }, () => ({ service })));

/** Requests of about this size that count one span each. */
const large = (bytes: number) =>
  tracesRequest([{ service, attributes: { "http.request.body": "x".repeat(bytes) } }]);

const metric = async (engine: EngineProcess, name: string) => (await engine.metrics()).get(name);

const listening = (engine: EngineProcess, workers: number, timeoutMs = 30_000) =>
  waitFor(
    async () => ((await metric(engine, "slogate_receiver_workers")) === workers ? true : undefined),
    { what: `${workers} workers to listen`, timeoutMs },
  );

const gone = (pids: readonly number[], timeoutMs = 5_000) =>
  waitFor(() => (pids.some(isAlive) ? undefined : true), { what: "workers to end", timeoutMs });

/** Each starts three processes, some of them several times. */
const timeout = 60_000;

describe("receiver workers", { timeout }, () => {
  it("share the ports: both take connections, and what comes in through either is counted once", async () => {
    const engine = await start();
    expect(childPids(engine.pid)).toHaveLength(2);
    expect(await metric(engine, "slogate_receiver_workers")).toBe(2);
    const [one, two] = [client(engine), client(engine)];
    const retried = request(3);
    expect((await one.export("traces", request(2))).code).toBe(OK);
    expect((await one.export("traces", retried)).code).toBe(OK);
    // The retry comes in through the other one.
    expect((await two.export("traces", retried)).code).toBe(OK);
    expect((await postOtlp(engine.otlpHttp, "traces", request(4))).status).toBe(200);
    expect(await engine.counts("shop", 9)).toEqual([9, 0]);
    expect(await metric(engine, "slogate_receiver_duplicate_requests_total")).toBe(1);
    expect(await metric(engine, "slogate_receiver_accepted_spans_total")).toBe(9);
    const [a = 0, b = 0] = childPids(engine.pid);
    // One of the connections ends with its worker, whichever that is; the other one goes on.
    process.kill(a, "SIGSTOP");
    process.kill(b, "SIGSTOP");
    const waiting = [
      one.export("traces", request(), 1_500),
      two.export("traces", request(), 1_500),
    ];
    process.kill(a, "SIGCONT");
    const answered = (await Promise.all(waiting)).filter(({ code }) => code === OK);
    process.kill(b, "SIGCONT");
    expect(answered).toHaveLength(1);
  });

  it("tell the control plane what they refused", async () => {
    const engine = await start();
    const broken = Uint8Array.of(0x08, 0x01);
    for (const one of [client(engine), client(engine), client(engine)])
      expect((await one.export("traces", broken)).code).toBe(3);
    expect((await postOtlp(engine.otlpHttp, "metrics", broken)).status).toBe(400);
    await waitFor(
      async () => {
        const name = 'slogate_receiver_refused_requests_total{reason="malformed"}';
        return (await metric(engine, name)) === 4 ? true : undefined;
      },
      { what: "four refusals in the metrics" },
    );
  });

  it("that are killed are started again, said in the log and in the metrics; the engine stays ready", async () => {
    const engine = await start();
    const [victim = 0] = childPids(engine.pid);
    process.kill(victim, "SIGKILL");
    await gone([victim]);
    expect((await engine.get("/readyz")).status).toBe(200);
    await waitFor(
      async () =>
        (await metric(engine, "slogate_receiver_worker_restarts_total")) === 1 ? true : undefined,
      { what: "the restart in the metrics" },
    );
    await listening(engine, 2);
    expect(engine.stderr()).toMatch(/a receiver worker has ended and is started again.*SIGKILL/);
    expect(engine.stderr()).toContain("a receiver worker listens again");
    expect(childPids(engine.pid)).not.toContain(victim);
  });

  it("leave the engine not ready while none of them listens", async () => {
    const engine = await start();
    const workers = childPids(engine.pid);
    for (const pid of workers) process.kill(pid, "SIGKILL");
    await gone(workers);
    const answer = await waitFor(
      async () => {
        const answer = await engine.get("/readyz");
        return answer.status === 503 ? answer : undefined;
      },
      { what: "/readyz to say no", everyMs: 5 },
    );
    expect(await answer.text()).toContain("no receiver worker is listening");
    await listening(engine, 2);
    expect((await engine.get("/readyz")).status).toBe(200);
    expect((await client(engine).export("traces", request())).code).toBe(OK);
  });

  it("end at once when their control plane is killed", async () => {
    const engine = await start();
    const workers = childPids(engine.pid);
    engine.signal("SIGKILL");
    await engine.ended;
    await gone(workers, 2_000);
  });

  it("refuse what is too much in flight as retryable while the control plane does not answer", async () => {
    const engine = await start({
      // Each worker has half of it.
      protocolSettings: { max_recv_msg_size_mib: 1, max_in_flight_mib: 4 },
    });
    const lanes = [client(engine), client(engine)];
    for (const lane of lanes) expect((await lane.export("traces", request())).code).toBe(OK);
    engine.signal("SIGSTOP");
    const answers: GrpcAnswer[] = [];
    // 8 x 0.7 MiB for either worker: two fit into its two.
    const bodies = Array.from({ length: 16 }, () => large(0.7 * MIB));
    const sent = bodies.map((bytes, i) =>
      lanes[i % 2]!.export("traces", bytes, 30_000).then((answer) => answers.push(answer)),
    );
    await waitFor(() => (answers.length >= 12 ? true : undefined), { what: "twelve refusals" });
    for (const { code, metadata } of answers) {
      expect(code).toBe(UNAVAILABLE);
      expect(String(metadata.get("grpc-status-details-bin")[0])).toContain("RetryInfo");
    }
    const refused = answers.length;
    engine.signal("SIGCONT");
    await Promise.all(sent);
    // What was taken is answered when the control plane is back, and what was refused can be sent again.
    expect(answers.slice(refused).map(({ code }) => code)).toEqual(Array(16 - refused).fill(OK));
    expect(16 - refused).toBeGreaterThan(1);
    for (const bytes of bodies)
      expect((await lanes[0]!.export("traces", bytes, 30_000)).code).toBe(OK);
    expect(await engine.counts("shop", 18)).toEqual([18, 0]);
    await waitFor(
      async () => {
        const name = 'slogate_receiver_refused_requests_total{reason="overloaded"}';
        return (await metric(engine, name)) === refused ? true : undefined;
      },
      { what: "the refusals in the metrics" },
    );
  });

  it("count a cumulative counter whichever worker its points come through", async () => {
    const spec = { metric: "shop.requests", resource: { "service.name": service } };
    const source = (matcher: unknown) => ({
      metricSource: { type: "otlp.metrics", spec: matcher },
    });
    const bad = { ...spec, attributes: { outcome: "failed" } };
    const engine = await start({
      slos: [{ ...SLO, ratioMetric: { counter: true, total: source(spec), bad: source(bad) } }],
    });
    const lanes = [client(engine), client(engine), client(engine)];
    const startUnixMs = Date.now();
    for (let i = 1; i <= 30; i++) {
      const point = (outcome: string, value: number) => ({
        startUnixMs,
        timeUnixMs: startUnixMs + i,
        attributes: { outcome },
        value,
      });
      const points = [point("ok", i * 10), point("failed", i)];
      const bytes = metricsRequest({ service }, [
        { name: "shop.requests", temporality: "cumulative", points },
      ]);
      expect((await lanes[i % 3]!.export("metrics", bytes)).code).toBe(OK);
    }
    // 30 x 10 good, 30 x 1 failed
    expect(await engine.counts("shop", 330)).toEqual([330, 30]);
  });
});

describe("under load, receiver workers", { timeout }, () => {
  it("take over edited SLOs, and those that stay lose nothing", async () => {
    const slos = SERVICES.map((name) => ({ name, service: name, target: 0.9 }));
    const engine = await start({ slos });
    const expected = new Expected();
    const senders = new Senders(expected, randomFrom(3));
    for (let lane = 0; lane < 4; lane++) senders.overGrpc(() => engine.otlpGrpc, 5);
    senders.overHttp(() => engine.otlpHttp, 5);
    const reloads = () => engine.stderr().split("SLO files re-read").length - 1;
    for (let edit = 1; edit <= 3; edit++) {
      // The objective of one that stays changes too: its counts do not.
      engine.writeSlo({ name: "frontend", service: "frontend", target: 0.9 + edit / 100 });
      engine.writeSlo({ name: `added-${edit}`, service: "cart", target: 0.9 });
      if (edit > 1) engine.removeSlo(`added-${edit - 1}`);
      await waitFor(() => (reloads() >= edit ? true : undefined), { what: "the SLOs' reload" });
    }
    const before = expected.acknowledged;
    await waitFor(() => (expected.acknowledged > before + 20_000 ? true : undefined), {
      what: "more load after the last edit",
      timeoutMs: 30_000,
    });
    await senders.stop();
    expect(senders.faults).toEqual([]);
    for (const slo of expected.slos()) {
      let [total, bad] = [0, 0];
      for (const count of expected.minutes(slo).values()) {
        total += count.total;
        bad += count.bad;
      }
      expect(await engine.counts(slo, total), slo).toEqual([total, bad]);
    }
    const [cart] = await engine.counts("cart", 0);
    const [added] = await engine.counts("added-3", 0);
    // It counts what "cart" counts since it came: at least what followed the last edit.
    expect(added).toBeGreaterThan(20_000 / SERVICES.length - 1_000);
    expect(added).toBeLessThan(cart);
  });

  it("get a sender with one connection in turn: it is closed when it is old, and no call is lost", async () => {
    const engine = await start({
      slos: SERVICES.map((name) => ({ name, service: name })),
      protocolSettings: { max_connection_age: "1s" },
    });
    const workers = childPids(engine.pid);
    const startedWith = workers.map(cpuSeconds);
    const used = () => workers.map((pid, i) => cpuSeconds(pid) - startedWith[i]!);
    const only = client(engine);
    const template = PatchableRequest.encode(300);
    let stopping = false;
    let number = 0;
    const codes: number[] = [];
    const lanes = Array.from({ length: 4 }, async () => {
      const own = template.copy();
      while (!stopping) {
        own.patch(process.pid, ++number, Date.now());
        codes.push((await only.export("traces", own.bytes, 10_000)).code);
      }
    });
    // An idle worker uses a hundredth of that.
    await waitFor(() => (used().every((seconds) => seconds > 0.3) ? true : undefined), {
      what: "both workers to have had work",
      timeoutMs: 40_000,
    });
    stopping = true;
    await Promise.all(lanes);
    expect(new Set(codes)).toEqual(new Set([OK]));
    const each = 100 * codes.length;
    for (const slo of SERVICES) expect((await engine.counts(slo, each))[0]).toBe(each);
    expect(await metric(engine, "slogate_receiver_duplicate_requests_total")).toBe(0);
  });

  it("finish what they accepted at SIGTERM, and are gone within five seconds", async () => {
    const engine = await start({ slos: SERVICES.map((name) => ({ name, service: name })) });
    const workers = childPids(engine.pid);
    const lanes = Array.from({ length: 4 }, () => client(engine));
    const template = PatchableRequest.encode(300);
    let acknowledged = 0;
    let stopping = false;
    let number = 0;
    const unavailable: GrpcAnswer[] = [];
    const sending = lanes.map(async (lane) => {
      const own = template.copy();
      while (!stopping) {
        own.patch(process.pid, ++number, Date.now());
        const answer = await lane.export("traces", own.bytes, 10_000);
        if (answer.code === OK) acknowledged++;
        else unavailable.push(answer);
        if (answer.code !== OK) return;
      }
    });
    await waitFor(() => (acknowledged > 100 ? true : undefined), { what: "load" });
    const startedAt = performance.now();
    const ending = await engine.stop(10_000);
    stopping = true;
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(ending).toEqual({ code: 0, signal: null });
    await Promise.all(sending);
    expect(workers.some(isAlive)).toBe(false);
    expect(new Set(unavailable.map(({ code }) => code))).toEqual(new Set([UNAVAILABLE]));
    expect(engine.stderr()).not.toContain("started again");
    await engine.restart();
    const gates = await Promise.all(SERVICES.map((slo) => engine.gate(slo)));
    const counted = gates.reduce((sum, { budget }) => sum + budget.total, 0);
    expect(counted).toBeGreaterThanOrEqual(300 * acknowledged);
    expect(counted).toBeLessThanOrEqual(300 * (acknowledged + unavailable.length));
  });
});

describe("receiver workers that cannot start", { timeout }, () => {
  it("end the start with the reason: an address that is taken", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const address = taken.address();
    if (address === null || typeof address === "string") throw new Error("unreachable: no port");
    const protocols = { grpc: { endpoint: `127.0.0.1:${address.port}` } };
    await expect(start({ settings: { receivers: { otlp: { protocols } } } })).rejects.toThrow(
      /ended with 1:[\s\S]*grpc\.endpoint: cannot listen on .*EADDRINUSE/,
    );
    taken.close();
  });

  it("end the start with the reason: TLS files that are not there", async () => {
    const tls = { cert_file: "/none/tls.crt", key_file: "/none/tls.key" };
    await expect(start({ protocolSettings: { tls } })).rejects.toThrow(
      /ended with 2:[\s\S]*tls\.cert_file: cannot read \/none\/tls\.crt/,
    );
  });
});

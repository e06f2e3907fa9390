import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RunningEngine, type StartOptions, startEngine } from "../../../src/cli/start.ts";
import { loadSlos } from "../../../src/config/load.ts";
import { defaultSettings, type Settings } from "../../../src/config/settings.ts";
import type { TlsFiles } from "../../../src/model/tls.ts";
import type { DecisionSink } from "../../../src/ports/decision-sink.ts";
import type { Log } from "../../../src/ports/log.ts";
import { memorySink } from "../../../src/publish/memory.ts";
import { freePort } from "../../support/free-port.ts";
import { sloFile } from "../../support/slo-file.ts";
import { waitFor } from "../../support/wait.ts";

let directory: string;
const started: RunningEngine[] = [];
const logged: string[] = [];
const fields: (Readonly<Record<string, unknown>> | undefined)[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "slogate-start-"));
  mkdirSync(slosPath());
  logged.length = 0;
  fields.length = 0;
  writeSlo({ name: "pay", service: "payment" });
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((engine) => engine.stop()));
  rmSync(directory, { recursive: true, force: true });
});

/** Apart from the state, which is JSON too. */
function slosPath(): string {
  return join(directory, "slos");
}

function writeSlo(slo: Parameters<typeof sloFile>[0], text = sloFile(slo)): void {
  writeFileSync(join(slosPath(), `${slo.name}.yaml`), text);
}

function settings(): Settings {
  const defaults = defaultSettings();
  const free = <S extends { endpoint: { host: string; port: number } }>(server: S): S => ({
    ...server,
    endpoint: { host: "127.0.0.1", port: 0 },
  });
  const { grpc, http } = defaults.receivers;
  return {
    ...defaults,
    receivers: { grpc: grpc && free(grpc), http: http && free(http) },
    api: { ...defaults.api, http: free(defaults.api.http), grpc: free(defaults.api.grpc) },
    state: { directory: join(directory, "state"), durability: "sync", maxSeries: 1_000 },
  };
}

async function start(over: Partial<StartOptions> = {}): Promise<RunningEngine> {
  const say: Log["info"] = (message, more) => {
    logged.push(message);
    fields.push(more);
  };
  const engine = await startEngine({
    settings: settings(),
    slos: await loadSlos([slosPath()]),
    sloPaths: [],
    clock: { now: () => Date.now() },
    log: { info: say, warn: say, error: say },
    version: "0.0.0",
    sinks: [],
    ...over,
  });
  started.push(engine);
  return engine;
}

const override = () => ({
  slo: "pay",
  state: "open" as const,
  author: "ann",
  reason: "drill",
  createdAt: Date.now(),
  expiresAt: Date.now() + 3_600_000,
});

const GET = "/slogate.v1.GateService/Get";
const PEM = join(import.meta.dirname, "../receive/fixtures");
const pem = (name: string): Buffer => readFileSync(join(PEM, name));
const MUTUAL: TlsFiles = {
  certFile: join(PEM, "server.pem"),
  keyFile: join(PEM, "server.key.pem"),
  clientCaFile: join(PEM, "ca.pem"),
};

function withTls(tls: TlsFiles): Settings {
  const base = settings();
  const { http, grpc } = base.api;
  return { ...base, api: { ...base.api, http: { ...http, tls }, grpc: { ...grpc, tls } } };
}

type Own = { readonly key: Buffer; readonly cert: Buffer };

function statusOf(url: string, own: Partial<Own>): Promise<number> {
  return new Promise((resolve, reject) => {
    request(url, { ...own, ca: pem("ca.pem"), agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    })
      .on("error", reject)
      .end();
  });
}

/** Whether GateService answers. */
function reaches(address: string, own: Own | null): Promise<boolean> {
  const secure = credentials.createSsl(pem("ca.pem"), own?.key ?? null, own?.cert ?? null);
  const client = new Client(address, secure, { "grpc.ssl_target_name_override": "localhost" });
  return new Promise<boolean>((resolve) => {
    const same = (bytes: Buffer): Buffer => bytes;
    const deadline = Date.now() + 5_000;
    client.makeUnaryRequest(GET, same, same, Buffer.alloc(0), { deadline }, (error) => {
      // No SLO was named: NOT_FOUND is the service's own answer.
      resolve(error?.code === status.NOT_FOUND);
    });
  }).finally(() => client.close());
}

describe("startEngine", () => {
  it("listens everywhere, ticks, publishes and stops", async () => {
    const sink = memorySink({ wants: "latest" });
    const engine = await start({ sinks: [sink] });
    const { otlpGrpc, otlpHttp, api, gateService } = engine.addresses;
    for (const address of [otlpGrpc, otlpHttp, api, gateService]) expect(address).toMatch(/:\d+$/);
    expect((await fetch(`${api}/readyz`)).status).toBe(200);
    await waitFor(() => sink.published[0], { what: "the first decision" });
    expect(sink.published[0]).toMatchObject({ slo: "pay", state: "unknown", epoch: 1 });
    await engine.stop();
    await expect(fetch(`${api}/readyz`)).rejects.toThrow();
  });

  it("keeps overrides over a restart, with a greater epoch", async () => {
    const engine = await start();
    engine.engine.set(override());
    await engine.stop();
    const again = await start();
    await waitFor(() => (again.engine.get("pay")?.reason === "override" ? true : undefined), {
      what: "the override",
    });
    expect(again.engine.get("pay")).toMatchObject({ state: "open", epoch: 2 });
  });

  it("logs that an override has expired, also one from before a restart", async () => {
    const { engine, stop } = await start();
    const soon = { ...override(), expiresAt: Date.now() + 2_000 };
    engine.set(soon);
    await stop();
    const again = await start();
    const at = await waitFor(() => logged.indexOf("override expired") + 1 || undefined, {
      what: "the expiry",
    });
    expect(Date.now()).toBeGreaterThanOrEqual(soon.expiresAt);
    expect(fields[at - 1]).toEqual({ slo: "pay", state: "open", author: "ann", reason: "drill" });
    again.engine.set({ ...override(), expiresAt: Date.now() + 100 });
    await waitFor(() => logged.filter((line) => line === "override expired")[1], {
      what: "the second expiry",
    });
    again.engine.set(override());
    again.engine.clear("pay", "ann");
    await again.stop();
    expect(logged.filter((line) => line === "override expired")).toHaveLength(2);
  });

  it("logs an override and its end once each", async () => {
    const base = settings();
    const auth = { ...base.api.auth, writeToken: "s3cret-token" };
    const { addresses } = await start({ settings: { ...base, api: { ...base.api, auth } } });
    const headers = {
      authorization: "Bearer s3cret-token",
      "content-type": "application/json",
    };
    const body = JSON.stringify({ state: "open", for: "2h", reason: "drill", author: "ann" });
    const url = `${addresses.api}/v1/overrides/pay`;
    logged.length = 0;
    expect((await fetch(url, { method: "POST", headers, body })).status).toBe(200);
    const clear = { method: "DELETE", headers: { authorization: headers.authorization } };
    for (const cleared of [true, false]) {
      const answer = await fetch(`${url}?author=ann`, clear);
      expect(await answer.json()).toMatchObject({ cleared });
    }
    expect(logged.filter((line) => line.includes("overrid"))).toEqual([
      "override set",
      "override cleared",
    ]);
  });

  it("leaves nothing running when an address is taken", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const { port } = taken.address() as { port: number };
    const base = settings();
    const otlpPort = await freePort();
    const { grpc, http } = base.receivers;
    const wanted: Settings = {
      ...base,
      receivers: {
        grpc: grpc && { ...grpc, endpoint: { ...grpc.endpoint, port: otlpPort } },
        http,
      },
      api: {
        ...base.api,
        http: { ...base.api.http, endpoint: { ...base.api.http.endpoint, port } },
      },
    };
    await expect(start({ settings: wanted })).rejects.toMatchObject({
      code: "ADDRESS_UNAVAILABLE",
    });
    // The receiver that had started has let go of its port.
    const free = createServer();
    await new Promise<void>((resolve, reject) => {
      free.once("error", reject).listen(otlpPort, "127.0.0.1", () => resolve());
    });
    free.close();
    taken.close();
  });

  it("serves both APIs with their certificate, to clients that have one", async () => {
    const engine = await start({ settings: withTls(MUTUAL) });
    const { api, gateService } = engine.addresses;
    expect(api).toMatch(/^https:/);
    const own = { key: pem("client.key.pem"), cert: pem("client.pem") };
    expect(await statusOf(`${api}/readyz`, own)).toBe(200);
    await expect(statusOf(`${api}/readyz`, {})).rejects.toThrow(
      /certificate|reset|closed|hang up/i,
    );
    expect(await reaches(gateService, own)).toBe(true);
    expect(await reaches(gateService, null)).toBe(false);
  });

  it("names the key of an API's TLS file that cannot be used", async () => {
    const missing = withTls({ ...MUTUAL, clientCaFile: "/nowhere/ca.pem" });
    await expect(start({ settings: missing })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringMatching(
        /^api\.http\.tls\.client_ca_file: cannot read \/nowhere\/ca\.pem/,
      ),
    });
    const swapped = withTls({ ...MUTUAL, certFile: MUTUAL.keyFile });
    const { http } = settings().api;
    await expect(
      start({ settings: { ...swapped, api: { ...swapped.api, http } } }),
    ).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringMatching(/^api\.grpc\.tls: certificate and key cannot be used/),
    });
  });

  it("stops in time though a sink neither answers nor closes", async () => {
    const never = new Promise<void>(() => {});
    const stuck: DecisionSink = {
      name: "stuck",
      wants: "latest",
      publish: () => never,
      close: () => never,
    };
    const engine = await start({ sinks: [stuck] });
    await waitFor(() => (engine.engine.get("pay")?.sequence === 0 ? true : undefined), {
      what: "a tick",
    });
    const began = performance.now();
    await engine.stop();
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(logged).toContain("a sink did not close");
  });

  it("takes changed SLO files, and keeps the running SLOs when a change is broken or empty", async () => {
    const slos = await loadSlos([slosPath()]);
    const engine = await start({ slos, sloPaths: [slosPath()] });
    const names = () => engine.engine.list().map(({ slo }) => slo);
    writeSlo({ name: "cart", service: "cart" });
    await waitFor(() => (names().length === 2 ? true : undefined), { what: "the new SLO" });
    writeSlo({ name: "cart", service: "cart" }, "kind: SLO\n");
    const refused = "SLO files changed, but not to something sound: the running SLOs stay";
    await waitFor(() => (logged.includes(refused) ? true : undefined), { what: "the refusal" });
    expect(names()).toEqual(["cart", "pay"]);
    expect(fields[logged.indexOf(refused)]).toEqual({ problems: expect.any(Number), running: 2 });
    rmSync(join(slosPath(), "cart.yaml"));
    await waitFor(() => (names().length === 1 ? true : undefined), { what: "the removal" });
    logged.length = 0;
    rmSync(join(slosPath(), "pay.yaml"));
    await waitFor(() => (logged.includes(refused) ? true : undefined), { what: "the refusal" });
    expect(names()).toEqual(["pay"]);
  });

  it("begins to count cumulative series when an SLO for them comes", async () => {
    writeSlo({ name: "pay", service: "payment" }, callsSlo("pay"));
    const slos = await loadSlos([slosPath()]);
    const { engine, addresses } = await start({ slos, sloPaths: [slosPath()] });
    const startUnixMs = Date.now();
    const total = (name: string) => engine.get(name)?.budget.total;
    const send = async (value: number, seen: readonly string[], expected: readonly number[]) => {
      const body = callsRequest(startUnixMs, Date.now(), value);
      const headers = { "content-type": "application/json" };
      const url = `http://${addresses.otlpHttp}/v1/metrics`;
      expect((await fetch(url, { method: "POST", headers, body })).status).toBe(200);
      await waitFor(() => (total(seen[0]!) === expected[0] ? true : undefined), { what: "counts" });
      expect(seen.map(total)).toEqual(expected);
    };
    await send(100, ["pay"], [100]);
    // An SLO counts from the last tick on before it came: that must not lie before the series begins.
    await waitFor(() => ((engine.get("pay")?.decidedAt ?? 0) > startUnixMs ? true : undefined), {
      what: "a tick",
    });
    writeSlo({ name: "cart", service: "payment" }, callsSlo("cart"));
    await waitFor(() => engine.get("cart") ?? undefined, { what: "the new SLO" });
    await send(110, ["pay", "cart"], [110, 0]);
    await send(115, ["pay", "cart"], [115, 5]);
  });

  it("names every address that is taken, and makes no state for an engine that does not start", async () => {
    const first = await start();
    const taken = (address: string | null) => {
      const port = Number(address?.split(":").at(-1));
      return { host: "127.0.0.1", port, text: `127.0.0.1:${port}` };
    };
    const { api, receivers, ...base } = settings();
    const { otlpHttp, api: apiAddress } = first.addresses;
    const other = join(directory, "other");
    const second = start({
      settings: {
        ...base,
        state: { ...base.state, directory: other },
        receivers: {
          ...receivers,
          http: receivers.http && { ...receivers.http, endpoint: taken(otlpHttp) },
        },
        api: { ...api, http: { ...api.http, endpoint: taken(apiAddress) } },
      },
    });
    await expect(second).rejects.toMatchObject({
      code: "ADDRESS_UNAVAILABLE",
      message: expect.stringMatching(
        /^receivers\.otlp\.protocols\.http\.endpoint: cannot listen .*\napi\.http\.endpoint: cannot listen /,
      ),
    });
    expect(existsSync(other)).toBe(false);
  });

  it("puts every gate in shadow mode when the engine is", async () => {
    const engine = await start({ settings: { ...settings(), mode: "shadow" } });
    expect(engine.engine.get("pay")).toMatchObject({ mode: "shadow", allowed: true });
  });
});

/** Reads the counter `calls` of any service. */
function callsSlo(name: string): string {
  const source = (where: object) => ({
    metricSource: { type: "otlp.metrics", spec: { metric: "calls", ...where } },
  });
  const ratioMetric = {
    counter: true,
    total: source({}),
    bad: source({ attributes: { failed: "yes" } }),
  };
  return JSON.stringify({
    apiVersion: "openslo/v1",
    kind: "SLO",
    metadata: { name },
    spec: {
      service: "payment",
      objectives: [{ target: 0.999 }],
      indicator: { metadata: { name: "calls" }, spec: { ratioMetric } },
    },
  });
}

function callsRequest(startUnixMs: number, atUnixMs: number, value: number): string {
  const dataPoints = [
    {
      startTimeUnixNano: `${startUnixMs}000000`,
      timeUnixNano: `${atUnixMs}000000`,
      asInt: `${value}`,
    },
  ];
  const sum = { aggregationTemporality: 2, isMonotonic: true, dataPoints };
  const scopeMetrics = [{ metrics: [{ name: "calls", sum }] }];
  return JSON.stringify({ resourceMetrics: [{ resource: {}, scopeMetrics }] });
}

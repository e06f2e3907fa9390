import { connect, constants, type Settings } from "node:http2";
import { createServer } from "node:net";
import { type Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { decisionMessage } from "../../../src/publish/message.ts";
import { loadGateService } from "../../../src/web/gate-service.ts";
import { type GateServiceServer, startGateService } from "../../../src/web/grpc.ts";
import { decision, open } from "../../support/decisions.ts";
import { GateSource } from "../../support/gate-source.ts";
import { waitFor } from "../../support/wait.ts";

type Received = { decision: Record<string, unknown> };
interface GateClient extends Client {
  Get(
    request: object,
    metadata: Metadata,
    done: (error: ServiceError | null, answer: Received) => void,
  ): void;
  Watch(request: object): WatchStream;
}
interface WatchStream {
  on(event: "data", listener: (data: Received) => void): this;
  on(event: "error", listener: (error: ServiceError) => void): this;
  cancel(): void;
  pause(): void;
  resume(): void;
}

const host = "127.0.0.1";
let source: GateSource;
let server: GateServiceServer;
let client: GateClient;

async function start(readToken: string | null = null, mostWatches = 1000): Promise<void> {
  server = await startGateService({
    endpoint: { host, port: 0 },
    reader: source,
    message: decisionMessage,
    readToken,
    mostWatches,
  });
  const Service = loadGateService();
  client = new Service(`${host}:${server.port}`, credentials.createInsecure()) as never;
}

beforeEach(() => {
  source = new GateSource(open("cart"), decision({ slo: "pay" }));
});
afterEach(async () => {
  client.close();
  await server.close();
});

function get(request: object, metadata = new Metadata()): Promise<Received> {
  return new Promise((resolve, reject) => {
    client.Get(request, metadata, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

function watch(request: object) {
  const received: Received["decision"][] = [];
  const errors: ServiceError[] = [];
  const stream = client
    .Watch(request)
    .on("data", (data) => received.push(data.decision))
    .on("error", (error) => errors.push(error));
  const names = () => received.map((d) => `${d.slo}:${d.state}`);
  return { received, errors, stream, names };
}

const until = (what: string, holds: () => boolean) =>
  waitFor(() => holds() || undefined, { what, timeoutMs: 5_000 });

describe("Get", () => {
  beforeEach(() => start());

  it("answers with every field of the decision", async () => {
    const d = decision({ slo: "pay", burn: { "5m": 41.2, "1h": 0 } });
    source.decide(d);
    const { budget, ...rest } = decisionMessage(d);
    const got = (await get({ slo: "pay" })).decision;
    expect(got).toMatchObject({
      slo: rest.slo,
      state: "closed",
      reason: "fast-burn",
      message: rest.message,
      since: rest.since,
      decidedAt: rest.decidedAt,
      validUntil: rest.validUntil,
      sequence: 17,
      epoch: 3,
      mode: "enforce",
      evidence: rest.evidence,
      burn: { "5m": { rate: 41.2 }, "1h": { rate: 0 } },
      budget,
      forecast: { at: { "1h": rest.forecast.at?.["1h"] } },
      reopen: rest.reopen,
      data: rest.data,
    });
    expect(got.versions).toMatchObject([
      {
        version: "1.4.2",
        state: "closed",
        total: 5210,
        bad: 190,
        budgetSpent: 0.153,
        suspect: true,
      },
      { version: "1.4.1", state: "open", total: 94210, bad: 3 },
    ]);
  });

  it("does not set what is not known, and sets what is 0", async () => {
    source.decide(
      open("cart", {
        burn: { "5m": null, "1h": 0 },
        budget: { ...decision().budget, bad: 0, remaining: null },
        forecast: { at: null, exhaustion: null },
      }),
    );
    const got = (await get({ slo: "cart" })).decision;
    const burn = got.burn as Record<string, { rate?: number }>;
    expect(burn["5m"]?.rate).toBeUndefined();
    expect(burn["1h"]?.rate).toBe(0);
    expect(got.budget).toMatchObject({ bad: 0 });
    expect(got.budget).not.toHaveProperty("remaining");
    expect(got.evidence ?? null).toBeNull();
    expect(got.override ?? null).toBeNull();
  });

  it("answers for one version when asked", async () => {
    source.byVersion.set("pay@1.4.1", decision({ slo: "pay", state: "open", allowed: true }));
    expect((await get({ slo: "pay", version: "1.4.1" })).decision).toMatchObject({ state: "open" });
    expect((await get({ slo: "pay" })).decision).toMatchObject({ state: "closed" });
  });

  it("is NOT_FOUND for an unknown SLO and suggests the nearest", async () => {
    await expect(get({ slo: "pax" })).rejects.toMatchObject({
      code: status.NOT_FOUND,
      details: 'no SLO named "pax"; did you mean "pay"?',
    });
  });
});

describe("Watch", () => {
  beforeEach(() => start());

  it("sends the present state at once, then transitions but no refreshes", async () => {
    const { names, stream } = watch({});
    await until("the present state", () => names().length === 2);
    expect(names()).toEqual(["cart:open", "pay:closed"]);
    source.decide(decision({ slo: "pay", decidedAt: decision().decidedAt + 1_000 }));
    source.decide(decision({ slo: "pay", state: "open", sequence: 18 }));
    await until("the transition", () => names().length === 3);
    expect(names()[2]).toBe("pay:open");
    stream.cancel();
    await until("the watch to end", () => source.watchers === 0);
  });

  it("sends refreshes too when asked", async () => {
    const { received } = watch({ slo: ["pay"], includeRefreshes: true });
    await until("the present state", () => received.length === 1);
    source.decide(decision({ slo: "pay", decidedAt: decision().decidedAt + 5_000 }), open("cart"));
    await until("the refresh", () => received.length === 2);
    expect(received.map((d) => d.decidedAt)).toEqual([
      "2026-05-04T10:00:37Z",
      "2026-05-04T10:00:42Z",
    ]);
  });

  it("keeps only the newest decision per SLO for a reader that has stopped reading", async () => {
    const big = "x".repeat(20_000);
    const { received, stream } = watch({ slo: ["pay"] });
    await until("the present state", () => received.length === 1);
    stream.pause();
    const last = 2_000;
    for (let sequence = 18; sequence <= last; sequence++) {
      source.decide(decision({ slo: "pay", sequence, message: big }));
      if (sequence % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    stream.resume();
    await until("the newest decision", () => received.at(-1)?.sequence === last);
    // 40 MB were decided; flow control lets some hundred kilobytes through before the reader resumes.
    expect(received.length).toBeLessThan(500);
    const sequences = received.map((d) => Number(d.sequence));
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
  });

  it("ends with INTERNAL when a decision cannot be put into words", async () => {
    source.decide({ ...decision({ slo: "pay" }), burn: null as never });
    const { errors } = watch({ slo: ["pay"] });
    await until("the end", () => errors.length === 1);
    expect(errors[0]?.code).toBe(status.INTERNAL);
    expect(source.watchers).toBe(0);
    const other = watch({ slo: ["cart"] });
    await until("another's decision", () => other.received.length === 1);
  });

  it("ends with INTERNAL when a later decision cannot be put into words", async () => {
    const { errors, received } = watch({ slo: ["pay"] });
    await until("the present state", () => received.length === 1);
    source.decide({ ...decision({ slo: "pay", sequence: 99 }), burn: null as never });
    await until("the end", () => errors.length === 1);
    expect(errors[0]?.code).toBe(status.INTERNAL);
    expect(source.watchers).toBe(0);
  });

  it("is NOT_FOUND when one of the names is unknown", async () => {
    const { errors } = watch({ slo: ["pay", "nobody"] });
    await until("the error", () => errors.length === 1);
    expect(errors[0]?.code).toBe(status.NOT_FOUND);
    expect(source.watchers).toBe(0);
  });

  it("ends with UNAVAILABLE when the engine stops", async () => {
    const { received, errors } = watch({});
    await until("the present state", () => received.length === 2);
    await server.close();
    await until("the end", () => errors.length === 1);
    expect(errors[0]?.code).toBe(status.UNAVAILABLE);
  });
});

it("asks for the token when one is configured", async () => {
  await start("s3cret");
  await expect(get({ slo: "pay" })).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  const metadata = new Metadata();
  metadata.set("authorization", "Bearer s3cret");
  expect((await get({ slo: "pay" }, metadata)).decision).toMatchObject({ slo: "pay" });
  const { errors } = watch({});
  await until("the refusal", () => errors.length === 1);
  expect(errors[0]?.code).toBe(status.UNAUTHENTICATED);
});

it("says what to do when the address is taken, and nothing else writes about it", async () => {
  const written = vi.spyOn(console, "error").mockImplementation(() => undefined);
  await start();
  const taken = createServer().listen(0, host);
  await new Promise((resolve) => taken.once("listening", resolve));
  const { port } = taken.address() as { port: number };
  await expect(
    startGateService({ endpoint: { host, port }, reader: source, message: decisionMessage }),
  ).rejects.toMatchObject({
    code: "ADDRESS_UNAVAILABLE",
    message: expect.stringMatching(
      /^api\.grpc\.endpoint: cannot listen on .* or choose another port in api\.grpc\.endpoint$/,
    ),
  });
  expect(written.mock.calls).toEqual([]);
  written.mockRestore();
  taken.close();
});

describe("too many watches", () => {
  it("are refused, and there is room again when one ends", async () => {
    await server.close();
    client.close();
    await start(null, 1);
    const first = watch({});
    await until("the first watch's snapshot", () => first.received.length === 2);
    const second = watch({});
    await until("a refusal", () => second.errors.length === 1);
    expect(second.errors[0]).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    first.stream.cancel();
    let third = watch({});
    await until("another watch's snapshot", () => {
      // The server learns of the cancellation in its own time.
      if (third.errors.length > 0) third = watch({});
      return third.received.length === 2;
    });
  });
});

describe("a connection", () => {
  const PATH = "/slogate.v1.GateService/Watch";
  const MOST = 110;

  it("is told how many calls it may have open, and those beyond are refused", async () => {
    await start(null, MOST - 100);
    // One that does not wait to be told.
    const connection = connect(`http://${host}:${server.port}`, { peerMaxConcurrentStreams: 1000 });
    try {
      const told = new Promise<Settings>((resolve) => connection.once("remoteSettings", resolve));
      let refused = 0;
      let answered = 0;
      const headers = { ":method": "POST", ":path": PATH, "content-type": "application/grpc" };
      for (let i = 0; i < MOST + 40; i++) {
        const stream = connection.request({ ...headers, te: "trailers" });
        stream.on("error", () => undefined);
        stream.on("response", () => answered++);
        stream.on("close", () => {
          if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) refused++;
        });
        // Their message is yet to come.
        stream.write(Buffer.alloc(1));
      }
      expect((await told).maxConcurrentStreams).toBe(MOST);
      await waitFor(() => (refused === 40 ? true : undefined), { what: "the refusals" });
      expect(answered).toBeLessThanOrEqual(MOST);
    } finally {
      connection.destroy();
    }
  });
});

import { randomBytes } from "node:crypto";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import http2 from "node:http2";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { createGzip, gzipSync } from "node:zlib";
import { status as Grpc } from "@grpc/grpc-js";
import { service as healthService } from "grpc-health-check";
import protobuf from "protobufjs";
import { afterEach, describe, expect, it } from "vitest";
import type { EngineError } from "../../../src/model/errors.ts";
import { GrpcReceiver } from "../../../src/receive/grpc.ts";
import { InFlight } from "../../../src/receive/limits.ts";
import {
  cleanUp,
  exportBytes,
  type GrpcAnswer,
  GZIP,
  grpcClient,
  heldReplies,
  METRICS,
  MIB,
  RecordingConsumer,
  startGrpc,
  TRACES,
  until,
  whenDone,
} from "./support.ts";

const rpc = protobuf.parse(`syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }
  message Partial { int64 rejected = 1; string error_message = 2; }
  message Response { Partial partial_success = 1; }`).root;

/** What a sender reads from `grpc-status-details-bin`: the delay in ms, null without RetryInfo. */
function retryDelayMs(answer: GrpcAnswer): number | null {
  const [bytes] = answer.metadata?.get("grpc-status-details-bin") ?? [];
  if (bytes === undefined) return null;
  const read = (type: string, from: Buffer) =>
    rpc.lookupType(type).toObject(rpc.lookupType(type).decode(from), { longs: Number });
  const status = read("Status", bytes as Buffer);
  expect(status.code).toBe(answer.code);
  expect(status.details[0].typeUrl).toBe("type.googleapis.com/google.rpc.RetryInfo");
  const { retryDelay } = read("RetryInfo", status.details[0].value);
  return (retryDelay.seconds ?? 0) * 1000 + (retryDelay.nanos ?? 0) / 1e6;
}

/** Resolves when a server of this process has seen the end of a stream. */
function serverStreamClosed(): Promise<void> {
  return new Promise((resolve) => {
    const seen = (): void => {
      unsubscribe(STREAM_CLOSE, seen);
      // The receiver hears of it in the same turn of the event loop.
      setImmediate(resolve);
    };
    subscribe(STREAM_CLOSE, seen);
  });
}
const STREAM_CLOSE = "http2.server.stream.close";

afterEach(cleanUp);

describe("an Export call", () => {
  it("hands its bytes over undecoded and answers with an empty message", async () => {
    const { consumer, port, limits } = await startGrpc();
    const client = grpcClient(port);
    const sent = randomBytes(300_000);
    const answer = await exportBytes(client, TRACES, sent);
    expect(answer.code).toBe(Grpc.OK);
    expect(answer.body).toHaveLength(0);
    expect(await exportBytes(client, METRICS, Buffer.from("m"))).toMatchObject({ code: Grpc.OK });
    expect(consumer.requests.map((r) => [r.signal, r.encoding])).toEqual([
      ["traces", "protobuf"],
      ["metrics", "protobuf"],
    ]);
    expect(consumer.requests[0]?.bytes.equals(sent)).toBe(true);
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
  });

  it("may carry an empty message, which is an empty request", async () => {
    const { consumer, port } = await startGrpc();
    expect((await exportBytes(grpcClient(port), TRACES, Buffer.alloc(0))).code).toBe(Grpc.OK);
    expect(consumer.requests[0]?.bytes).toHaveLength(0);
  });

  it("keeps concurrent requests apart", async () => {
    const { consumer, port } = await startGrpc();
    const clients = [grpcClient(port), grpcClient(port, GZIP), grpcClient(port)];
    const sent = Array.from({ length: 30 }, (_, i) => randomBytes(900_000 + 997 * i));
    await Promise.all(
      sent.map((bytes, i) => exportBytes(clients[i % 3] ?? grpcClient(port), TRACES, bytes)),
    );
    const order = consumer.requests.map((r) => r.bytes).sort((a, b) => a.length - b.length);
    expect(order.every((bytes, i) => bytes.equals(sent[i] ?? Buffer.alloc(0)))).toBe(true);
    expect(order).toHaveLength(30);
  });

  it("is decompressed when it is gzip", async () => {
    const { consumer, port, limits } = await startGrpc();
    const sent = Buffer.from("spans ".repeat(50_000));
    expect((await exportBytes(grpcClient(port, GZIP), TRACES, sent)).code).toBe(Grpc.OK);
    expect(consumer.requests[0]?.bytes.equals(sent)).toBe(true);
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
  });

  it("answers only when the consumer is done", async () => {
    const { consumer, port, limits } = await startGrpc();
    const held = heldReplies(consumer);
    let answered = false;
    const answer = exportBytes(grpcClient(port), TRACES, Buffer.alloc(1000)).then((a) => {
      answered = true;
      return a;
    });
    await until(() => held.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(answered).toBe(false);
    expect(limits).toMatchObject({ requests: 1, bytes: 1005 });
    held[0]?.(null);
    expect((await answer).code).toBe(Grpc.OK);
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
  });

  it("tells a partial success", async () => {
    const { consumer, port } = await startGrpc();
    consumer.reply = (done) => done({ rejected: 300, message: "300 spans are from the future" });
    const answer = await exportBytes(grpcClient(port), TRACES, Buffer.alloc(1));
    expect(answer.code).toBe(Grpc.OK);
    const response = rpc
      .lookupType("Response")
      .decode(answer.body ?? Buffer.alloc(0))
      .toJSON();
    expect(response).toEqual({
      partialSuccess: { rejected: "300", errorMessage: "300 spans are from the future" },
    });
  });

  it("passes a refusal on, with its message whatever characters it has", async () => {
    const { consumer, port, counters } = await startGrpc();
    const message = "field 3: 100 % größer als µ\nline";
    consumer.reply = (done) => done({ code: "malformed", message, retryAfterMs: null });
    const answer = await exportBytes(grpcClient(port), TRACES, Buffer.alloc(1));
    expect(answer).toMatchObject({ code: Grpc.INVALID_ARGUMENT, message });
    expect(retryDelayMs(answer)).toBeNull();
    // The consumer counts its own refusals.
    expect(counters.requestsRefused).toEqual({});
  });

  it("costs one request and not the process when the consumer breaks its promise", async () => {
    const { consumer, port, counters, limits } = await startGrpc();
    consumer.reply = () => {
      throw new Error("boom");
    };
    const client = grpcClient(port);
    const answer = await exportBytes(client, TRACES, Buffer.alloc(1));
    expect(answer.code).toBe(Grpc.INVALID_ARGUMENT);
    expect(answer.message).toContain("boom");
    expect(counters.requestsRefused).toEqual({ malformed: 1 });
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
    consumer.reply = (done) => done(null);
    expect((await exportBytes(client, TRACES, Buffer.alloc(1))).code).toBe(Grpc.OK);
  });
});

describe("limits", () => {
  it("refuse a larger message at its length, without reading it and without RetryInfo", async () => {
    const { consumer, port, counters, limits } = await startGrpc({ maxMessageBytes: 100_000 });
    const client = grpcClient(port);
    const answer = await exportBytes(client, TRACES, Buffer.alloc(30 * MIB));
    expect(answer.code).toBe(Grpc.RESOURCE_EXHAUSTED);
    expect(answer.message).toContain("larger than 100000 bytes");
    expect(retryDelayMs(answer)).toBeNull();
    expect(counters.requestsRefused).toEqual({ "too-large": 1 });
    expect((await exportBytes(client, TRACES, Buffer.alloc(100_000))).code).toBe(Grpc.OK);
    expect(consumer.requests).toHaveLength(1);
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
  });

  it("hold after decompression: gzip bombs are refused and memory stays", async () => {
    const { consumer, port, counters, limits } = await startGrpc({ maxMessageBytes: 2 * MIB });
    const bomb = await gzipOfZeros(512);
    const session = http2.connect(`http://127.0.0.1:${port}`);
    whenDone(() => session.destroy());
    const before = process.memoryUsage().rss;
    let peak = before;
    const sampler = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss);
    }, 1);
    const codes = await Promise.all(
      Array.from({ length: 8 }, () =>
        rawCall(session, frame(bomb, 1), { "grpc-encoding": "gzip" }),
      ),
    );
    clearInterval(sampler);
    expect(codes).toEqual(Array(8).fill(String(Grpc.RESOURCE_EXHAUSTED)));
    expect(counters.requestsRefused).toEqual({ "too-large": 8 });
    expect(consumer.requests).toHaveLength(0);
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
    // Eight times 512 MiB were announced.
    expect((peak - before) / MIB).toBeLessThan(100);
  });

  it("refuse with RetryInfo what is too much in flight", async () => {
    const inFlight = { maxRequests: 2, retryAfterMs: 1500 };
    const { consumer, port, counters, limits } = await startGrpc({ inFlight });
    const held = heldReplies(consumer);
    const client = grpcClient(port);
    const first = exportBytes(client, TRACES, Buffer.alloc(10));
    const second = exportBytes(client, TRACES, Buffer.alloc(10));
    await until(() => held.length === 2);
    const third = await exportBytes(client, TRACES, Buffer.alloc(10));
    expect(third).toMatchObject({
      code: Grpc.UNAVAILABLE,
      message: "more than 2 requests in flight",
    });
    expect(retryDelayMs(third)).toBe(1500);
    expect(counters.requestsRefused).toEqual({ overloaded: 1 });
    for (const done of held) done(null);
    expect([(await first).code, (await second).code]).toEqual([Grpc.OK, Grpc.OK]);
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
  });

  it("count bytes while they are being read", async () => {
    const { consumer, port, limits } = await startGrpc({ inFlight: { maxBytes: 500_000 } });
    const held = heldReplies(consumer);
    const client = grpcClient(port);
    const first = exportBytes(client, TRACES, Buffer.alloc(300_000));
    await until(() => held.length === 1);
    const second = await exportBytes(client, TRACES, Buffer.alloc(300_000));
    expect(second.code).toBe(Grpc.UNAVAILABLE);
    expect(retryDelayMs(second)).toBe(1000);
    held[0]?.(null);
    expect((await first).code).toBe(Grpc.OK);
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
  });

  it("count bytes while they are being decompressed", async () => {
    const { consumer, port, limits } = await startGrpc({ inFlight: { maxBytes: 500_000 } });
    const held = heldReplies(consumer);
    const client = grpcClient(port, GZIP);
    const first = exportBytes(client, TRACES, Buffer.alloc(300_000));
    await until(() => held.length === 1);
    const second = await exportBytes(client, TRACES, Buffer.alloc(300_000));
    expect(second.code).toBe(Grpc.UNAVAILABLE);
    held[0]?.(null);
    expect((await first).code).toBe(Grpc.OK);
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
  });

  it("let go of a request whose sender disappears while sending it", async () => {
    const { port, limits, consumer } = await startGrpc();
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on("error", () => {});
    const stream = session.request(callHeaders({}));
    stream.on("error", () => {});
    stream.write(frame(Buffer.alloc(5000), 0).subarray(0, 1000));
    await until(() => limits.bytes === 1000);
    session.destroy();
    await until(() => limits.requests === 0);
    expect(limits.bytes).toBe(0);
    expect(consumer.requests).toHaveLength(0);
  });

  it("let go of a request whose sender disappears while it is decompressed", async () => {
    const { port, limits, consumer } = await startGrpc({ maxMessageBytes: 200 * MIB });
    const bomb = await gzipOfZeros(150);
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on("error", () => {});
    const stream = session.request(callHeaders({ "grpc-encoding": "gzip" }));
    stream.on("error", () => {});
    stream.end(frame(bomb, 1));
    await until(() => limits.bytes > bomb.length + 5);
    session.destroy();
    await until(() => limits.requests === 0);
    await until(() => limits.bytes === 0);
    expect(consumer.requests).toHaveLength(0);
  });

  it("hold what is decompressed for senders that have gone to the same bound", async () => {
    const bound = 64 * MIB;
    const { port, limits, consumer } = await startGrpc({
      maxMessageBytes: 60 * MIB,
      inFlight: { maxBytes: bound },
    });
    const bomb = frame(await gzipOfZeros(50), 1);
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on("error", () => {});
    for (let sender = 0; sender < 4; sender++) {
      const stream = session.request(callHeaders({ "grpc-encoding": "gzip" }));
      stream.on("error", () => {});
      stream.end(bomb);
    }
    await until(() => limits.bytes > 4 * bomb.length + MIB);
    session.destroy();
    let [most, requests] = [0, 0];
    await until(() => {
      most = Math.max(most, limits.bytes);
      requests = Math.max(requests, limits.requests);
      return limits.requests === 0;
    });
    expect(requests).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(bound);
    expect(limits.bytes).toBe(0);
    expect(consumer.requests).toHaveLength(0);
  });

  it("keep counting a request handed over whose sender has gone, until it is done", async () => {
    const { port, limits, consumer } = await startGrpc();
    const held = heldReplies(consumer);
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on("error", () => {});
    const stream = session.request(callHeaders({}));
    stream.on("error", () => {});
    stream.end(frame(Buffer.alloc(50), 0));
    await until(() => held.length === 1);
    const closed = serverStreamClosed();
    session.destroy();
    await closed;
    expect(limits.requests).toBe(1);
    held[0]?.(null);
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
    held[0]?.(null);
    expect(limits.requests).toBe(0);
  });

  it("give up on a sender that stalls in the middle of a request", async () => {
    const { port, limits, counters } = await startGrpc({ readTimeoutMs: 100 });
    const session = http2.connect(`http://127.0.0.1:${port}`);
    whenDone(() => session.destroy());
    const code = await rawCall(session, frame(Buffer.alloc(50), 0).subarray(0, 20), {}, false);
    expect(code).toBe(String(Grpc.UNAVAILABLE));
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
    expect(counters.requestsRefused).toEqual({ "timed-out": 1 });
  });

  it("announce the configured flow-control window for streams and the connection", async () => {
    const { port, consumer, limits } = await startGrpc({ flowControlWindowBytes: 3 * MIB });
    const held = heldReplies(consumer);
    const session = http2.connect(`http://127.0.0.1:${port}`);
    whenDone(() => session.destroy());
    await new Promise((resolve) => session.once("remoteSettings", resolve));
    expect(session.remoteSettings.initialWindowSize).toBe(3 * MIB);
    await until(() => session.state.remoteWindowSize === 3 * MIB);
    expect([held.length, limits.requests]).toEqual([0, 0]);
  });
});

describe("what is not a proper call", () => {
  const call = async (body: Buffer, headers: Record<string, string> = {}) => {
    const { port, counters, consumer, limits } = await startGrpc();
    const session = http2.connect(`http://127.0.0.1:${port}`);
    whenDone(() => session.destroy());
    const code = Number(await rawCall(session, body, headers));
    expect(consumer.requests).toHaveLength(0);
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
    // The connection goes on.
    expect(await rawCall(session, frame(Buffer.alloc(3), 0), {})).toBe("0");
    return { code, refused: counters.requestsRefused };
  };

  it("is refused when its gzip is invalid", async () => {
    const result = await call(frame(Buffer.from("not gzip at all"), 1), {
      "grpc-encoding": "gzip",
    });
    expect(result).toEqual({ code: Grpc.INVALID_ARGUMENT, refused: { malformed: 1 } });
  });

  it("is refused when its gzip is cut short", async () => {
    const cut = gzipSync(randomBytes(5000)).subarray(0, 3000);
    const result = await call(frame(cut, 1), { "grpc-encoding": "gzip" });
    expect(result).toEqual({ code: Grpc.INVALID_ARGUMENT, refused: { malformed: 1 } });
  });

  it("is refused when the message ends before its length", async () => {
    const result = await call(frame(Buffer.alloc(100), 0).subarray(0, 60));
    expect(result).toEqual({ code: Grpc.INVALID_ARGUMENT, refused: { malformed: 1 } });
  });

  it("is refused when even the prefix is cut, or there is nothing", async () => {
    for (const body of [Buffer.alloc(0), Buffer.from([0, 0, 0])])
      expect((await call(body)).code).toBe(Grpc.INVALID_ARGUMENT);
  });

  it("is refused when bytes follow the message", async () => {
    const result = await call(
      Buffer.concat([frame(Buffer.alloc(10), 0), frame(Buffer.alloc(1), 0)]),
    );
    expect(result).toEqual({ code: Grpc.INVALID_ARGUMENT, refused: { malformed: 1 } });
  });

  it("is refused when it is marked compressed without saying how, or with an unknown flag", async () => {
    expect((await call(frame(gzipSync("x"), 1))).code).toBe(Grpc.INVALID_ARGUMENT);
    expect((await call(frame(Buffer.alloc(4), 7))).code).toBe(Grpc.INVALID_ARGUMENT);
  });

  it("is UNIMPLEMENTED with an encoding other than gzip", async () => {
    const result = await call(frame(Buffer.alloc(4), 1), { "grpc-encoding": "zstd" });
    expect(result).toEqual({
      code: Grpc.UNIMPLEMENTED,
      refused: { "unsupported-encoding": 1 },
    });
  });

  it("is refused when its content type is another one", async () => {
    const result = await call(frame(Buffer.alloc(4), 0), { "content-type": "application/json" });
    expect(result.refused).toEqual({ "unsupported-content-type": 1 });
  });

  it("reads a prefix that comes byte by byte", async () => {
    const { port, consumer } = await startGrpc();
    const session = http2.connect(`http://127.0.0.1:${port}`);
    whenDone(() => session.destroy());
    const stream = session.request(callHeaders({}));
    for (const byte of frame(Buffer.from("abc"), 0)) {
      stream.write(Buffer.from([byte]));
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    stream.end();
    await until(() => consumer.requests.length === 1);
    expect(consumer.requests[0]?.bytes.toString()).toBe("abc");
  });
});

describe("other services on the port", () => {
  it("answer UNIMPLEMENTED: logs, profiles", async () => {
    const { port } = await startGrpc();
    const client = grpcClient(port);
    for (const service of ["logs.v1.LogsService", "profiles.v1development.ProfilesService"]) {
      const path = `/opentelemetry.proto.collector.${service}/Export`;
      expect((await exportBytes(client, path, Buffer.alloc(4))).code).toBe(Grpc.UNIMPLEMENTED);
    }
  });

  it("say SERVING for the receiver and both signals", async () => {
    const { port } = await startGrpc();
    const client = grpcClient(port);
    for (const service of [
      "",
      "opentelemetry.proto.collector.trace.v1.TraceService",
      "opentelemetry.proto.collector.metrics.v1.MetricsService",
    ])
      expect(await health(client, service)).toBe("SERVING");
  });
});

describe("stopping", () => {
  it("finishes accepted calls, refuses new ones with RetryInfo, says NOT_SERVING", async () => {
    const { port, receiver, consumer, counters } = await startGrpc();
    const held = heldReplies(consumer);
    const client = grpcClient(port);
    const accepted = exportBytes(client, TRACES, Buffer.alloc(10));
    await until(() => held.length === 1);
    let stopped = false;
    const stopping = receiver.stop(3000).then(() => {
      stopped = true;
    });
    const refused = await exportBytes(client, TRACES, Buffer.alloc(10));
    expect(refused.code).toBe(Grpc.UNAVAILABLE);
    expect(retryDelayMs(refused)).toBeGreaterThan(0);
    expect(counters.requestsRefused).toEqual({ "shutting-down": 1 });
    expect(await health(client, "")).toBe("NOT_SERVING");
    expect((await exportBytes(grpcClient(port), TRACES, Buffer.alloc(1))).message).toContain(
      "ECONNREFUSED",
    );
    expect(stopped).toBe(false);
    held[0]?.(null);
    expect((await accepted).code).toBe(Grpc.OK);
    await stopping;
  });

  it("keeps its deadline when a call is never done, and `done` may come after it", async () => {
    const { port, receiver, consumer } = await startGrpc();
    const held = heldReplies(consumer);
    const cutOff = exportBytes(grpcClient(port), TRACES, Buffer.alloc(10));
    await until(() => held.length === 1);
    const began = Date.now();
    await receiver.stop(400);
    expect(Date.now() - began).toBeLessThan(1000);
    expect((await cutOff).code).not.toBe(Grpc.OK);
    held[0]?.(null);
  });

  it("is quick when nothing is open, also with idle connections and watchers", async () => {
    const { port, receiver } = await startGrpc();
    const client = grpcClient(port);
    const watched = watchHealth(client);
    await until(() => watched.length === 1);
    const began = Date.now();
    await receiver.stop(5000);
    await receiver.stop(5000);
    expect(Date.now() - began).toBeLessThan(1000);
    expect(watched).toEqual(["SERVING", "NOT_SERVING"]);
  });

  it("is done at once when the receiver never started", async () => {
    const settings = {
      endpoint: { host: "127.0.0.1", port: 0 },
      tls: null,
      maxMessageBytes: MIB,
      flowControlWindowBytes: MIB,
    };
    const limits = new InFlight({ maxBytes: MIB });
    await new GrpcReceiver(settings, new RecordingConsumer(), limits).stop(1000);
  });
});

describe("starting", () => {
  it("names key, address and way out when the address is taken", async () => {
    const { port } = await startGrpc();
    const settings = {
      endpoint: { host: "127.0.0.1", port },
      tls: null,
      maxMessageBytes: MIB,
      flowControlWindowBytes: MIB,
    };
    const second = new GrpcReceiver(
      settings,
      new RecordingConsumer(),
      new InFlight({ maxBytes: MIB }),
    );
    const error = await second.start().catch((e: EngineError) => e);
    expect(error).toMatchObject({ name: "EngineError", code: "ADDRESS_UNAVAILABLE" });
    const { message } = error as EngineError;
    expect(message).toContain(
      `receivers.otlp.protocols.grpc.endpoint: cannot listen on 127.0.0.1:${port}`,
    );
    expect(message).toContain("EADDRINUSE");
    expect(message).toContain("choose another port");
  });
});

function callHeaders(headers: Record<string, string>) {
  return { ":method": "POST", ":path": TRACES, "content-type": "application/grpc", ...headers };
}

function frame(message: Buffer, flag: number): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flag;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** A call written by hand; resolves to its grpc-status. */
function rawCall(
  session: http2.ClientHttp2Session,
  body: Buffer,
  headers: Record<string, string>,
  end = true,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = session.request(callHeaders(headers));
    let code: unknown;
    stream.on("response", (answer) => {
      code = answer["grpc-status"];
    });
    stream.on("trailers", (trailers) => {
      code = trailers["grpc-status"];
    });
    stream.on("close", () => resolve(String(code)));
    stream.on("error", reject);
    stream.resume();
    if (end) stream.end(body);
    else stream.write(body);
  });
}

/** Made in steps, so that the test itself never holds what it decompresses to. */
async function gzipOfZeros(mebibytes: number): Promise<Buffer> {
  const zeros = Buffer.alloc(MIB);
  const source = Readable.from(Array(mebibytes).fill(zeros));
  return buffer(source.pipe(createGzip({ level: 9 })));
}

/** Every status the health service reports, as it comes. */
function watchHealth(client: ReturnType<typeof grpcClient>): string[] {
  const watch = healthService.Watch;
  if (watch === undefined) throw new Error("unreachable: the health service has Watch");
  const statuses: string[] = [];
  const { path, requestSerialize, responseDeserialize } = watch;
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {
    service: "",
  });
  call.on("data", (answer: { status: string }) => statuses.push(answer.status));
  call.on("error", () => {});
  return statuses;
}

function health(client: ReturnType<typeof grpcClient>, name: string): Promise<string> {
  const check = healthService.Check;
  if (check === undefined) throw new Error("unreachable: the health service has Check");
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      check.path,
      check.requestSerialize,
      check.responseDeserialize,
      { service: name },
      (error, answer) => {
        if (error !== null) reject(error);
        else resolve(String((answer as { status: string }).status));
      },
    );
  });
}

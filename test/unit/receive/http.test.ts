import { Agent, type IncomingHttpHeaders, type RequestOptions, request } from "node:http";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { createGzip, deflateSync, gzipSync } from "node:zlib";
import protobuf from "protobufjs";
import { afterEach, describe, expect, it } from "vitest";
import type { EngineError } from "../../../src/model/errors.ts";
import { HttpReceiver } from "../../../src/receive/http.ts";
import { InFlight } from "../../../src/receive/limits.ts";
import {
  cleanUp,
  heldReplies,
  MIB,
  RecordingConsumer,
  startHttp,
  until,
  whenDone,
} from "./support.ts";

const PROTOBUF = { "content-type": "application/x-protobuf" };
const JSON_TYPE = { "content-type": "application/json" };
const root = protobuf.parse(`syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message Partial { int64 rejected = 1; string error_message = 2; }
  message Response { Partial partial_success = 1; }`).root;
const decoded = (type: string, bytes: Buffer) => root.lookupType(type).decode(bytes).toJSON();

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

function send(
  port: number,
  path: string,
  headers: Record<string, string>,
  body: Buffer | string | Readable = "",
  options: RequestOptions = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const to = { host: "127.0.0.1", port, path, method: "POST", headers, agent: false as const };
    const call = request({ ...to, ...options }, async (answer) => {
      const received = await buffer(answer);
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: received });
    });
    call.on("error", reject);
    if (body instanceof Readable) body.pipe(call);
    else call.end(body);
  });
}

afterEach(cleanUp);

describe("a POST", () => {
  it("hands protobuf and JSON over and answers in the same type", async () => {
    const { port, consumer, limits } = await startHttp();
    const first = await send(port, "/v1/traces", PROTOBUF, Buffer.from("spans"));
    expect(first).toMatchObject({ status: 200, headers: PROTOBUF });
    expect(first.body).toHaveLength(0);
    const type = { "content-type": "Application/JSON; charset=utf-8" };
    const second = await send(port, "/v1/metrics?x=1", type, "{}");
    expect(second).toMatchObject({ status: 200, headers: JSON_TYPE });
    expect(second.body.toString()).toBe("{}");
    expect(consumer.requests.map((r) => [r.signal, r.encoding, r.bytes.toString()])).toEqual([
      ["traces", "protobuf", "spans"],
      ["metrics", "json", "{}"],
    ]);
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
  });

  it("may have no body, which is an empty request", async () => {
    const { port, consumer } = await startHttp();
    expect((await send(port, "/v1/traces", PROTOBUF)).status).toBe(200);
    expect(consumer.requests[0]?.bytes).toHaveLength(0);
  });

  it("is decompressed when it is gzip, and may name identity", async () => {
    const { port, consumer, limits } = await startHttp();
    const sent = Buffer.from("spans ".repeat(60_000));
    const gzip = { ...PROTOBUF, "content-encoding": "gzip" };
    expect((await send(port, "/v1/traces", gzip, gzipSync(sent))).status).toBe(200);
    expect(consumer.requests[0]?.bytes.equals(sent)).toBe(true);
    const identity = { ...PROTOBUF, "content-encoding": "identity" };
    expect((await send(port, "/v1/traces", identity, "x")).status).toBe(200);
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
  });

  it("comes in chunks of any size", async () => {
    const { port, consumer } = await startHttp();
    const chunks = Array.from({ length: 50 }, (_, i) => Buffer.alloc(i * 100, i));
    await send(port, "/v1/traces", PROTOBUF, Readable.from(chunks));
    expect(consumer.requests[0]?.bytes.equals(Buffer.concat(chunks))).toBe(true);
  });

  it("tells a partial success in both encodings", async () => {
    const { port, consumer } = await startHttp();
    consumer.reply = (done) => done({ rejected: 5, message: "too old" });
    const binary = await send(port, "/v1/traces", PROTOBUF);
    expect(decoded("Response", binary.body)).toEqual({
      partialSuccess: { rejected: "5", errorMessage: "too old" },
    });
    const traces = await send(port, "/v1/traces", JSON_TYPE, "{}");
    expect([binary.status, traces.status]).toEqual([200, 200]);
    expect(JSON.parse(traces.body.toString())).toEqual({
      partialSuccess: { rejectedSpans: "5", errorMessage: "too old" },
    });
    const metrics = await send(port, "/v1/metrics", JSON_TYPE, "{}");
    expect(JSON.parse(metrics.body.toString())).toEqual({
      partialSuccess: { rejectedDataPoints: "5", errorMessage: "too old" },
    });
  });

  it("passes a refusal on as a Status in the request's encoding", async () => {
    const { port, consumer, counters } = await startHttp();
    consumer.reply = (done) => done({ code: "malformed", message: "größer", retryAfterMs: null });
    const binary = await send(port, "/v1/traces", PROTOBUF);
    expect(binary).toMatchObject({ status: 400, headers: PROTOBUF });
    expect(decoded("Status", binary.body)).toEqual({ code: 3, message: "größer" });
    const json = await send(port, "/v1/traces", JSON_TYPE, "{");
    expect(json).toMatchObject({ status: 400, headers: JSON_TYPE });
    expect(JSON.parse(json.body.toString())).toEqual({ code: 3, message: "größer" });
    expect(json.headers["retry-after"]).toBeUndefined();
    expect(counters.requestsRefused).toEqual({});
  });

  it("is answered only when the consumer is done", async () => {
    const { port, consumer, limits } = await startHttp();
    const held = heldReplies(consumer);
    const answer = send(port, "/v1/traces", PROTOBUF, "abc");
    await until(() => held.length === 1);
    expect(limits).toMatchObject({ requests: 1, bytes: 3 });
    held[0]?.({ code: "state-unavailable", message: "disk full", retryAfterMs: 2400 });
    expect(await answer).toMatchObject({ status: 503, headers: { "retry-after": "3" } });
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
  });

  it("with Expect is told to continue, or refused before it sends its body", async () => {
    const { port, consumer } = await startHttp();
    const expecting = { ...PROTOBUF, expect: "100-continue" };
    const to = {
      host: "127.0.0.1",
      port,
      path: "/v1/traces",
      method: "POST",
      agent: false as const,
    };
    const accepted = await new Promise((resolve) => {
      const small = request({ ...to, headers: { ...expecting, "content-length": "3" } }, (answer) =>
        resolve(answer.statusCode),
      );
      small.on("continue", () => small.end("abc"));
      small.flushHeaders();
    });
    expect(accepted).toBe(200);
    const large = { ...expecting, "content-length": String(2 * MIB) };
    let continued = false;
    const status = await new Promise((resolve) => {
      const call = request({ ...to, headers: large }, (answer) => resolve(answer.statusCode));
      call.on("continue", () => {
        continued = true;
      });
      call.on("error", () => {});
      call.flushHeaders();
      whenDone(() => call.destroy());
    });
    expect([status, continued]).toEqual([413, false]);
    expect(consumer.requests).toHaveLength(1);
  });
});

describe("limits", () => {
  it("refuse a larger body by its announced length, and the sender reads why", async () => {
    const { port, consumer, counters, limits } = await startHttp({ maxMessageBytes: 100_000 });
    const answer = await send(port, "/v1/traces", PROTOBUF, Buffer.alloc(3 * MIB));
    expect(answer.status).toBe(413);
    expect(decoded("Status", answer.body)).toMatchObject({ code: 8 });
    expect(answer.headers["retry-after"]).toBeUndefined();
    const exact = await send(port, "/v1/traces", PROTOBUF, Buffer.alloc(100_000));
    expect(exact.status).toBe(200);
    expect(counters.requestsRefused).toEqual({ "too-large": 1 });
    expect(consumer.requests).toHaveLength(1);
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
  });

  it("are lower for JSON, which costs many times its size, and say so", async () => {
    const { port, consumer } = await startHttp({ maxMessageBytes: 64 * MIB });
    const large = Buffer.alloc(16 * MIB + 1, " ");
    const answer = await send(port, "/v1/traces", JSON_TYPE, large);
    expect(answer.status).toBe(413);
    expect(answer.body.toString()).toContain("the most of OTLP/JSON; protobuf may be larger");
    const unpacked = await send(
      port,
      "/v1/traces",
      { ...JSON_TYPE, "content-encoding": "gzip" },
      gzipSync(large),
    );
    expect(unpacked.status).toBe(413);
    expect((await send(port, "/v1/traces", PROTOBUF, large)).status).toBe(200);
    expect(consumer.requests).toHaveLength(1);
  });

  it("stop an endless body", async () => {
    const { port, counters, limits } = await startHttp({ maxMessageBytes: 100_000 });
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    let closed = false;
    socket.on("data", (data) => {
      answer += data.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      closed = true;
    });
    socket.write(
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    const chunk = `8000\r\n${"x".repeat(0x8000)}\r\n`;
    const writer = setInterval(() => socket.write(chunk), 5);
    whenDone(() => clearInterval(writer));
    await until(() => closed);
    expect(answer).toContain("HTTP/1.1 413");
    expect(counters.requestsRefused).toEqual({ "too-large": 1 });
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
  });

  it("hold after decompression: gzip bombs are refused and memory stays", async () => {
    const { port, consumer, counters, limits } = await startHttp({ maxMessageBytes: 2 * MIB });
    const zeros = Readable.from(Array(512).fill(Buffer.alloc(MIB)));
    const bomb = await buffer(zeros.pipe(createGzip({ level: 9 })));
    const headers = { ...JSON_TYPE, "content-encoding": "gzip" };
    const before = process.memoryUsage().rss;
    let peak = before;
    const sampler = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss);
    }, 1);
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => send(port, "/v1/traces", headers, bomb)),
    );
    clearInterval(sampler);
    expect(answers.map((a) => a.status)).toEqual(Array(8).fill(413));
    expect(counters.requestsRefused).toEqual({ "too-large": 8 });
    expect(consumer.requests).toHaveLength(0);
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
    expect((peak - before) / MIB).toBeLessThan(100);
  });

  it("refuse with Retry-After what is too much in flight", async () => {
    const inFlight = { maxRequests: 1, retryAfterMs: 1500 };
    const { port, consumer, counters, limits } = await startHttp({ inFlight });
    const held = heldReplies(consumer);
    const first = send(port, "/v1/traces", PROTOBUF, "a");
    await until(() => held.length === 1);
    const second = await send(port, "/v1/traces", JSON_TYPE, "{}");
    expect(second).toMatchObject({ status: 503, headers: { "retry-after": "2" } });
    expect(JSON.parse(second.body.toString())).toEqual({
      code: 14,
      message: "more than 1 requests in flight",
      details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "1.5s" }],
    });
    expect(counters.requestsRefused).toEqual({ overloaded: 1 });
    held[0]?.(null);
    expect((await first).status).toBe(200);
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
  });

  it("let go of a request whose sender disappears while sending it", async () => {
    const { port, limits, consumer } = await startHttp();
    const socket = connect(port, "127.0.0.1");
    socket.write(
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\nabc",
    );
    await until(() => limits.bytes === 3);
    socket.destroy();
    await until(() => limits.requests === 0);
    expect(limits.bytes).toBe(0);
    expect(consumer.requests).toHaveLength(0);
  });

  it("give up on senders that send their head or body too slowly", async () => {
    const { port, limits } = await startHttp({ readTimeoutMs: 200 });
    const heads = [
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\n",
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\na",
    ];
    const closed = heads.map((head) => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.resume();
      socket.write(head);
      return new Promise((resolve) => socket.on("close", resolve));
    });
    await Promise.all(closed);
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
  });
});

describe("what is not a proper request", () => {
  it("is 415 with another content type, or none", async () => {
    const { port, counters, consumer } = await startHttp();
    for (const headers of [{}, { "content-type": "text/plain" }]) {
      const answer = await send(port, "/v1/traces", headers, "x");
      expect(answer).toMatchObject({ status: 415, headers: JSON_TYPE });
      expect(JSON.parse(answer.body.toString()).message).toContain("application/x-protobuf");
    }
    expect(counters.requestsRefused).toEqual({ "unsupported-content-type": 2 });
    expect(consumer.requests).toHaveLength(0);
  });

  it("is 415 with another compression, and is told which one is understood", async () => {
    const { port, counters } = await startHttp();
    const headers = { ...PROTOBUF, "content-encoding": "deflate" };
    const answer = await send(port, "/v1/traces", headers, deflateSync("x"));
    expect(answer).toMatchObject({ status: 415, headers: { "accept-encoding": "gzip" } });
    expect(decoded("Status", answer.body)).toMatchObject({ code: 12 });
    expect(counters.requestsRefused).toEqual({ "unsupported-encoding": 1 });
  });

  it("is 400 when its gzip is invalid, cut short or empty", async () => {
    const { port, counters, limits } = await startHttp();
    const headers = { ...PROTOBUF, "content-encoding": "gzip" };
    const whole = gzipSync(Buffer.from("spans ".repeat(100)));
    for (const body of [Buffer.from("no gzip"), whole.subarray(0, 20), Buffer.alloc(0)])
      expect((await send(port, "/v1/traces", headers, body)).status).toBe(400);
    expect(counters.requestsRefused).toEqual({ malformed: 3 });
    expect(limits).toMatchObject({ requests: 0, bytes: 0 });
  });

  it("is 404 for logs and unknown paths", async () => {
    const { port, consumer } = await startHttp();
    for (const path of ["/v1/logs", "/", "/v1/traces/", "/v1/profiles"]) {
      const answer = await send(port, path, PROTOBUF, "x");
      expect(answer).toMatchObject({ status: 404, headers: PROTOBUF });
      expect(decoded("Status", answer.body)).toMatchObject({ code: 12 });
    }
    expect(consumer.requests).toHaveLength(0);
  });

  it("is 405 with another method", async () => {
    const { port } = await startHttp();
    for (const method of ["GET", "PUT", "OPTIONS"]) {
      const answer = await send(port, "/v1/traces", PROTOBUF, "", { method });
      expect(answer).toMatchObject({ status: 405, headers: { allow: "POST" } });
    }
  });
});

describe("stopping", () => {
  it("finishes accepted requests and refuses new ones", async () => {
    const { port, receiver, consumer, counters } = await startHttp();
    const held = heldReplies(consumer);
    const accepted = send(port, "/v1/traces", PROTOBUF, "a");
    // A request that has begun before the stop and shows its head after it.
    const late = connect(port, "127.0.0.1");
    let answer = "";
    late.on("data", (data) => {
      answer += data.toString("latin1");
    });
    late.write("POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n");
    await until(() => held.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 30));
    let stopped = false;
    const stopping = receiver.stop(3000).then(() => {
      stopped = true;
    });
    late.write("content-length: 2\r\n\r\n{}");
    await until(() => answer.includes("\r\n\r\n"));
    expect(answer).toContain("HTTP/1.1 503");
    expect(answer.toLowerCase()).toContain("retry-after: 2");
    expect(counters.requestsRefused).toEqual({ "shutting-down": 1 });
    await expect(send(port, "/v1/traces", PROTOBUF, "b")).rejects.toThrow("ECONNREFUSED");
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(stopped).toBe(false);
    held[0]?.(null);
    expect((await accepted).status).toBe(200);
    await stopping;
  });

  it("keeps its deadline when a request is never done, and `done` may come after it", async () => {
    const { port, receiver, consumer } = await startHttp();
    const held = heldReplies(consumer);
    const cutOff = send(port, "/v1/traces", PROTOBUF, "a").catch((e: Error) => e.message);
    await until(() => held.length === 1);
    const began = Date.now();
    await receiver.stop(400);
    expect(Date.now() - began).toBeLessThan(1000);
    expect(await cutOff).toContain("socket hang up");
    held[0]?.(null);
  });

  it("is quick with idle connections", async () => {
    const { port, receiver } = await startHttp();
    const agent = new Agent({ keepAlive: true });
    whenDone(() => agent.destroy());
    await send(port, "/v1/traces", PROTOBUF, "a", { agent });
    const began = Date.now();
    await receiver.stop(5000);
    await receiver.stop(5000);
    expect(Date.now() - began).toBeLessThan(1000);
  });
});

describe("starting", () => {
  it("names key, address and way out when the address is taken", async () => {
    const { port } = await startHttp();
    const settings = { endpoint: { host: "127.0.0.1", port }, tls: null, maxMessageBytes: MIB };
    const limits = new InFlight({ maxBytes: MIB });
    const second = new HttpReceiver(settings, new RecordingConsumer(), limits);
    const error = (await second.start().catch((e: EngineError) => e)) as EngineError;
    expect(error).toMatchObject({ name: "EngineError", code: "ADDRESS_UNAVAILABLE" });
    expect(error.message).toContain(
      `receivers.otlp.protocols.http.endpoint: cannot listen on 127.0.0.1:${port}`,
    );
    expect(error.message).toContain("choose another port");
    await second.stop(100);
  });
});

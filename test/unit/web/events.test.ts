import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { decisionMessage } from "../../../src/publish/message.ts";
import type { EventStreamSettings } from "../../../src/web/events.ts";
import { type HttpApi, startHttpApi } from "../../../src/web/server.ts";
import { AT, decision, open } from "../../support/decisions.ts";
import { GateSource } from "../../support/gate-source.ts";
import { waitFor } from "../../support/wait.ts";

let source: GateSource;
let api: HttpApi;
const aborts: AbortController[] = [];
const quiet = { info() {}, warn() {}, error() {} };

async function start(events: Omit<EventStreamSettings, "reader" | "message"> = {}): Promise<void> {
  api = await startHttpApi({
    endpoint: { host: "127.0.0.1", port: 0 },
    reader: source,
    overrides: source,
    readiness: { ready: () => ({ ok: true, message: "" }) },
    clock: { now: () => AT },
    log: quiet,
    message: decisionMessage,
    metrics: async () => ({ contentType: "text/plain", body: "" }),
    readToken: null,
    writeToken: null,
    events,
  });
}

beforeEach(() => {
  source = new GateSource(open("cart"), decision({ slo: "pay" }));
});
afterEach(async () => {
  for (const abort of aborts.splice(0)) abort.abort();
  await api.close();
});

async function listen(query = "") {
  const abort = new AbortController();
  aborts.push(abort);
  const response = await fetch(`${api.url}/v1/events${query}`, { signal: abort.signal });
  let text = "";
  let ended = false;
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true });
  })();
  reading
    .catch(() => {})
    .finally(() => {
      ended = true;
    });
  const frames = () => text.split("\n\n").slice(0, -1);
  return { response, abort, text: () => text, frames, ended: () => ended };
}

const until = (what: string, holds: () => boolean) =>
  waitFor(() => holds() || undefined, { what, timeoutMs: 5_000 });

describe("GET /v1/events", () => {
  it("begins with all gates and goes on with every decision", async () => {
    await start();
    const stream = await listen();
    await until("the snapshot", () => stream.frames().length === 1);
    expect(stream.response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(stream.frames()[0]).toBe(
      "retry: 2000\nid: snapshot\nevent: snapshot\ndata: " +
        JSON.stringify({ data: source.list().map(decisionMessage) }),
    );
    const next = decision({ slo: "pay", state: "open", sequence: 18, message: "a\nb" });
    source.decide(next);
    await until("the decision", () => stream.frames().length === 2);
    expect(stream.frames()[1]).toBe(
      `id: pay/3/18/2026-05-04T10:00:37Z\nevent: decision\ndata: ${JSON.stringify(decisionMessage(next))}`,
    );
  });

  it("can be about some SLOs only", async () => {
    await start();
    const stream = await listen("?slo=pay");
    await until("the snapshot", () => stream.frames().length === 1);
    expect(stream.text()).not.toContain('"cart"');
    source.decide(open("cart", { sequence: 18 }));
    source.decide(decision({ slo: "pay", sequence: 18 }));
    await until("the decision", () => stream.frames().length === 2);
    expect(stream.frames()[1]).toContain('"slo":"pay"');
    expect((await fetch(`${api.url}/v1/events?slo=nobody`)).status).toBe(404);
  });

  it("shows signs of life while nothing happens", async () => {
    await start({ heartbeatMs: 20 });
    const stream = await listen();
    await until("two heartbeats", () => stream.text().split("\n: still here\n").length > 2);
  });

  it("sends a new snapshot when an SLO was removed", async () => {
    await start({ heartbeatMs: 20 });
    const stream = await listen();
    await until("the first heartbeat", () => stream.text().includes(": still here"));
    source.remove("pay");
    await until("the second snapshot", () => stream.text().split("event: snapshot").length === 3);
    expect(stream.text().split("event: snapshot")[2]).not.toContain('"slo":"pay"');
  });

  it("asks the engine for decisions only while somebody listens", async () => {
    await start();
    expect(source.watchers).toBe(0);
    const [a, b] = [await listen(), await listen()];
    expect(source.watchers).toBe(1);
    a.abort.abort();
    b.abort.abort();
    await until("the last reader to be noticed as gone", () => source.watchers === 0);
  });

  it("drops a reader that does not read, and serves the others", async () => {
    await start({ mostPendingBytes: 256 * 1024 });
    const slow = connect(api.port, "127.0.0.1");
    slow.on("error", () => {});
    await new Promise((resolve) => slow.once("connect", resolve));
    slow.pause();
    slow.write("GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\n");
    await until("the slow reader to be served", () => source.watchers === 1);
    const message = "x".repeat(100_000);
    // The kernel's buffers take some megabytes before anything waits in the process.
    for (let sequence = 0; sequence < 200 && source.watchers > 0; sequence++) {
      source.decide(open("cart", { sequence, message }));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until("the slow reader to be dropped", () => source.watchers === 0);
    slow.destroy();
    const other = await listen();
    await until("the snapshot", () => other.frames().length === 1);
  });

  it("ends its streams when a decision cannot be put into words: readers come again", async () => {
    await start();
    const stream = await listen();
    await until("the snapshot", () => stream.frames().length === 1);
    expect(() => source.decide({ ...open("cart"), burn: null as never })).toThrow();
    await until("the end", () => stream.ended());
    expect(source.watchers).toBe(0);
    source.decide(open("cart"));
    const again = await listen();
    await until("the new snapshot", () => again.frames().length === 1);
    source.decide(open("cart", { sequence: 9 }));
    await until("what follows", () => again.frames().length === 2);
  });

  it("does not drop a reader because the first snapshot is large", async () => {
    await start({ mostPendingBytes: 1_000 });
    source.decide(open("cart", { message: "x".repeat(3_000_000) }));
    const stream = await listen();
    await until("the snapshot", () => stream.frames().length === 1);
    expect(stream.ended()).toBe(false);
  });

  it("has room for so many readers", async () => {
    await start({ mostClients: 1 });
    await listen();
    const second = await fetch(`${api.url}/v1/events`);
    expect(second.status).toBe(503);
    expect(second.headers.get("retry-after")).toBe("10");
  });

  it("ends when the server closes, without delay", async () => {
    await start();
    const stream = await listen();
    await until("the snapshot", () => stream.frames().length === 1);
    const before = performance.now();
    await api.close();
    await until("the end", () => stream.ended());
    expect(performance.now() - before).toBeLessThan(1_500);
  });
});

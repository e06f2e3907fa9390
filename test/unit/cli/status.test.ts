import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { status } from "../../../src/cli/status.ts";
import type { HttpApi } from "../../../src/web/server.ts";
import { captureIo, unreadAfter } from "../../support/cli-io.ts";
import { AT, decision, open } from "../../support/decisions.ts";
import { freePort } from "../../support/free-port.ts";
import { GateSource } from "../../support/gate-source.ts";
import { serveGates } from "../../support/http-api.ts";
import { waitFor } from "../../support/wait.ts";

let source: GateSource;
let api: HttpApi;
const now = () => AT;

beforeEach(async () => {
  source = new GateSource(open("cart"), decision({ slo: "pay" }));
  api = await serveGates(source);
});
afterEach(() => api.close());

const until = (what: string, holds: () => boolean) =>
  waitFor(() => holds() || undefined, { what, timeoutMs: 5_000 });

describe("status", () => {
  it("prints a table of all gates", async () => {
    const { io, out } = captureIo();
    expect(await status({ server: api.url, now }, io)).toBe(0);
    const lines = out().split("\n");
    expect(lines).toHaveLength(4);
    expect(lines[1]).toMatch(
      /^■ closed {2}pay +fast-burn .* burn rate 41.2 over 5m and 15.9 over 1h$/,
    );
    expect(lines[2]).toMatch(/^○ open {4}cart +ok /);
  });

  it("colours and keeps to the terminal's width, unless NO_COLOR is set", async () => {
    const colour = captureIo({ isTTY: true, columns: 40 });
    await status({ server: api.url, now }, colour.io);
    expect(colour.out()).toContain("\u001b[31m■ closed\u001b[0m");
    const plain = captureIo({ isTTY: true, columns: 40, env: { NO_COLOR: "1" } });
    await status({ server: api.url, now }, plain.io);
    for (const line of plain.out().split("\n")) expect(line.length).toBeLessThanOrEqual(40);
    expect(plain.out()).not.toContain("\u001b");
  });

  it("exits 3 when the engine cannot be reached", async () => {
    const { io, err } = captureIo();
    expect(await status({ server: `127.0.0.1:${await freePort()}` }, io)).toBe(3);
    expect(err()).toContain("connection refused");
  });

  it("uses the token of the environment, and says when one is needed", async () => {
    const closed = await serveGates(source, { read: "r" });
    const without = captureIo();
    expect(await status({ server: closed.url }, without.io)).toBe(1);
    expect(without.err()).toContain("api.auth.read");
    const withToken = captureIo({ env: { SLOGATE_TOKEN: "r" } });
    expect(await status({ server: closed.url }, withToken.io)).toBe(0);
    await closed.close();
  });
});

describe("status --watch", () => {
  it("writes a line per transition in a pipe, none per refresh, and connects again", async () => {
    const { io, out, err } = captureIo();
    const stop = Promise.withResolvers<void>();
    const running = status(
      { server: api.url, now, watch: true, reconnectMs: 20 },
      io,
      stop.promise,
    );
    const lines = () => out().split("\n").length - 1;
    await until("the first state", () => lines() === 2);
    source.decide(decision({ slo: "pay", decidedAt: AT + 1_000 }));
    source.decide(open("pay", { sequence: 18 }));
    await until("the transition", () => lines() === 3);
    expect(out().split("\n")[2]).toMatch(/^10:00:37Z pay OPEN \(ok\)/);

    const { port } = api;
    await api.close();
    await until("the loss to be said", () => err().includes("; trying again"));
    source.decide(open("pay", { state: "unknown", reason: "stale", sequence: 19, allowed: false }));
    api = await serveGates(source, {}, port);
    await until("what was missed", () => lines() === 4);
    expect(out().split("\n")[3]).toMatch(/pay UNKNOWN \(stale\) \[not allowed\]/);
    stop.resolve();
    expect(await running).toBe(0);
  });

  it("redraws the table in place on a terminal and leaves the last one behind", async () => {
    const { io, out } = captureIo({ isTTY: true, columns: 60, env: { NO_COLOR: "1" } });
    const stop = Promise.withResolvers<void>();
    const running = status({ server: api.url, now, watch: true }, io, stop.promise);
    await until("the table", () => out().includes("■ closed"));
    source.decide(open("pay", { sequence: 18 }));
    await until("the new state", () => out().includes("0 closed, 0 unknown, 2 open"));
    stop.resolve();
    expect(await running).toBe(0);
    expect(out().startsWith("\u001b[?1049h")).toBe(true);
    const after = out().split("\u001b[?1049l")[1];
    expect(after?.split("\n").slice(1, 3)).toEqual([
      expect.stringMatching(/^○ open {2}cart/),
      expect.stringMatching(/^○ open {2}pay/),
    ]);
  });

  it("takes a terminal that does not know its size for one of 80 columns", async () => {
    const { io, out } = captureIo({ isTTY: true, columns: 0, env: { NO_COLOR: "1" } });
    expect(await status({ server: api.url, now }, io)).toBe(0);
    const [head = ""] = out().split("\n");
    expect(head).toMatch(/^GATE +SLO +REASON +BURN/);
  });

  it("ends when nobody reads its lines any more", async () => {
    const { stdout, out } = unreadAfter(1);
    const { io } = captureIo();
    expect(await status({ server: api.url, now, watch: true }, { ...io, stdout })).toBe(0);
    expect(out().split("\n").length - 1).toBe(1);
  });

  it("says on the screen that it is disconnected", async () => {
    const { io, out } = captureIo({ isTTY: true, columns: 90 });
    const stop = Promise.withResolvers<void>();
    const server = `127.0.0.1:${await freePort()}`;
    const running = status({ server, watch: true, reconnectMs: 20 }, io, stop.promise);
    await until("the notice", () => /DISCONNECTED .*connection refused/.test(out()));
    stop.resolve();
    expect(await running).toBe(0);
  });

  it("ends when the engine refuses it for good", async () => {
    const closed = await serveGates(source, { read: "r" });
    const { io, err } = captureIo();
    expect(await status({ server: closed.url, watch: true }, io)).toBe(1);
    expect(err()).toContain("api.auth.read");
    await closed.close();
  });
});

import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CheckOptions, check } from "../../../src/cli/check.ts";
import type { HttpApi } from "../../../src/web/server.ts";
import { captureIo } from "../../support/cli-io.ts";
import { AT, decision, open } from "../../support/decisions.ts";
import { freePort } from "../../support/free-port.ts";
import { GateSource } from "../../support/gate-source.ts";
import { serveGates } from "../../support/http-api.ts";
import { waitFor } from "../../support/wait.ts";

let source: GateSource;
let api: HttpApi;

beforeEach(async () => {
  source = new GateSource(open("cart"), decision({ slo: "pay" }));
  api = await serveGates(source);
});
afterEach(() => api.close());

async function run(
  slos: string[],
  over: Partial<CheckOptions> = {},
  captured = captureIo(),
  stopped?: Promise<unknown>,
) {
  const options = { slos, server: api.url, now: () => AT, pollMs: 20, ...over };
  const code = await check(options, captured.io, stopped);
  return { code, out: captured.out(), err: captured.err() };
}

describe("check", () => {
  it("exits 0 for an allowed gate and says why", async () => {
    expect(await run(["cart"])).toEqual({
      code: 0,
      out: "cart: open (ok): burn rate 0.4 over 5m and 0.3 over 1h\n",
      err: "",
    });
  });

  it("exits 1 for a closed gate, with both numbers and when it is expected to open", async () => {
    expect(await run(["pay"])).toEqual({
      code: 1,
      out:
        "pay: closed (fast-burn): burn rate 41.2 over 5m and 15.9 over 1h; " +
        "expected to open in 1 h 20 min (11:20:37Z)\n",
      err: "",
    });
  });

  it("says one time when the gate opens", async () => {
    const message = "recovered since 10:00:00Z, opens at 11:20:37Z if that lasts";
    source.decide(decision({ slo: "pay", message }));
    expect((await run(["pay"])).out).toBe(`pay: closed (fast-burn): ${message}\n`);
  });

  it.each(["open", "closed"] as const)("says when an override to %s ends", async (state) => {
    const override = {
      slo: "pay",
      state,
      author: "ann",
      reason: "drill",
      createdAt: AT,
      expiresAt: AT + 5_400_000,
    };
    source.decide(decision({ slo: "pay", state, reason: "override", message: "drill", override }));
    expect((await run(["pay"])).out).toMatch(
      /\): drill; the override ends in 1 h 30 min \(11:30:37Z\)\n$/,
    );
  });

  it.each([
    [{ state: "unknown", allowed: false, reason: "no-data" }, 3, "unknown (no-data, not allowed)"],
    [{ state: "unknown", allowed: true, reason: "stale" }, 0, "unknown (stale, allowed)"],
    [{ mode: "shadow", allowed: true }, 0, "closed (fast-burn, shadow mode: allowed all the same)"],
    [{ validUntil: AT }, 3, "the last decision (closed) expired 0 s ago"],
    [{ validUntil: Number.NaN, allowed: true }, 3, "does not say how long it is valid"],
  ] as const)("judges %j", async (over, code, words) => {
    source.decide(decision({ slo: "pay", ...over }));
    const result = await run(["pay"]);
    expect(result.code).toBe(code);
    expect(result.out).toContain(words);
  });

  it("does not trust an open gate whose decision has expired", async () => {
    source.decide(open("cart", { validUntil: AT - 5_000 }));
    const { code, out } = await run(["cart"]);
    expect(code).toBe(3);
    expect(out).toContain("expired 5 s ago; the engine no longer decides");
  });

  it("names the clock when it is the clock that is wrong", async () => {
    const now = Date.now();
    source.decide(open("cart", { validUntil: now + 60_000 }));
    const { code, out } = await run(["cart"], { now: () => now + 3_600_000 });
    expect(code).toBe(3);
    expect(out).toMatch(/by this machine's clock, which is (1 h|59 min) ahead of the engine's/);
  });

  it("lets the worst of several SLOs count: closed before unknown before open", async () => {
    source.decide(open("odd", { state: "unknown", reason: "stale", allowed: false }));
    expect((await run(["cart", "cart"])).code).toBe(0);
    expect((await run(["cart", "odd"])).code).toBe(3);
    const all = await run(["odd", "pay", "cart"]);
    expect(all.code).toBe(1);
    expect(all.out.split("\n").map((line) => line.split(":")[0])).toEqual([
      "odd",
      "pay",
      "cart",
      "",
    ]);
  });

  it("asks about one version", async () => {
    source.byVersion.set("pay@1.4.1+b", open("pay"));
    expect((await run(["pay"], { version: "1.4.1+b" })).code).toBe(0);
    expect((await run(["pay"], { version: "1.4.2" })).code).toBe(1);
  });

  it("exits 3 for an unknown SLO and names the nearest and the known ones", async () => {
    const { code, out } = await run(["pya"], { waitMs: 60_000 });
    expect(code).toBe(3);
    expect(out).toBe('pya: not known: no SLO named "pya"; did you mean "pay"? Known: cart, pay\n');
  });

  it("exits 3 and says what to do when the engine cannot be reached, once for all SLOs", async () => {
    const server = `http://127.0.0.1:${await freePort()}`;
    const { code, out } = await run(["pay", "cart"], { server });
    expect(code).toBe(3);
    expect(out).toBe(
      `not known: cannot reach ${server} (connection refused); is the engine running there ` +
        '("slogate run")? Another address: --server or SLOGATE_SERVER\n',
    );
  });

  it("finds the engine by SLOGATE_SERVER, with or without http://", async () => {
    const env = { SLOGATE_SERVER: api.url.replace("http://", "") };
    const { code } = await run(["cart"], { server: null }, captureIo({ env }));
    expect(code).toBe(0);
    const bad = await run(["cart"], { server: "ftp://x" });
    expect(bad.code).toBe(3);
    expect(bad.out).toContain("--server: must be an address such as");
  });

  it("exits 3 without any name", async () => {
    expect(await run([])).toMatchObject({ code: 3, out: "" });
  });
});

describe("check against something else", () => {
  let other: Server;
  const answer = async (status: number, body: string, delayMs = 0) => {
    other = createServer((_, response) => {
      setTimeout(() => response.writeHead(status).end(body), delayMs);
    });
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(other.address() as { port: number }).port}`;
  };
  afterEach(() => {
    other.closeAllConnections();
    other.close();
  });

  it.each([
    [502, "<html>Bad gateway</html>", "answered 502, but not as slogate does"],
    [200, '{"data":{"slo":"pay"}}', "cannot be read: state: must be open, closed or unknown"],
    [200, "{}", "cannot be read: must be a decision object, found nothing"],
    [500, '{"error":{"message":"the engine failed"}}', "the engine failed"],
  ])("exits 3 for %i %s", async (status, body, words) => {
    const { code, out } = await run(["pay"], { server: await answer(status, body) });
    expect(code).toBe(3);
    expect(out).toContain(words);
  });

  it("does not wait for an answer for ever", async () => {
    const server = await answer(200, "{}", 60_000);
    const { code, out } = await run(["pay"], { server, timeoutMs: 50 });
    expect(code).toBe(3);
    expect(out).toContain("no answer in time");
  });
});

describe("check --wait", () => {
  it("exits 0 as soon as the gate allows it", async () => {
    const captured = captureIo();
    const running = run(["pay"], { waitMs: 60_000 }, captured);
    await waitFor(() => captured.err() || undefined, { what: "the wait to begin" });
    source.decide(open("pay", { sequence: 18 }));
    expect(await running).toEqual({
      code: 0,
      out: "pay: open (ok): burn rate 0.4 over 5m and 0.3 over 1h\n",
      err: "slogate: waiting: pay closed (fast-burn)\n",
    });
  });

  it("exits with the last verdict when time is up", async () => {
    const { code, out, err } = await run(["pay", "cart"], { waitMs: 60 });
    expect(code).toBe(1);
    expect(out).toContain("pay: closed");
    expect(err).toContain("slogate: gave up after 0 s\n");
  });

  it("waits for an engine that is not there yet", async () => {
    const port = await freePort();
    const captured = captureIo();
    const server = `http://127.0.0.1:${port}`;
    const running = run(["cart"], { server, waitMs: 60_000 }, captured);
    await waitFor(() => captured.err() || undefined, { what: "the wait to begin" });
    const late = await serveGates(source, {}, port);
    expect((await running).code).toBe(0);
    await late.close();
  });

  it("redraws its progress in place on a terminal and clears it", async () => {
    const captured = captureIo({ isTTY: true, columns: 30 });
    const { err } = await run(["pay"], { waitMs: 50 }, captured);
    const drawn = err.split("\r\u001b[K");
    expect(drawn[1]).toBe("waiting, 0 s left: pay closed");
    expect(err).not.toMatch(/waiting[^\r]*\n/);
    expect(drawn.at(-1)).toBe("slogate: gave up after 0 s\n");
  });

  it("ends when it is interrupted", async () => {
    const { code } = await run(["pay"], { waitMs: 60_000 }, captureIo(), Promise.resolve("SIGINT"));
    expect(code).toBe(1);
  });
});

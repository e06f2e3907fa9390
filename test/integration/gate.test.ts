import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EngineProcess } from "../support/engine-process.ts";
import { tracesRequest } from "../support/otlp.ts";
import { OtlpGrpcClient } from "../support/otlp-client.ts";
import { type InstrumentedService, instrumentedService } from "../support/sdk.ts";

const CLOSED = 1;
const UNKNOWN = 3;

describe.concurrent("a gate", () => {
  let engine: EngineProcess;
  const services: InstrumentedService[] = [];

  beforeAll(async () => {
    const names = ["checkout", "search", "cart", "heartbeat", "absent"];
    engine = await EngineProcess.start({
      slos: names.map((service) => ({ name: `${service}-slo`, service, target: 0.99 })),
    });
  });

  afterAll(async () => {
    await Promise.all(services.map((service) => service.stop()));
    await engine?.dispose();
  });

  function start(service: string): InstrumentedService {
    const started = instrumentedService({ endpoint: engine.otlpGrpc, service });
    services.push(started);
    return started;
  }

  it("closes, and makes check exit with 1, within seconds of the first error", async () => {
    const service = start("checkout");
    service.handle(200, "good");
    await service.flush();
    await engine.counts("checkout-slo", 200);

    // 200 bad twice a second: no chance from the first on, and no lone burst once they have come in three seconds.
    const evidenceAt = performance.now();
    let sent = 0;
    let result: Awaited<ReturnType<typeof check>>;
    do {
      service.handle(200, "bad");
      sent += 200;
      await service.flush();
      await new Promise((resolve) => setTimeout(resolve, 500));
      result = await check("checkout-slo");
    } while (result.code !== CLOSED && performance.now() - evidenceAt < 20_000);
    const seconds = (performance.now() - evidenceAt) / 1_000;

    console.info(`check exited with ${result.code} ${seconds.toFixed(2)} s after the first error`);
    expect(result.code).toBe(CLOSED);
    expect(seconds).toBeLessThan(20);
    const gate = await engine.gate("checkout-slo");
    expect(gate).toMatchObject({ state: "closed", allowed: false, reason: "fast-burn" });
    expect(gate.budget).toMatchObject({ total: 200 + sent, bad: sent });
  });

  it("is unknown, and check exits with 3, for a service that was never heard of", async () => {
    expect(await engine.gate("absent-slo")).toMatchObject({ state: "unknown", allowed: false });
    expect((await check("absent-slo")).code).toBe(UNKNOWN);
  });

  it("turns unknown in silence when it was open, and stays closed when it was closed", {
    timeout: 150_000,
  }, async () => {
    const [silent, closed, heard] = [start("search"), start("cart"), start("heartbeat")];
    // Open needs 15 s of data. The third service is heard all the time, so that only two are silent.
    let stopped = false;
    const heartbeat = every(
      500,
      () => heard.handle(5, "good"),
      () => stopped,
    );
    const traffic = every(
      500,
      async () => {
        silent.handle(20, "good");
        closed.handle(20, "good");
        await Promise.all([silent.flush(), closed.flush()]);
      },
      () => stopped,
    );
    await engine.gateWhere("search-slo", ({ state }) => state === "open", 30_000);
    let closing = true;
    const failing = every(
      500,
      async () => {
        closed.handle(50, "bad");
        await closed.flush();
      },
      () => !closing,
    );
    await engine.gateWhere("cart-slo", ({ state }) => state === "closed", 20_000);
    closing = false;
    await failing;
    stopped = true;
    await traffic;
    await heartbeat;
    stopped = false;
    const keptAlive = every(
      1_000,
      async () => {
        heard.handle(10, "good");
        await heard.flush();
      },
      () => stopped,
    );

    const silentSince = performance.now();
    const unknown = await engine.gateWhere("search-slo", (d) => d.state !== "open", 120_000);
    const seconds = (performance.now() - silentSince) / 1_000;
    console.info(
      `open turned ${unknown.state} (${unknown.reason}) after ${seconds.toFixed(0)} s of silence`,
    );
    expect(unknown).toMatchObject({ state: "unknown", reason: "stale" });
    expect(seconds).toBeGreaterThan(55);

    // As silent for as long, and closed as before.
    const stillClosed = await engine.gate("cart-slo");
    expect(stillClosed).toMatchObject({ state: "closed", allowed: false });
    expect((await check("cart-slo")).code).toBe(CLOSED);
    expect(await engine.gate("heartbeat-slo")).toMatchObject({ state: "open", allowed: true });
    stopped = true;
    await keptAlive;
  });

  function check(slo: string) {
    return engine.command(["check", slo]);
  }
});

describe.concurrent("SIGTERM", () => {
  it("ends with 0 in less than 5 s, and what was acknowledged by then is counted and published", async () => {
    // Every service sends one request, bad enough to close its gate: each one counted is a transition published.
    const names = Array.from({ length: 400 }, (_, i) => `service-${i}`);
    const engine = await EngineProcess.start({
      slos: names.map((service) => ({
        name: service,
        service,
        target: 0.99,
        annotations: { detector: "windows" },
      })),
    });
    const clients = Array.from({ length: 4 }, () => new OtlpGrpcClient(engine.otlpGrpc));
    try {
      const acknowledged: string[] = [];
      const waiting = [...names];
      let refusedWith: number | null = null;
      let signalledAt = Number.NaN;
      const lanes = clients.map(async (client) => {
        for (let service = waiting.shift(); service !== undefined; service = waiting.shift()) {
          const spans = Array(20).fill({ service, status: "error" });
          const { code } = await client.export("traces", tracesRequest(spans));
          if (code !== 0) {
            refusedWith = code;
            return;
          }
          acknowledged.push(service);
          if (acknowledged.length === 100) {
            signalledAt = performance.now();
            engine.signal("SIGTERM");
          }
        }
      });
      await Promise.all(lanes);
      // Not `stop`: a second SIGTERM insists, and the engine would not finish.
      const ending = await engine.ended;
      const seconds = (performance.now() - signalledAt) / 1_000;

      console.info(
        `ended ${seconds.toFixed(2)} s after SIGTERM, ${acknowledged.length} requests acknowledged`,
      );
      expect(ending).toEqual({ code: 0, signal: null });
      expect(seconds).toBeLessThan(5);
      expect(refusedWith, "a request after the end").toBe(14);
      const closed = engine.decisions().filter(({ state }) => state === "closed");
      expect(closed.map(({ slo }) => slo).toSorted()).toEqual(acknowledged.toSorted());
      for (const { slo, budget } of closed) {
        expect(budget, slo).toMatchObject({ total: 20, bad: 20 });
      }
    } finally {
      for (const client of clients) client.close();
      await engine.dispose();
    }
  });
});

async function every(ms: number, act: () => unknown, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await act();
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}

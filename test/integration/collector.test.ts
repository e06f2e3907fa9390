import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Collector, startCollector } from "../support/collector.ts";
import { EngineProcess } from "../support/engine-process.ts";
import { realPart } from "../support/real-part.ts";
import { instrumentedMeter, instrumentedService } from "../support/sdk.ts";
import type { SloDescription } from "../support/slo-file.ts";
import { telemetrygen } from "../support/telemetrygen.ts";

const otelcol = realPart("otelcol");
const generator = realPart("telemetrygen");

/** An SLO over a counter with the attribute `outcome`, as one service reports it. */
function counterSlo(service: string): SloDescription {
  const metric = { metric: "shop.requests", resource: { "service.name": service } };
  return {
    name: service,
    service,
    ratioMetric: {
      counter: true,
      total: { metricSource: { type: "otlp.metrics", spec: metric } },
      bad: {
        metricSource: {
          type: "otlp.metrics",
          spec: { ...metric, attributes: { outcome: "failed" } },
        },
      },
    },
  };
}

/** An SLO over the standard latency histogram: good is at most 250 ms. */
function histogramSlo(service: string): SloDescription {
  const metric = { metric: "http.server.request.duration", resource: { "service.name": service } };
  return {
    name: service,
    service,
    ratioMetric: {
      counter: true,
      total: { metricSource: { type: "otlp.metrics", spec: metric } },
      good: { metricSource: { type: "otlp.metrics", spec: { ...metric, threshold: "250ms" } } },
    },
  };
}

/** With workers, connections are closed so early that the Collector has to open new ones while it sends. */
const RECEIVERS = [
  { before: "one process", settings: {}, protocolSettings: {} },
  {
    before: "two receiver workers",
    settings: { workers: 2 },
    protocolSettings: { max_connection_age: "1s" },
  },
];

describe.skipIf(otelcol === null || generator === null).each(RECEIVERS)(
  "an OpenTelemetry Collector before $before",
  ({ settings, protocolSettings }) => {
    let engine: EngineProcess;
    /** One exports over OTLP/gRPC, the others over OTLP/HTTP; all with the exporters' defaults: gzip, retry, queue. */
    let grpc: Collector;
    let http: Collector;
    let json: Collector;

    beforeAll(async () => {
      engine = await EngineProcess.start({
        settings,
        protocolSettings,
        slos: [
          ...[
            "from-telemetrygen",
            "from-sdk",
            "over-http",
            "over-http-json",
            "straight-from-sdk",
          ].map((service) => ({ name: service, service })),
          ...["counted-delta", "counted-cumulative"].map(counterSlo),
          ...["timed-delta", "timed-cumulative"].map(histogramSlo),
        ],
      });
      const overHttp = (settings: object) =>
        startCollector(otelcol ?? "", {
          processors: { batch: {} },
          exporters: { otlp_http: { endpoint: `http://${engine.otlpHttp}`, ...settings } },
          pipelines: { traces: { processors: ["batch"], exporters: ["otlp_http"] } },
        });
      grpc = await startCollector(otelcol ?? "", {
        processors: { batch: {} },
        exporters: { otlp_grpc: { endpoint: engine.otlpGrpc, tls: { insecure: true } } },
        pipelines: {
          traces: { processors: ["batch"], exporters: ["otlp_grpc"] },
          metrics: { processors: ["batch"], exporters: ["otlp_grpc"] },
        },
      });
      http = await overHttp({});
      json = await overHttp({ encoding: "json" });
    });

    afterAll(async () => {
      await Promise.all([grpc, http, json].map((collector) => collector?.stop()));
      await engine?.dispose();
    });

    /** Each trace has one server span; the other one is the client's and not counted. */
    async function generate(endpoint: string, service: string): Promise<void> {
      const run = { signal: "traces", endpoint, service, workers: 2 } as const;
      await telemetrygen(generator ?? "", { ...run, count: 1_500 });
      await telemetrygen(generator ?? "", {
        ...run,
        count: 125,
        flags: ["--status-code", "Error"],
      });
    }

    it("delivers what telemetrygen sends over gRPC, counted exactly", async () => {
      await generate(grpc.grpc, "from-telemetrygen");
      // 2 workers x (1 500 good + 125 bad)
      expect(await engine.counts("from-telemetrygen", 3_250)).toEqual([3_250, 250]);
    });

    it("delivers what telemetrygen sends over HTTP in protobuf, counted exactly", async () => {
      await generate(http.grpc, "over-http");
      expect(await engine.counts("over-http", 3_250)).toEqual([3_250, 250]);
    });

    it("delivers what telemetrygen sends over HTTP in JSON, counted exactly", async () => {
      await generate(json.grpc, "over-http-json");
      expect(await engine.counts("over-http-json", 3_250)).toEqual([3_250, 250]);
    });

    it("delivers what a JavaScript SDK traces, counted exactly", async () => {
      const service = instrumentedService({ endpoint: grpc.grpc, service: "from-sdk" });
      service.handle(4_000, "good");
      service.handle(37, "bad");
      await service.stop();
      expect(await engine.counts("from-sdk", 4_037)).toEqual([4_037, 37]);
    });

    it("is not needed: a JavaScript SDK may export straight to the engine", async () => {
      const service = instrumentedService({
        endpoint: engine.otlpGrpc,
        service: "straight-from-sdk",
      });
      service.handle(4_000, "good");
      service.handle(37, "bad");
      await service.stop();
      expect(await engine.counts("straight-from-sdk", 4_037)).toEqual([4_037, 37]);
    });

    it.each(["delta", "cumulative"] as const)(
      "delivers a JavaScript SDK's %s counter, counted exactly",
      async (temporality) => {
        const service = `counted-${temporality}`;
        const { meter, flush, stop } = instrumentedMeter({
          endpoint: grpc.grpc,
          service,
          temporality,
        });
        const requests = meter.createCounter("shop.requests");
        requests.add(990, { outcome: "ok", region: "eu" });
        requests.add(10, { outcome: "failed", region: "eu" });
        await flush();
        requests.add(500, { outcome: "ok", region: "eu" });
        // A series that begins later.
        requests.add(7, { outcome: "failed", region: "us" });
        await flush();
        requests.add(3, { outcome: "failed", region: "us" });
        await stop();
        // 990 + 10 + 500 + 7 + 3, of which 10 + 7 + 3
        expect(await engine.counts(service, 1_510)).toEqual([1_510, 20]);
      },
    );

    it.each(["delta", "cumulative"] as const)(
      "delivers a JavaScript SDK's %s histogram, counted exactly at the threshold's bucket",
      async (temporality) => {
        const service = `timed-${temporality}`;
        const { meter, flush, stop } = instrumentedMeter({
          endpoint: grpc.grpc,
          service,
          temporality,
        });
        const duration = meter.createHistogram("http.server.request.duration", {
          unit: "s",
          advice: { explicitBucketBoundaries: [0.005, 0.05, 0.25, 1] },
        });
        for (let i = 0; i < 200; i++) duration.record(0.02);
        for (let i = 0; i < 50; i++) duration.record(0.25);
        await flush();
        for (let i = 0; i < 30; i++) duration.record(0.2501);
        for (let i = 0; i < 20; i++) duration.record(4);
        await stop();
        // A bucket's upper bound belongs to it: 0.25 is good. 200 + 50 + 30 + 20, of which 30 + 20 are slower
        expect(await engine.counts(service, 300)).toEqual([300, 50]);
      },
    );

    it("sends requests that are counted by the engine's own metrics, none of them refused", async () => {
      const metrics = await engine.metrics();
      // Two spans a trace from telemetrygen three times, one a request from the SDK twice.
      expect(metrics.get("slogate_receiver_accepted_spans_total")).toBe(3 * 2 * 3_250 + 2 * 4_037);
      const refused = [...metrics].filter(([name]) => /receiver_refused/.test(name));
      expect(refused.filter(([, value]) => value > 0)).toEqual([]);
    });
  },
);

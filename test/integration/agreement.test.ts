import {
  type Attributes,
  createTraceState,
  type HrTime,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import {
  JsonMetricsSerializer,
  JsonTraceSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
} from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  AggregationType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { describe, expect, it } from "vitest";
import { defaultIndicator } from "../../src/config/default-indicator.ts";
import type { Encoding, Signal } from "../../src/ports/otlp-consumer.ts";
import { type Cell, IngestRig, metricSlo, NOW_S, sloOf, spanSlo } from "../support/ingest-rig.ts";
import { protobufOfJson } from "../support/otlp-proto.ts";

const SLOS = [
  sloOf("shop", defaultIndicator("shop")),
  sloOf("cart", defaultIndicator("cart")),
  spanSlo(
    "slow",
    { all: [{ resource: "service.name", test: { in: ["shop"] } }, { kind: ["server"] }] },
    { durationMs: { gt: 250 } },
  ),
];

/** One SDK per service, all spans in one list. */
function recordSpans(): ReadableSpan[] {
  const exporter = new InMemorySpanExporter();
  let seed = 1;
  const random = () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return seed / 0x80000000;
  };
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  for (const [service, version] of [
    ["shop", "1.0"],
    ["shop", "1.1"],
    ["cart", "7"],
    ["other", "1.0"],
  ] as const) {
    const provider = new TracerProvider({
      resource: resourceFromAttributes({ "service.name": service, "service.version": version }),
      spanProcessors: [new SimpleSpanProcessor({ exporter })],
    });
    const tracer = provider.getTracer("agreement");
    for (let i = 0; i < 150; i++) {
      const end: HrTime = [NOW_S - 5 + Math.floor(random() * 5), Math.floor(random() * 1e9)];
      const start: HrTime = random() < 0.2 ? [end[0] - 1, end[1]] : end;
      const parent = trace.setSpanContext(ROOT_CONTEXT, {
        traceId: String(i + 1).padStart(32, "a"),
        spanId: String(i + 1).padStart(16, "b"),
        traceFlags: TraceFlags.SAMPLED,
        isRemote: true,
        ...(random() < 0.3 ? { traceState: createTraceState("vendor=1,ot=th:c") } : {}),
      });
      const attributes: Attributes = pick<Attributes>([
        {},
        { "http.response.status_code": pick([200, 404, 499, 500, 503]), "url.path": "/buy" },
        { "http.status_code": pick([200, 500]), "http.target": "/buy?x=1" },
        { "http.response.status_code": pick(["200", "503"]) },
        { "rpc.grpc.status_code": pick([0, 5, 13]) },
        { "rpc.status_code": pick(["OK", "NOT_FOUND", "UNAVAILABLE"]) },
        { "url.path": "/healthz", "http.response.status_code": 500 },
        { "user_agent.synthetic.type": "bot" },
        { list: ["a", "b"], flag: true, ratio: 0.25, negative: -7, long: "x".repeat(300) },
      ]);
      const span = tracer.startSpan(
        pick(["GET /buy", "GET /healthz", "naïve ✓"]),
        {
          kind: pick([SpanKind.SERVER, SpanKind.SERVER, SpanKind.CLIENT]),
          attributes,
          startTime: start,
        },
        parent,
      );
      if (random() < 0.2) span.setStatus({ code: SpanStatusCode.ERROR, message: "no" });
      if (random() < 0.2) span.addEvent("something", { detail: 1 });
      span.end(end);
    }
  }
  return exporter.getFinishedSpans();
}

/** What the SLOs above should make of SDK spans, written down a second time in plain words. */
function expectedCells(spans: readonly ReadableSpan[]): Cell[] {
  const cells = new Map<string, Cell>();
  for (const span of spans) {
    if (span.kind !== SpanKind.SERVER) continue;
    const service = String(span.resource.attributes["service.name"]);
    const version = String(span.resource.attributes["service.version"]);
    const weight = span.spanContext().traceState?.serialize().includes("ot=th:c") ? 4 : 1;
    const a = span.attributes;
    const isProbe =
      a["url.path"] === "/healthz" ||
      span.name === "GET /healthz" ||
      a["user_agent.synthetic.type"] === "bot";
    const isBad =
      span.status.code === SpanStatusCode.ERROR ||
      Number(a["http.response.status_code"] ?? 0) >= 500 ||
      Number(a["http.status_code"] ?? 0) >= 500 ||
      a["rpc.grpc.status_code"] === 13 ||
      a["rpc.status_code"] === "UNAVAILABLE";
    const add = (slo: string, bad: boolean) => {
      const second = span.endTime[0];
      const key = `${slo} ${version} ${second}`;
      const old = cells.get(key) ?? {
        slo,
        version,
        second,
        total: 0,
        bad: 0,
        rawBad: 0,
        badSquares: 0,
      };
      cells.set(key, {
        ...old,
        total: old.total + weight,
        bad: old.bad + (bad ? weight : 0),
        rawBad: old.rawBad + (bad ? 1 : 0),
        badSquares: old.badSquares + (bad ? weight * weight : 0),
      });
    };
    if ((service === "shop" || service === "cart") && !isProbe) add(service, isBad);
    if (service === "shop") add("slow", span.duration[0] >= 1);
  }
  return [...cells].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, cell]) => cell);
}

/** The same request in three encodings by two other encoders. */
function encodings(
  signal: Signal,
  protobuf: Uint8Array | undefined,
  json: Uint8Array | undefined,
): [name: string, encoding: Encoding, bytes: Uint8Array][] {
  if (protobuf === undefined || json === undefined) throw new Error("nothing was serialized");
  return [
    ["otlp-transformer, protobuf", "protobuf", protobuf],
    ["otlp-transformer, JSON", "json", json],
    ["protobufjs", "protobuf", protobufOfJson(signal, json)],
  ];
}

describe("spans of an SDK", () => {
  const spans = recordSpans();
  const requests = encodings(
    "traces",
    ProtobufTraceSerializer.serializeRequest(spans),
    JsonTraceSerializer.serializeRequest(spans),
  );

  it.each(requests)("give the cells that their own fields say: %s", (_name, encoding, bytes) => {
    const rig = new IngestRig(SLOS);
    expect(rig.spans(bytes, encoding)).toBeNull();
    const expected = expectedCells(spans);
    expect(expected.length).toBeGreaterThan(20);
    expect(rig.cells).toEqual(expected);
    expect(rig.counters.spansAccepted).toBe(spans.length);
  });

  it("are one request, whatever the encoding: a retry in another one is a duplicate", () => {
    const rig = new IngestRig(SLOS);
    for (const [, encoding, bytes] of requests) expect(rig.spans(bytes, encoding)).toBeNull();
    expect(rig.counters.requestsAccepted).toBe(1);
    expect(rig.counters.requestsDuplicate).toBe(2);
    expect(rig.cells).toEqual(expectedCells(spans));
  });
});

describe("metrics of an SDK", () => {
  const duration = { op: "gt", value: 0.25, isDuration: true } as const;
  const slos = [
    metricSlo("sum", {
      total: { metrics: ["requests"] },
      bad: { metrics: ["requests"], where: { attribute: "code", test: { gte: 500 } } },
    }),
    metricSlo("explicit", {
      total: { metrics: ["seconds"] },
      bad: { metrics: ["seconds"], threshold: duration },
    }),
    metricSlo("milliseconds", {
      total: { metrics: ["milliseconds"] },
      good: { metrics: ["milliseconds"], threshold: { ...duration, op: "lte" } },
    }),
    metricSlo("exponential", {
      total: { metrics: ["exponential"] },
      bad: { metrics: ["exponential"], threshold: duration },
    }),
    metricSlo("gauge", {
      total: { metrics: ["queue"] },
      bad: { metrics: ["queue"], threshold: { op: "gt", value: 10, isDuration: false } },
    }),
  ];

  /** Two collections of the same instruments. */
  async function record(temporality: AggregationTemporality): Promise<ResourceMetrics[]> {
    const exporter = new InMemoryMetricExporter(temporality);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const provider = new MeterProvider({
      resource: resourceFromAttributes({ "service.name": "shop", "service.version": "2" }),
      readers: [reader],
      views: [
        {
          instrumentName: "exponential",
          aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM, options: { maxSize: 160 } },
        },
      ],
    });
    const meter = provider.getMeter("agreement");
    const requests = meter.createCounter("requests");
    const boundaries = [0.1, 0.25, 1];
    const seconds = meter.createHistogram("seconds", {
      unit: "s",
      advice: { explicitBucketBoundaries: boundaries },
    });
    const milliseconds = meter.createHistogram("milliseconds", {
      unit: "ms",
      advice: { explicitBucketBoundaries: boundaries.map((bound) => bound * 1_000) },
    });
    const exponential = meter.createHistogram("exponential", { unit: "s" });
    const queue = meter.createGauge("queue");
    for (let round = 1; round <= 2; round++) {
      requests.add(90 * round, { code: 200 });
      requests.add(10 * round, { code: 503 });
      for (const value of [0.05, 0.2, 0.25, 0.3, 4]) {
        seconds.record(value);
        milliseconds.record(value * 1_000);
        exponential.record(value);
      }
      queue.record(round === 1 ? 3 : 30, { shard: "a" });
      await provider.forceFlush();
      // A cumulative point that is not later than the last one would count as out of order.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await provider.shutdown();
    return exporter.getMetrics().slice(0, 2);
  }

  it.each([
    ["delta", AggregationTemporality.DELTA],
    ["cumulative", AggregationTemporality.CUMULATIVE],
  ] as const)("%s give the same cells in every encoding", async (_name, temporality) => {
    const before = Date.now() - 1_000;
    const collections = await record(temporality);
    expect(collections).toHaveLength(2);
    const rounds = collections.map((metrics) =>
      encodings(
        "metrics",
        ProtobufMetricsSerializer.serializeRequest(metrics),
        JsonMetricsSerializer.serializeRequest(metrics),
      ),
    );
    for (let e = 0; e < 3; e++) {
      const rig = new IngestRig(slos, { listeningSince: before });
      rig.now = Date.now();
      const results = rounds.map((round, i) => {
        // Every second collection in another encoding: a series is the same series in all of them.
        const [, encoding, bytes] = round[(e + i) % 3]!;
        expect(rig.metrics(bytes, encoding)).toBeNull();
        expect(new Set(rig.cells.map((cell) => cell.version))).toEqual(new Set(["2"]));
        const sums = slos.map(({ name }) => [name, rig.sum(name).total, rig.sum(name).bad]);
        rig.cells.length = 0;
        return sums;
      });
      // 90 + 10 and then twice as many; of five durations 0.3 and 4 are above 0.25, which is a bound in both layouts.
      expect(results).toEqual([
        [
          ["sum", 100, 10],
          ["explicit", 5, 2],
          ["milliseconds", 5, 2],
          ["exponential", 5, 2],
          ["gauge", 1, 0],
        ],
        [
          ["sum", 200, 20],
          ["explicit", 5, 2],
          ["milliseconds", 5, 2],
          ["exponential", 5, 2],
          ["gauge", 1, 1],
        ],
      ]);
    }
  });
});

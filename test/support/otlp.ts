import { randomBytes } from "node:crypto";
import {
  type Attributes,
  createTraceState,
  SpanKind,
  SpanStatusCode,
  ValueType,
} from "@opentelemetry/api";
import {
  JsonMetricsSerializer,
  JsonTraceSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
} from "@opentelemetry/otlp-transformer";
import { type Resource, resourceFromAttributes } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";

/** A span in plain words; what is left out is an unremarkable good request that ends now. */
export interface SpanDescription {
  readonly service?: string;
  readonly version?: string;
  readonly name?: string;
  readonly kind?: "internal" | "server" | "client" | "producer" | "consumer";
  readonly status?: "unset" | "ok" | "error";
  readonly attributes?: Attributes;
  readonly endUnixMs?: number;
  readonly durationMs?: number;
  /** As on the wire, for example "ot=th:c". */
  readonly traceState?: string;
  /** Hex, 32 and 16 digits; random when left out. */
  readonly traceId?: string;
  readonly spanId?: string;
}

/** One metric of a request in plain words. `startUnixMs` and `timeUnixMs` in milliseconds. */
export interface MetricDescription {
  readonly name: string;
  readonly unit?: string;
  readonly temporality?: "delta" | "cumulative";
  readonly points: readonly {
    readonly startUnixMs: number;
    readonly timeUnixMs: number;
    readonly attributes?: Attributes;
    /** A number is a monotonic sum's; bounds and bucket counts (one more than bounds) an explicit histogram's. */
    readonly value:
      | number
      | { readonly bounds: readonly number[]; readonly counts: readonly number[] };
  }[];
}

type Encoding = "protobuf" | "json";

/** An ExportTraceServiceRequest. Spans of the same service and version share a resource. */
export function tracesRequest(
  spans: readonly SpanDescription[],
  encoding: Encoding = "protobuf",
): Uint8Array {
  const serializer = encoding === "json" ? JsonTraceSerializer : ProtobufTraceSerializer;
  const resources = new Map<string, Resource>();
  const readable = spans.map((span) => {
    const key = `${span.service ?? ""}\n${span.version ?? ""}`;
    const resource = resources.get(key) ?? resourceOf(span);
    resources.set(key, resource);
    return readableSpan(span, resource);
  });
  return serializer.serializeRequest(readable) ?? new Uint8Array(0);
}

/** An ExportMetricsServiceRequest with one resource. */
export function metricsRequest(
  owner: { readonly service: string; readonly version?: string },
  metrics: readonly MetricDescription[],
  encoding: Encoding = "protobuf",
): Uint8Array {
  const serializer = encoding === "json" ? JsonMetricsSerializer : ProtobufMetricsSerializer;
  const request: ResourceMetrics = {
    resource: resourceOf(owner),
    scopeMetrics: [{ scope: { name: "test" }, metrics: metrics.map(metricData) }],
  };
  return serializer.serializeRequest(request) ?? new Uint8Array(0);
}

const KINDS = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

const STATUS = {
  unset: SpanStatusCode.UNSET,
  ok: SpanStatusCode.OK,
  error: SpanStatusCode.ERROR,
} as const;

function resourceOf({ service, version }: { service?: string; version?: string }): Resource {
  return resourceFromAttributes({
    ...(service === undefined ? {} : { "service.name": service }),
    ...(version === undefined ? {} : { "service.version": version }),
  });
}

function readableSpan(span: SpanDescription, resource: Resource): ReadableSpan {
  const endUnixMs = span.endUnixMs ?? Date.now();
  const durationMs = span.durationMs ?? 12;
  const context = {
    traceId: span.traceId ?? randomBytes(16).toString("hex"),
    spanId: span.spanId ?? randomBytes(8).toString("hex"),
    traceFlags: 1,
    ...(span.traceState === undefined ? {} : { traceState: createTraceState(span.traceState) }),
  };
  return {
    name: span.name ?? "GET /",
    kind: KINDS[span.kind ?? "server"],
    spanContext: () => context,
    startTime: hrTime(endUnixMs - durationMs),
    endTime: hrTime(endUnixMs),
    duration: hrTime(durationMs),
    status: { code: STATUS[span.status ?? "unset"] },
    attributes: span.attributes ?? {},
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: { name: "test" },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

function metricData(metric: MetricDescription): MetricData {
  const shared = {
    descriptor: {
      name: metric.name,
      description: "",
      unit: metric.unit ?? "",
      valueType: ValueType.DOUBLE,
    },
    aggregationTemporality:
      metric.temporality === "delta"
        ? AggregationTemporality.DELTA
        : AggregationTemporality.CUMULATIVE,
  };
  const points = metric.points.map(({ startUnixMs, timeUnixMs, attributes = {}, value }) => ({
    startTime: hrTime(startUnixMs),
    endTime: hrTime(timeUnixMs),
    attributes,
    value,
  }));
  if (points.every((point) => typeof point.value === "number")) {
    return {
      ...shared,
      dataPointType: DataPointType.SUM,
      isMonotonic: true,
      dataPoints: points.map((point) => ({ ...point, value: Number(point.value) })),
    };
  }
  return {
    ...shared,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints: points.map(({ value, ...point }) => {
      if (typeof value === "number") throw new Error("sums and histograms in one metric");
      const counts = [...value.counts];
      return {
        ...point,
        value: {
          buckets: { boundaries: [...value.bounds], counts },
          count: counts.reduce((sum, count) => sum + count, 0),
        },
      };
    }),
  };
}

/** Seconds and nanoseconds. Milliseconds as a double are exact to the microsecond until far beyond this century. */
function hrTime(ms: number): [number, number] {
  const micros = Math.round(ms * 1_000);
  const seconds = Math.floor(micros / 1_000_000);
  return [seconds, (micros - seconds * 1_000_000) * 1_000];
}

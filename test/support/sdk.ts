import { type Meter, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";

/** A service instrumented with the OpenTelemetry SDK, as its authors would. */
export interface InstrumentedService {
  /** Handles this many requests: one server span each, all with the same outcome. */
  handle(requests: number, outcome: "good" | "bad"): void;
  /** Exports what waits; rejects when it could not. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

interface ServiceDescription {
  /** host:port of an OTLP/gRPC receiver. */
  readonly endpoint: string;
  readonly service: string;
  readonly version?: string;
}

/** Spans in batches over OTLP/gRPC. */
export function instrumentedService(description: ServiceDescription): InstrumentedService {
  const provider = new TracerProvider({
    resource: resource(description),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter({ url: `http://${description.endpoint}` }),
        // What does not fit is dropped by the SDK, and a test could not tell by whom.
        maxQueueSize: 100_000,
      }),
    ],
  });
  const tracer = provider.getTracer("shop");
  return {
    handle(requests, outcome) {
      for (let i = 0; i < requests; i++) {
        const span = tracer.startSpan("GET /items/{id}", {
          kind: SpanKind.SERVER,
          attributes: {
            "http.request.method": "GET",
            "http.response.status_code": outcome === "bad" ? 500 : 200,
          },
        });
        if (outcome === "bad") span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      }
    },
    flush: () => provider.forceFlush(),
    stop: () => provider.shutdown(),
  };
}

/** A meter whose readings are exported over OTLP/gRPC only when asked for. */
export function instrumentedMeter(
  description: ServiceDescription & { readonly temporality: "delta" | "cumulative" },
): { readonly meter: Meter; flush(): Promise<void>; stop(): Promise<void> } {
  const provider = new MeterProvider({
    resource: resource(description),
    readers: [
      new PeriodicExportingMetricReader({
        exporter: new OTLPMetricExporter({
          url: `http://${description.endpoint}`,
          temporalityPreference:
            description.temporality === "delta"
              ? AggregationTemporality.DELTA
              : AggregationTemporality.CUMULATIVE,
        }),
        exportIntervalMillis: 3_600_000,
        exportTimeoutMillis: 10_000,
      }),
    ],
  });
  return {
    meter: provider.getMeter("shop"),
    flush: () => provider.forceFlush(),
    stop: () => provider.shutdown(),
  };
}

function resource({ service, version }: ServiceDescription) {
  return resourceFromAttributes({
    "service.name": service,
    ...(version === undefined ? {} : { "service.version": version }),
  });
}

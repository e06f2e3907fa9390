import { HealthImplementation } from "grpc-health-check";
import type { GrpcReceiverSettings } from "../model/receiver-settings.ts";
import type { ReceiverCounters } from "../ports/metrics.ts";
import type { OtlpConsumer, Signal } from "../ports/otlp-consumer.ts";
import { openExportCall } from "./export-call.ts";
import { GrpcServer } from "./grpc-server.ts";
import type { InFlight } from "./limits.ts";
import { Intake } from "./open-request.ts";
import { CLOSE_GRACE_MS, DEFAULT_READ_TIMEOUT_MS } from "./settings.ts";

const KEY = "receivers.otlp.protocols.grpc";
const TRACE_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService";
const METRICS_SERVICE = "opentelemetry.proto.collector.metrics.v1.MetricsService";
const SIGNALS = new Map<string | undefined, Signal>([
  [`/${TRACE_SERVICE}/Export`, "traces"],
  [`/${METRICS_SERVICE}/Export`, "metrics"],
]);

/**
 * OTLP/gRPC for traces and metrics; request bytes go to the consumer undecoded. Other services (logs,
 * profiles) answer UNIMPLEMENTED; `grpc.health.v1` serves "" and both services.
 */
export class GrpcReceiver {
  private readonly server: GrpcServer;
  private readonly intake: Intake;
  private readonly health = new HealthImplementation({
    "": "SERVING",
    [TRACE_SERVICE]: "SERVING",
    [METRICS_SERVICE]: "SERVING",
  });
  private stopped: Promise<void> | null = null;

  /** `limits` are this receiver's alone; `counters` count what it refuses by itself. */
  constructor(
    settings: GrpcReceiverSettings,
    consumer: OtlpConsumer,
    limits: InFlight,
    counters: ReceiverCounters | null = null,
  ) {
    const { maxMessageBytes, readTimeoutMs = DEFAULT_READ_TIMEOUT_MS } = settings;
    this.intake = new Intake({ consumer, limits, counters, maxMessageBytes, readTimeoutMs });
    this.server = new GrpcServer(settings, KEY);
    this.health.addToServer(this.server.grpc);
  }

  /**
   * Listens. Throws EngineError ADDRESS_UNAVAILABLE (taken or not ours) or CONFIG_INVALID (TLS files);
   * the message names the key in the configuration.
   */
  async start(): Promise<{ port: number }> {
    const port = await this.server.listen((stream, headers) => {
      const signal = SIGNALS.get(headers[":path"]);
      if (signal !== undefined) openExportCall(this.intake, signal, stream, headers);
      return signal !== undefined;
    });
    return { port };
  }

  /**
   * Health says NOT_SERVING, new connections and calls are refused (UNAVAILABLE with RetryInfo), calls
   * that were accepted are finished; what is left after `deadlineMs` is cut off. Safe to call twice.
   */
  stop(deadlineMs: number): Promise<void> {
    this.stopped ??= this.shutDown(deadlineMs);
    return this.stopped;
  }

  private async shutDown(deadlineMs: number): Promise<void> {
    for (const service of ["", TRACE_SERVICE, METRICS_SERVICE])
      this.health.setStatus(service, "NOT_SERVING");
    this.intake.stopping = true;
    this.server.refuseConnections();
    const graceMs = Math.min(CLOSE_GRACE_MS, deadlineMs / 2);
    await this.intake.drained(deadlineMs - graceMs);
    await this.server.close(graceMs);
    this.intake.close();
  }
}

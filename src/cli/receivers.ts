import type { InFlightLimit, ReceiversSettings } from "../model/receiver-settings.ts";
import type { ReceiverCounters } from "../ports/metrics.ts";
import type { OtlpConsumer } from "../ports/otlp-consumer.ts";
import { GrpcReceiver } from "../receive/grpc.ts";
import { HttpReceiver } from "../receive/http.ts";
import { DEFAULT_MAX_REQUESTS, InFlight } from "../receive/limits.ts";

/** The receivers of one process. */
export interface Receivers {
  /** Where they listen; null: that protocol is off. */
  readonly ports: { readonly grpc: number | null; readonly http: number | null };
  /** Finish what was accepted; what is left after `deadlineMs` is cut off. Safe to call twice. */
  stop(deadlineMs: number): Promise<void>;
}

/** @throws EngineError when an address or TLS file cannot be used; nothing listens then */
export async function startReceivers(
  settings: ReceiversSettings,
  consumer: OtlpConsumer,
  counters: ReceiverCounters,
): Promise<Receivers> {
  const started: { stop(deadlineMs: number): Promise<void> }[] = [];
  const stop = async (deadlineMs: number): Promise<void> => {
    await Promise.all(started.map((receiver) => receiver.stop(deadlineMs)));
  };
  const { grpc, http } = settings;
  try {
    const ports = { grpc: null as number | null, http: null as number | null };
    if (grpc !== null) {
      const receiver = new GrpcReceiver(grpc, consumer, limitsOf(grpc), counters);
      ports.grpc = (await receiver.start()).port;
      started.push(receiver);
    }
    if (http !== null) {
      const receiver = new HttpReceiver(http, consumer, limitsOf(http), counters);
      ports.http = (await receiver.start()).port;
      started.push(receiver);
    }
    return { ports, stop };
  } catch (error) {
    await stop(0);
    throw error;
  }
}

function limitsOf(settings: InFlightLimit): InFlight {
  const { maxInFlightBytes: maxBytes, maxInFlightRequests: maxRequests = DEFAULT_MAX_REQUESTS } =
    settings;
  return new InFlight({ maxBytes, maxRequests });
}

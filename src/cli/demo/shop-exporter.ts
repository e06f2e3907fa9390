import * as grpc from "@grpc/grpc-js";
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ShopSpan } from "./shop-traffic.ts";

const EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const DEADLINE_MS = 5_000;
const TRIES = 5;
const RETRY_AFTER_MS = 500;

/** Retrying helps. @see https://opentelemetry.io/docs/specs/otlp/#failures */
const RETRYABLE: readonly grpc.status[] = [
  grpc.status.CANCELLED,
  grpc.status.DEADLINE_EXCEEDED,
  grpc.status.ABORTED,
  grpc.status.OUT_OF_RANGE,
  grpc.status.UNAVAILABLE,
  grpc.status.DATA_LOSS,
];

/** Sends spans over OTLP/gRPC and counts what became of them. */
export class ShopExporter {
  sent = 0;
  acknowledged = 0;
  failed = 0;
  /** Why the last export was not acknowledged. */
  problem: string | null = null;
  private readonly client: grpc.Client;
  private readonly running = new Set<Promise<void>>();

  /** @param endpoint host:port, without TLS */
  constructor(endpoint: string) {
    this.client = new grpc.Client(endpoint, grpc.credentials.createInsecure());
  }

  export(spans: readonly ShopSpan[]): void {
    const bytes = ProtobufTraceSerializer.serializeRequest([...spans]);
    if (spans.length === 0 || bytes === undefined) return;
    this.sent += spans.length;
    const running = this.deliver(Buffer.from(bytes), spans.length);
    this.running.add(running);
    void running.then(() => this.running.delete(running));
  }

  /** Waits for what is under way, then lets the connection go. */
  async close(): Promise<void> {
    await Promise.all(this.running);
    this.client.close();
  }

  /** The same bytes again when retrying helps: the receiver recognises them if it had taken them after all. */
  private async deliver(bytes: Buffer, spans: number): Promise<void> {
    for (let attempt = 1; attempt <= TRIES; attempt++) {
      const error = await this.send(bytes);
      this.problem = error === null ? null : error.details || error.message;
      if (error === null) {
        this.acknowledged += spans;
        return;
      }
      if (!RETRYABLE.includes(error.code)) break;
      await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_MS));
    }
    this.failed += spans;
  }

  private send(bytes: Buffer): Promise<grpc.ServiceError | null> {
    return new Promise((resolve) => {
      this.client.makeUnaryRequest(
        EXPORT,
        (message: Buffer) => message,
        (message: Buffer) => message,
        bytes,
        { deadline: Date.now() + DEADLINE_MS },
        (error) => resolve(error),
      );
    });
  }
}

import { Client, credentials, type Metadata, type ServiceError } from "@grpc/grpc-js";
import type { GrpcReceiverSettings } from "../../../src/model/receiver-settings.ts";
import { newReceiverCounters } from "../../../src/ports/metrics.ts";
import type { Done, Encoding, OtlpConsumer, Signal } from "../../../src/ports/otlp-consumer.ts";
import { GrpcReceiver } from "../../../src/receive/grpc.ts";
import { HttpReceiver } from "../../../src/receive/http.ts";
import { InFlight, type InFlightSettings } from "../../../src/receive/limits.ts";

export const MIB = 1024 * 1024;
export const TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
export const METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/** Keeps a copy of what it is given and answers as `reply` says. */
export class RecordingConsumer implements OtlpConsumer {
  readonly requests: { signal: Signal; encoding: Encoding; bytes: Buffer }[] = [];
  reply: (done: Done) => void = (done) => done(null);

  consume(signal: Signal, encoding: Encoding, bytes: Uint8Array, done: Done): void {
    this.requests.push({ signal, encoding, bytes: Buffer.from(bytes) });
    this.reply(done);
  }
}

/** Calls back later, when the test says so. */
export function heldReplies(consumer: RecordingConsumer): Done[] {
  const held: Done[] = [];
  consumer.reply = (done) => {
    held.push(done);
  };
  return held;
}

const cleanups: (() => unknown)[] = [];

/** For afterEach: stops what the helpers here started. */
export async function cleanUp(): Promise<void> {
  for (const clean of cleanups.splice(0).reverse()) await clean();
}

export function whenDone(clean: () => unknown): void {
  cleanups.push(clean);
}

type Overrides = Partial<GrpcReceiverSettings> & { inFlight?: Partial<InFlightSettings> };

function parts(overrides: Overrides) {
  const consumer = new RecordingConsumer();
  const counters = newReceiverCounters();
  const limits = new InFlight({ maxBytes: 256 * MIB, ...overrides.inFlight });
  const settings: GrpcReceiverSettings = {
    endpoint: { host: "127.0.0.1", port: 0 },
    tls: null,
    maxMessageBytes: MIB,
    flowControlWindowBytes: 4 * MIB,
    ...overrides,
  };
  return { consumer, counters, limits, settings };
}

export async function startGrpc(overrides: Overrides = {}) {
  const { consumer, counters, limits, settings } = parts(overrides);
  const receiver = new GrpcReceiver(settings, consumer, limits, counters);
  const { port } = await receiver.start();
  whenDone(() => receiver.stop(500));
  return { consumer, counters, limits, receiver, port };
}

export async function startHttp(overrides: Overrides = {}) {
  const { consumer, counters, limits, settings } = parts(overrides);
  const receiver = new HttpReceiver(settings, consumer, limits, counters);
  const { port } = await receiver.start();
  whenDone(() => receiver.stop(500));
  return { consumer, counters, limits, receiver, port, url: `http://127.0.0.1:${port}` };
}

export function grpcClient(port: number, options: Record<string, unknown> = {}): Client {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.max_send_message_length": -1,
    "grpc.enable_retries": 0,
    "grpc.use_local_subchannel_pool": 1,
    ...options,
  });
  whenDone(() => client.close());
  return client;
}

export const GZIP = { "grpc.default_compression_algorithm": 2 };

export interface GrpcAnswer {
  readonly code: number;
  readonly message: string;
  readonly body: Buffer | null;
  readonly metadata: Metadata | null;
}

/** Resolves for an error too: tests look at the code. */
export function exportBytes(client: Client, path: string, bytes: Buffer): Promise<GrpcAnswer> {
  return new Promise((resolve) => {
    const same = (value: Buffer): Buffer => value;
    const deadline = Date.now() + 10_000;
    client.makeUnaryRequest(path, same, same, bytes, { deadline }, (error, body) => {
      if (error === null) resolve({ code: 0, message: "", body: body ?? null, metadata: null });
      else resolve(fromError(error));
    });
  });
}

function fromError({ code, details, metadata }: ServiceError): GrpcAnswer {
  return { code, message: details, body: null, metadata };
}

export async function until(condition: () => boolean, timeoutMs = 5000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error("the condition did not become true in time");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

import { gzipSync } from "node:zlib";
import * as grpc from "@grpc/grpc-js";

const PATHS = {
  traces: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
  metrics: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
  logs: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
} as const;

type Signal = keyof typeof PATHS;

/** The answer to one export over gRPC. `body` is the response message of an OK. */
export interface GrpcAnswer {
  readonly code: grpc.status;
  readonly details: string;
  readonly metadata: grpc.Metadata;
  readonly body: Buffer;
}

/** Sends request bytes as they are over one OTLP/gRPC connection. */
export class OtlpGrpcClient {
  readonly #client: grpc.Client;

  /** @param address host:port, without TLS */
  constructor(address: string, options: { readonly gzip?: boolean } = {}) {
    this.#client = new grpc.Client(address, grpc.credentials.createInsecure(), {
      "grpc.max_send_message_length": -1,
      // Every client has its own connection.
      "grpc.use_local_subchannel_pool": 1,
      ...(options.gzip === true
        ? { "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip }
        : {}),
    });
  }

  /** Resolves with any status; does not retry. */
  export(signal: Signal, bytes: Uint8Array, timeoutMs = 10_000): Promise<GrpcAnswer> {
    return new Promise((resolve) => {
      let body = Buffer.alloc(0);
      const call = this.#client.makeUnaryRequest(
        PATHS[signal],
        (message: Buffer) => message,
        (message: Buffer) => message,
        Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
        { deadline: Date.now() + timeoutMs },
        (_error, answer) => {
          body = Buffer.from(answer ?? []);
        },
      );
      // Comes after the callback, and has what an error in the callback lacks: the status of an OK.
      call.on("status", ({ code, details, metadata }) => {
        resolve({ code, details, metadata, body });
      });
    });
  }

  close(): void {
    this.#client.close();
  }
}

/** The answer to one export over HTTP. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** Posts request bytes to an OTLP/HTTP receiver; `gzip` compresses them first. */
export async function postOtlp(
  address: string,
  signal: Signal,
  bytes: Uint8Array,
  options: {
    readonly contentType?: string;
    readonly gzip?: boolean;
    readonly encoding?: string;
  } = {},
): Promise<HttpAnswer> {
  const { contentType = "application/x-protobuf", gzip = false } = options;
  const encoding = options.encoding ?? (gzip ? "gzip" : undefined);
  const answer = await fetch(`http://${address}/v1/${signal}`, {
    method: "POST",
    headers: {
      "content-type": contentType,
      ...(encoding === undefined ? {} : { "content-encoding": encoding }),
    },
    body: Buffer.from(gzip ? gzipSync(bytes) : bytes),
    signal: AbortSignal.timeout(10_000),
  });
  return {
    status: answer.status,
    headers: answer.headers,
    body: Buffer.from(await answer.arrayBuffer()),
  };
}

import { type ClientHttp2Session, connect } from "node:http2";
import { gunzipSync } from "node:zlib";

const PATHS = {
  traces: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
  metrics: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
} as const;
const PREFIX_BYTES = 5;
/** A partial_success with nothing in it, as Collectors answer when all is well. */
const EMPTY_PARTIAL_SUCCESS = Buffer.from([0x0a, 0]);

/**
 * Export calls over one HTTP/2 connection. It can send what is compressed already, which grpc-js cannot, and costs the
 * load generator less.
 */
export class UnaryClient {
  private readonly session: ClientHttp2Session;
  private readonly gzip: boolean;

  /** @param address host:port, without TLS. With `gzip`, requests are gzip already and said to be. */
  constructor(address: string, gzip: boolean) {
    this.session = connect(`http://${address}`);
    this.gzip = gzip;
  }

  /** True when it was acknowledged whole: status OK, and no partial success. */
  export(signal: keyof typeof PATHS, message: Uint8Array): Promise<boolean> {
    const stream = this.session.request({
      ":method": "POST",
      ":path": PATHS[signal],
      "content-type": "application/grpc",
      te: "trailers",
      ...(this.gzip ? { "grpc-encoding": "gzip" } : {}),
    });
    const prefix = Buffer.alloc(PREFIX_BYTES);
    prefix[0] = this.gzip ? 1 : 0;
    prefix.writeUInt32BE(message.length, 1);
    stream.write(prefix);
    stream.end(message);
    return new Promise((resolve, reject) => {
      let status: unknown;
      const chunks: Buffer[] = [];
      stream.on("response", (headers) => {
        status = headers["grpc-status"];
      });
      stream.on("trailers", (trailers) => {
        status = trailers["grpc-status"];
      });
      stream.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
      });
      stream.on("error", reject);
      stream.on("close", () => resolve(status === "0" && isWhole(Buffer.concat(chunks))));
    });
  }

  close(): void {
    this.session.close();
  }
}

/** No partial success in the answer. A Collector compresses it when the request was. */
function isWhole(answer: Buffer): boolean {
  const body = answer.subarray(PREFIX_BYTES);
  const message = answer[0] === 1 ? gunzipSync(body) : body;
  return message.length === 0 || message.equals(EMPTY_PARTIAL_SUCCESS);
}

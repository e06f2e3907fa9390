import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { PartialSuccess, Refusal } from "../model/refusal.ts";
import type { Encoding, Signal } from "../ports/otlp-consumer.ts";
import { exportResponse, exportResponseJson, rpcStatus, rpcStatusJson } from "./answers.ts";
import { type Intake, OpenRequest } from "./open-request.ts";
import { tooLarge } from "./refusals.ts";
import { retryAfterSeconds, statusOf } from "./status.ts";

const MEDIA_TYPES: Readonly<Record<Encoding, string>> = {
  protobuf: "application/x-protobuf",
  json: "application/json",
};
/** A sender that has been refused and still sends: so long it may, and what it sends is thrown away. */
const LINGER_MS = 1000;

/** An accepted POST: its body is read, unpacked and handed over. */
export class HttpExport extends OpenRequest {
  private readonly request: IncomingMessage;
  private readonly response: ServerResponse;
  private readonly gzip: boolean;

  constructor(
    intake: Intake,
    signal: Signal,
    encoding: Encoding,
    gzip: boolean,
    request: IncomingMessage,
    response: ServerResponse,
  ) {
    super(intake, signal, encoding);
    this.request = request;
    this.response = response;
    this.gzip = gzip;
    request.on("data", (chunk: Buffer) => this.read(chunk));
    request.on("end", () => this.complete());
    response.on("close", () => this.abandoned());
  }

  private read(chunk: Buffer): void {
    // Without a length, or with a false one, room is made as it comes.
    const announced = Number(this.request.headers["content-length"] ?? 0);
    if (!this.keep(chunk, announced)) return;
    const size = this.intake.sizes[this.encoding];
    if (this.assembly.length > size.maxBytes) this.refuse(tooLarge(size));
  }

  private complete(): void {
    if (this.state !== "reading") return;
    const body = this.assembly.bytes();
    if (this.gzip) this.unpack(body);
    else this.handOver(body);
  }

  protected override answer(outcome: Refusal | PartialSuccess | null): void {
    const { request, response, encoding } = this;
    if (response.destroyed || response.headersSent) return;
    if (outcome !== null && "code" in outcome) {
      answerRefusal(request, response, encoding, outcome, {});
      return;
    }
    let body: Buffer | string;
    if (encoding === "json")
      body = outcome === null ? "{}" : exportResponseJson(this.signal, outcome);
    else body = outcome === null ? "" : exportResponse(outcome);
    send(response, 200, encoding, body, {});
  }
}

/** A refusal as a google.rpc.Status in the request's encoding, with Retry-After when a retry is wanted. */
export function answerRefusal(
  request: IncomingMessage,
  response: ServerResponse,
  encoding: Encoding,
  refusal: Refusal,
  headers: OutgoingHttpHeaders,
): void {
  const { grpc, http } = statusOf(refusal);
  const { message, retryAfterMs } = refusal;
  if (retryAfterMs !== null) headers["retry-after"] = String(retryAfterSeconds(retryAfterMs));
  answerStatus(request, response, encoding, { grpc, http, message, retryAfterMs }, headers);
}

export interface StatusAnswer {
  readonly grpc: number;
  readonly http: number;
  readonly message: string;
  readonly retryAfterMs: number | null;
}

export function answerStatus(
  request: IncomingMessage,
  response: ServerResponse,
  encoding: Encoding,
  { grpc, http, message, retryAfterMs }: StatusAnswer,
  headers: OutgoingHttpHeaders,
): void {
  const body =
    encoding === "json"
      ? rpcStatusJson(grpc, message, retryAfterMs)
      : rpcStatus(grpc, message, retryAfterMs);
  send(response, http, encoding, body, headers);
  if (request.complete) return;
  // Closing now, with unread bytes in the socket, would reset the connection and lose the answer.
  request.removeAllListeners("data");
  request.resume();
  const timer = setTimeout(() => {
    if (!request.complete) request.destroy();
  }, LINGER_MS);
  timer.unref();
}

function send(
  response: ServerResponse,
  status: number,
  encoding: Encoding,
  body: Buffer | string,
  headers: OutgoingHttpHeaders,
): void {
  headers["content-type"] = MEDIA_TYPES[encoding];
  headers["content-length"] = Buffer.byteLength(body);
  response.writeHead(status, headers);
  response.end(body);
}

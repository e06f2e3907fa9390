import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { PartialSuccess, Refusal } from "../model/refusal.ts";
import type { Signal } from "../ports/otlp-consumer.ts";
import { exportResponse, rpcStatus } from "./answers.ts";
import { type Intake, OpenRequest } from "./open-request.ts";
import {
  malformed,
  SHUTTING_DOWN,
  tooLarge,
  unsupportedContentType,
  unsupportedEncoding,
} from "./refusals.ts";
import { statusOf } from "./status.ts";

/* gRPC over HTTP/2: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */

/** A message starts with a compressed flag (1 byte) and its length (4 bytes, big endian). */
const PREFIX_BYTES = 5;
const CONTENT_TYPE = "application/grpc+proto";
const OK_HEADERS = { ":status": 200, "content-type": CONTENT_TYPE };
const OK_TRAILERS = { "grpc-status": "0" };
const EMPTY_MESSAGE = Buffer.alloc(PREFIX_BYTES);
/** Answers one Export call on its stream: refuses it before reading, or reads it and hands it over. */
export function openExportCall(
  intake: Intake,
  signal: Signal,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): void {
  // Its `close` event says all there is to know.
  stream.on("error", ignoreError);
  if (headers[":method"] !== "POST") {
    stream.respond({ ":status": 405, allow: "POST" }, { endStream: true });
    return;
  }
  const encoding = headers["grpc-encoding"];
  const gzip = encoding === "gzip";
  let refusal: Refusal | null = null;
  if (intake.stopping) refusal = SHUTTING_DOWN;
  else if (!isProtobuf(headers["content-type"]))
    refusal = unsupportedContentType(headers["content-type"] ?? "", "application/grpc");
  else if (!gzip && encoding !== undefined && encoding !== "identity")
    refusal = unsupportedEncoding(String(encoding));
  else refusal = intake.limits.begin();
  if (refusal === null) {
    new ExportCall(intake, signal, stream, gzip);
    return;
  }
  intake.count(refusal);
  answerRefusal(stream, refusal);
}

class ExportCall extends OpenRequest {
  private readonly stream: ServerHttp2Stream;
  private readonly gzip: boolean;
  /** -1 until the prefix has come. */
  private messageBytes = -1;
  private compressed = false;

  constructor(intake: Intake, signal: Signal, stream: ServerHttp2Stream, gzip: boolean) {
    super(intake, signal, "protobuf");
    this.stream = stream;
    this.gzip = gzip;
    stream.on("data", (chunk: Buffer) => this.read(chunk));
    stream.on("end", () => this.complete());
    stream.on("close", () => this.abandoned());
  }

  private read(chunk: Buffer): void {
    if (!this.keep(chunk, PREFIX_BYTES + Math.max(this.messageBytes, 0))) return;
    const received = this.assembly.length;
    if (this.messageBytes < 0 && received >= PREFIX_BYTES) this.readPrefix();
    if (this.messageBytes >= 0 && received > PREFIX_BYTES + this.messageBytes)
      this.refuse(malformed("an Export call carries one message, found bytes after it"));
  }

  private readPrefix(): void {
    const head = this.assembly.bytes();
    const flag = head[0];
    this.compressed = flag === 1;
    this.messageBytes = head.readUInt32BE(1);
    const size = this.intake.sizes.protobuf;
    if (flag !== 0 && flag !== 1)
      this.refuse(malformed(`a gRPC message cannot start with ${flag}`));
    else if (this.compressed && !this.gzip)
      this.refuse(malformed("the message is marked compressed, but grpc-encoding names nothing"));
    else if (this.messageBytes > size.maxBytes) this.refuse(tooLarge(size));
  }

  private complete(): void {
    if (this.state !== "reading") return;
    const expected = PREFIX_BYTES + Math.max(this.messageBytes, 0);
    const received = this.assembly.length;
    if (received < expected) {
      this.refuse(malformed(`the message ends after ${received} of ${expected} bytes`));
      return;
    }
    const message = this.assembly.bytes().subarray(PREFIX_BYTES);
    if (this.compressed) this.unpack(message);
    else this.handOver(message);
  }

  protected override answer(outcome: Refusal | PartialSuccess | null): void {
    const { stream } = this;
    if (stream.destroyed || stream.closed) return;
    if (outcome === null) answerMessage(stream, EMPTY_MESSAGE);
    else if ("code" in outcome) answerRefusal(stream, outcome);
    else answerMessage(stream, framed(exportResponse(outcome)));
  }
}

function answerMessage(stream: ServerHttp2Stream, message: Buffer): void {
  stream.respond(OK_HEADERS, { waitForTrailers: true });
  stream.once("wantTrailers", sendOk);
  stream.end(message);
}

function sendOk(this: ServerHttp2Stream): void {
  // The sender may have reset the stream since the message was written.
  if (!this.destroyed && !this.closed) this.sendTrailers(OK_TRAILERS);
}

/** A trailers-only answer; the rest of the request, if any is still to come, is not wanted. */
function answerRefusal(stream: ServerHttp2Stream, refusal: Refusal): void {
  if (stream.destroyed || stream.closed) return;
  const { code, retryAfterMs, message } = refusal;
  const answer: Record<string, string | number> = {
    ":status": code === "unsupported-content-type" ? 415 : 200,
    "content-type": CONTENT_TYPE,
    "grpc-status": statusOf(refusal).grpc,
    "grpc-message": percentEncoded(message),
  };
  if (code === "unsupported-encoding") answer["grpc-accept-encoding"] = "identity,gzip";
  if (retryAfterMs !== null) {
    const details = rpcStatus(statusOf(refusal).grpc, message, retryAfterMs);
    answer["grpc-status-details-bin"] = details.toString("base64");
  }
  stream.respond(answer, { endStream: true });
  // Ended by us but not by the sender: NO_ERROR asks it to stop sending (RFC 9113, 8.1).
  if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
}

function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, PREFIX_BYTES);
  return frame;
}

/** `application/grpc`, alone or with `+proto` and parameters. */
function isProtobuf(contentType: string | undefined): boolean {
  return (
    contentType === "application/grpc" ||
    /^application\/grpc(\+proto)?\s*(;|$)/i.test(contentType ?? "")
  );
}

/** Printable ASCII but `%` stays, every other byte of the UTF-8 becomes %XX. */
function percentEncoded(message: string): string {
  return Buffer.from(message)
    .toString("latin1")
    .replace(
      /[^\x20-\x24\x26-\x7e]/g,
      (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}`,
    );
}

function ignoreError(): void {}

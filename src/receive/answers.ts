import type { PartialSuccess } from "../model/refusal.ts";
import type { Signal } from "../ports/otlp-consumer.ts";

/*
 * The few messages a receiver sends, encoded by hand: small, and the same two shapes for ever.
 * Export{Trace,Metrics}ServiceResponse.partial_success: opentelemetry-proto, collector/{trace,metrics}/v1;
 * Status and RetryInfo: googleapis, google/rpc/status.proto and error_details.proto.
 */

const RETRY_INFO_TYPE = "type.googleapis.com/google.rpc.RetryInfo";
const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** An ExportTraceServiceResponse or ExportMetricsServiceResponse: field 1 is the partial success in both. */
export function exportResponse(partial: PartialSuccess): Buffer {
  return field(1, Buffer.concat([number(1, partial.rejected), text(2, partial.message)]));
}

/** The same as OTLP/JSON; 64-bit integers are strings there. */
export function exportResponseJson(signal: Signal, partial: PartialSuccess): string {
  const rejected = signal === "traces" ? "rejectedSpans" : "rejectedDataPoints";
  return JSON.stringify({
    partialSuccess: { [rejected]: String(partial.rejected), errorMessage: partial.message },
  });
}

/** A google.rpc.Status; `retryAfterMs` (null: none) becomes a RetryInfo among its details. */
export function rpcStatus(code: number, message: string, retryAfterMs: number | null): Buffer {
  const parts = [number(1, code), text(2, message)];
  if (retryAfterMs !== null) {
    const seconds = Math.floor(retryAfterMs / 1000);
    const nanos = Math.round((retryAfterMs - seconds * 1000) * 1e6);
    const delay = Buffer.concat([number(1, seconds), number(2, nanos)]);
    const any = Buffer.concat([text(1, RETRY_INFO_TYPE), field(2, field(1, delay))]);
    parts.push(field(3, any));
  }
  return Buffer.concat(parts);
}

/** The same as protobuf JSON, where a Duration is seconds with an `s`. */
export function rpcStatusJson(code: number, message: string, retryAfterMs: number | null): string {
  if (retryAfterMs === null) return JSON.stringify({ code, message });
  const details = [{ "@type": RETRY_INFO_TYPE, retryDelay: `${retryAfterMs / 1000}s` }];
  return JSON.stringify({ code, message, details });
}

/** Zero is the default and is left out, as protobuf serialisers do. */
function number(fieldNumber: number, value: number): Buffer {
  return value === 0
    ? Buffer.alloc(0)
    : Buffer.from([(fieldNumber << 3) | VARINT, ...varint(value)]);
}

function text(fieldNumber: number, value: string): Buffer {
  return value === "" ? Buffer.alloc(0) : field(fieldNumber, Buffer.from(value));
}

function field(fieldNumber: number, bytes: Buffer): Buffer {
  const head = [(fieldNumber << 3) | LENGTH_DELIMITED, ...varint(bytes.length)];
  return Buffer.concat([Buffer.from(head), bytes]);
}

/** Of a whole number from 0 to 2^53; arithmetic instead of shifts, which stop at 32 bits. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return bytes;
}

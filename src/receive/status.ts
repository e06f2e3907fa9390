import { status as Grpc } from "@grpc/grpc-js";
import type { Refusal, RefusalCode } from "../model/refusal.ts";

/**
 * How a refusal is told to the sender. Whether it retries is decided by these numbers, so they follow
 * https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-response and #otlphttp-response: gRPC UNAVAILABLE and
 * HTTP 503 are retried, RESOURCE_EXHAUSTED only with RetryInfo, all others here never.
 */
const TABLE: Readonly<Record<RefusalCode, { readonly grpc: number; readonly http: number }>> = {
  malformed: { grpc: Grpc.INVALID_ARGUMENT, http: 400 },
  "too-large": { grpc: Grpc.RESOURCE_EXHAUSTED, http: 413 },
  "unsupported-encoding": { grpc: Grpc.UNIMPLEMENTED, http: 415 },
  "unsupported-content-type": { grpc: Grpc.INVALID_ARGUMENT, http: 415 },
  // Its own code: a sender that stalls says nothing about what the receiver can take.
  "timed-out": { grpc: Grpc.UNAVAILABLE, http: 503 },
  overloaded: { grpc: Grpc.UNAVAILABLE, http: 503 },
  "shutting-down": { grpc: Grpc.UNAVAILABLE, http: 503 },
  "state-unavailable": { grpc: Grpc.UNAVAILABLE, http: 503 },
};

/** For what the table would have retried although the refusal says it must not be. */
const FINAL = { grpc: Grpc.INTERNAL, http: 500 };

/** The gRPC status code and the HTTP status code that answer this refusal. */
export function statusOf(refusal: Refusal): { readonly grpc: number; readonly http: number } {
  const entry = TABLE[refusal.code];
  return refusal.retryAfterMs === null && entry.grpc === Grpc.UNAVAILABLE ? FINAL : entry;
}

/** Seconds for the Retry-After header, rounded up, at least 1. */
export function retryAfterSeconds(retryAfterMs: number): number {
  return Math.max(1, Math.ceil(retryAfterMs / 1000));
}

/** Why a request was not taken; a bounded set, so it can be a metric label. */
export type RefusalCode =
  | "malformed"
  | "too-large"
  | "unsupported-encoding"
  | "unsupported-content-type"
  | "timed-out"
  | "overloaded"
  | "shutting-down"
  | "state-unavailable";

/**
 * The answer to a request that was not (or not wholly) taken. `retryAfterMs` set: the sender should
 * retry the same bytes then; null: it must not. `receive/status.ts` maps it to gRPC and HTTP.
 */
export interface Refusal {
  readonly code: RefusalCode;
  readonly message: string;
  readonly retryAfterMs: number | null;
}

/** The request was taken, but these of its items were not: OTLP partial success. */
export interface PartialSuccess {
  readonly rejected: number;
  readonly message: string;
}

import type { PartialSuccess, Refusal } from "../model/refusal.ts";

export type Signal = "traces" | "metrics";
export type Encoding = "protobuf" | "json";

/** Called exactly once: `null` after the commit that holds the whole request, else why not (all of) it. */
export type Done = (outcome: Refusal | PartialSuccess | null) => void;

/**
 * Receivers hand request bytes to this. Decoding and tallying happen before `consume` returns, and
 * `bytes` belong to the caller again then: an implementation copies what it keeps. It never throws.
 * The receiver acknowledges to the sender only in `done`, which may be called before `consume` returns.
 */
export interface OtlpConsumer {
  consume(signal: Signal, encoding: Encoding, bytes: Uint8Array, done: Done): void;
}

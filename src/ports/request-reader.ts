import type { RequestDelta, Taken } from "../model/delta.ts";
import type { PartialSuccess, Refusal } from "../model/refusal.ts";
import type { Encoding, Signal } from "./otlp-consumer.ts";

/**
 * Turns the bytes of a request into what it adds. Everything it gives belongs to the request read last, until the next one is
 * read; `bytes` belong to the caller again when `read` returns.
 */
export interface RequestReader {
  /** Null when the request can be admitted; else why not, and nothing of it is left. Never throws. */
  read(signal: Signal, encoding: Encoding, bytes: Uint8Array): Refusal | null;
  readonly delta: RequestDelta;
  taken(): Taken;
  /** What the sender hears of items that do not count; null when all do. */
  partialSuccess(): PartialSuccess | null;
}

import type { Refusal } from "../model/refusal.ts";

/* What receivers themselves refuse, in the words a sender reads. */

/** How large a request may be, and what says so. */
export interface SizeLimit {
  readonly maxBytes: number;
  readonly source: string;
}

/** `when` says which size is meant, for example "after decompression". */
export function tooLarge({ maxBytes, source }: SizeLimit, when = "as sent"): Refusal {
  const message = `the request is larger than ${maxBytes} bytes ${when} (${source}); send smaller batches`;
  return { code: "too-large", message, retryAfterMs: null };
}

export function malformed(message: string): Refusal {
  return { code: "malformed", message, retryAfterMs: null };
}

export function unsupportedEncoding(encoding: string): Refusal {
  const message = `compression ${JSON.stringify(encoding)} is not supported; use gzip or none`;
  return { code: "unsupported-encoding", message, retryAfterMs: null };
}

export function unsupportedContentType(found: string, supported: string): Refusal {
  const message = `content type ${JSON.stringify(found)} is not supported; use ${supported}`;
  return { code: "unsupported-content-type", message, retryAfterMs: null };
}

/** The consumer promises not to throw; if it does, one request is lost and not the process. */
export function failed(error: unknown): Refusal {
  const cause = error instanceof Error ? error.message : String(error);
  return malformed(`the request could not be handled: ${cause}`);
}

/** Senders retry elsewhere or when the next process listens. */
export const SHUTTING_DOWN: Refusal = Object.freeze({
  code: "shutting-down",
  message: "the receiver is stopping",
  retryAfterMs: 2000,
});

/** A sender that stalls must not hold memory for ever; what it sends again may come through. */
export const TOO_SLOW: Refusal = Object.freeze({
  code: "timed-out",
  message: "the request did not arrive in time",
  retryAfterMs: 1000,
});

import type { Refusal } from "../model/refusal.ts";

export interface InFlightSettings {
  /** Bytes received (and decompressed) and not yet answered, over all requests. */
  readonly maxBytes: number;
  /** Requests being read or handed over and not yet done; default 4,096. */
  readonly maxRequests?: number;
  /** When a refused sender should try again; default 1 s. */
  readonly retryAfterMs?: number;
}

export const DEFAULT_MAX_REQUESTS = 4096;
const DEFAULT_RETRY_AFTER_MS = 1000;

/**
 * What one receiver holds: from a request's first byte until its `done`. Beyond the bounds a
 * request is refused, so that senders keep the data and the heap does not grow.
 *
 * A request calls `begin` once, `grow` for bytes it is about to hold, and `end` once with all it grew by.
 * One request alone may grow without bound here: its size has a limit of its own.
 */
export class InFlight {
  private heldRequests = 0;
  private heldBytes = 0;
  private readonly maxBytes: number;
  private readonly maxRequests: number;
  private readonly tooManyRequests: Refusal;
  private readonly tooManyBytes: Refusal;

  constructor(settings: InFlightSettings) {
    this.maxBytes = settings.maxBytes;
    this.maxRequests = settings.maxRequests ?? DEFAULT_MAX_REQUESTS;
    const retryAfterMs = settings.retryAfterMs ?? DEFAULT_RETRY_AFTER_MS;
    const refusal = (message: string): Refusal =>
      Object.freeze({ code: "overloaded", message, retryAfterMs });
    this.tooManyRequests = refusal(`more than ${this.maxRequests} requests in flight`);
    this.tooManyBytes = refusal(`more than ${this.maxBytes} bytes of requests in flight`);
  }

  get requests(): number {
    return this.heldRequests;
  }

  get bytes(): number {
    return this.heldBytes;
  }

  /** Null when one more request may be read; else it is not counted and `end` must not be called. */
  begin(): Refusal | null {
    if (this.heldRequests >= this.maxRequests) return this.tooManyRequests;
    if (this.heldBytes >= this.maxBytes) return this.tooManyBytes;
    this.heldRequests += 1;
    return null;
  }

  /** Null when a begun request may hold `bytes` more; else they are not counted. */
  grow(bytes: number): Refusal | null {
    if (this.heldBytes + bytes > this.maxBytes && this.heldRequests > 1) return this.tooManyBytes;
    this.heldBytes += bytes;
    return null;
  }

  /** Gives back some of what a request grew by. */
  shrink(bytes: number): void {
    this.heldBytes -= bytes;
  }

  /** A begun request is over; `bytes` is all it grew by. */
  end(bytes: number): void {
    this.heldRequests -= 1;
    this.heldBytes -= bytes;
  }
}

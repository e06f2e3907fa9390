import type { RequestDelta, Taken } from "../model/delta.ts";
import type { Refusal } from "../model/refusal.ts";

/**
 * Takes what a request adds once it has been read elsewhere: admits it, counts it, and calls `done` once, as
 * `Admission.admit` does. `delta` belongs to the caller again when the call returns.
 */
export interface DeltaConsumer {
  take(delta: RequestDelta, taken: Taken, done: (refusal: Refusal | null) => void): void;
}

import type { RequestDelta } from "../model/delta.ts";
import type { Refusal } from "../model/refusal.ts";

/** What admission says at once. `later` means `done` will be called after the commit. */
export type Admitted = "admitted" | "duplicate" | "refused";

/**
 * Takes a request's delta whole, or drops it whole as a retry of one already taken, before anything is
 * added anywhere. `delta` belongs to the caller again when the call returns. `done` is called once, after
 * the commit that holds the delta (or at once for a duplicate of a committed request; a duplicate of one whose
 * commit is still to come gets the same outcome). When a commit fails, everything admitted after it that is
 * not committed yet is refused with it.
 */
export interface Admission {
  admit(delta: RequestDelta, done: (refusal: Refusal | null) => void): Admitted;
}

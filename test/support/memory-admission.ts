import { FingerprintMemory } from "../../src/journal/fingerprints.ts";
import type { RequestDelta } from "../../src/model/delta.ts";
import type { Refusal } from "../../src/model/refusal.ts";
import type { Admission, Admitted } from "../../src/ports/admission.ts";

/**
 * Admission without a disk: a retry is recognised as long as the process lives, and a request is
 * acknowledged as soon as it is counted.
 */
export class MemoryAdmission implements Admission {
  readonly memory: FingerprintMemory;
  private readonly deliver: (delta: RequestDelta) => void;

  /** @param deliver adds an admitted delta to the windows; it belongs to the caller again on return */
  constructor(deliver: (delta: RequestDelta) => void, memory = new FingerprintMemory()) {
    this.deliver = deliver;
    this.memory = memory;
  }

  admit(delta: RequestDelta, done: (refusal: Refusal | null) => void): Admitted {
    const { fingerprint, receivedAt } = delta;
    // An empty request has no identity and nothing to add.
    const isNew = fingerprint[0] === 0 || !this.memory.has(fingerprint, receivedAt);
    if (isNew && fingerprint[0] !== 0) this.memory.add(fingerprint, receivedAt);
    if (isNew && delta.length > 0) this.deliver(delta);
    done(null);
    return isNew ? "admitted" : "duplicate";
  }
}

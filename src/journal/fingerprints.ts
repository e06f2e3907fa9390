import { FINGERPRINT_WORDS } from "../model/delta.ts";
import type { UnixMs } from "../model/time.ts";

/**
 * Fingerprints of the requests of the last 15 minutes, in two generations of fixed tables: the older
 * one is emptied and becomes the younger every 15 minutes, so each is remembered for 15 to 30 minutes.
 * When the younger one is full it turns early: the oldest are forgotten first, and `forgottenEarly` counts
 * them, so that "a retry may count twice" is seen and not silent.
 */
export class FingerprintMemory {
  forgottenEarly = 0;
  /** Grows when the generations turn. */
  turns = 0;
  readonly capacity: number;
  private young: Table;
  private old: Table;
  private turnAt = 0;

  /** @param capacity fingerprints in each generation; 20 bytes times two each */
  constructor(capacity = 262_144) {
    this.capacity = capacity;
    this.young = new Table(capacity);
    this.old = new Table(capacity);
  }

  /** Whether this fingerprint is remembered. */
  has(fingerprint: Uint32Array, now: UnixMs): boolean {
    if (now >= this.turnAt) {
      this.turn(now);
      // Two turns were due in a long silence: nothing older than 15 minutes may stay.
      if (this.old.lastAddedAt < now - REMEMBER_MS) this.old.clear();
    }
    return this.old.has(fingerprint) || this.young.has(fingerprint);
  }

  /** Remembers it, if it is not remembered. */
  add(fingerprint: Uint32Array, now: UnixMs): void {
    if (this.has(fingerprint, now)) return;
    if (this.young.size >= this.capacity) {
      if (now - this.old.lastAddedAt < REMEMBER_MS) this.forgottenEarly += this.old.size;
      this.turn(now);
    }
    this.young.add(fingerprint, now);
  }

  /** Slots of both generations, the older one's first. */
  get slots(): number {
    return this.old.slots + this.young.slots;
  }

  /**
   * The fingerprints in `count` slots of one generation, one behind the other, and when its latest was added. Slots
   * keep their content until the next turn.
   */
  read(firstSlot: number, count: number): { words: Uint32Array; addedAt: UnixMs } {
    const isOld = firstSlot < this.old.slots;
    const table = isOld ? this.old : this.young;
    const from = isOld ? firstSlot : firstSlot - this.old.slots;
    return { words: table.read(from, count), addedAt: table.lastAddedAt };
  }

  private turn(now: UnixMs): void {
    const emptied = this.old;
    emptied.clear();
    this.old = this.young;
    this.young = emptied;
    this.turnAt = now + REMEMBER_MS;
    this.turns++;
  }
}

const REMEMBER_MS = 15 * 60_000;

/** Open addressing, at most half full. */
class Table {
  size = 0;
  lastAddedAt = Number.NEGATIVE_INFINITY;
  readonly slots: number;
  private readonly words: Uint32Array;
  private readonly mask: number;

  constructor(capacity: number) {
    this.slots = 2 ** Math.ceil(Math.log2(capacity * 2));
    this.words = new Uint32Array(this.slots * FINGERPRINT_WORDS);
    this.mask = this.slots - 1;
  }

  has(fingerprint: Uint32Array): boolean {
    return this.words[this.find(fingerprint)] !== 0;
  }

  add(fingerprint: Uint32Array, now: UnixMs): void {
    this.words.set(fingerprint, this.find(fingerprint));
    this.size++;
    this.lastAddedAt = now;
  }

  clear(): void {
    if (this.size > 0) this.words.fill(0);
    this.size = 0;
  }

  read(firstSlot: number, count: number): Uint32Array {
    const last = Math.min(this.slots, firstSlot + count);
    const found = new Uint32Array((last - firstSlot) * FINGERPRINT_WORDS);
    let length = 0;
    for (let slot = firstSlot; slot < last; slot++) {
      const at = slot * FINGERPRINT_WORDS;
      if (this.words[at] === 0) continue;
      found.set(this.words.subarray(at, at + FINGERPRINT_WORDS), length);
      length += FINGERPRINT_WORDS;
    }
    return found.subarray(0, length);
  }

  /** Where the fingerprint stands or would stand; its first word, a count, is never 0 in a taken slot. */
  private find(fingerprint: Uint32Array): number {
    const words = this.words;
    for (let slot = fingerprint[1]! & this.mask; ; slot = (slot + 1) & this.mask) {
      const at = slot * FINGERPRINT_WORDS;
      if (words[at] === 0) return at;
      if (
        words[at] === fingerprint[0] &&
        words[at + 1] === fingerprint[1] &&
        words[at + 2] === fingerprint[2] &&
        words[at + 3] === fingerprint[3] &&
        words[at + 4] === fingerprint[4]
      ) {
        return at;
      }
    }
  }
}

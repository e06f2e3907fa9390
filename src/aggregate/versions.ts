import { equalBytes } from "../decode/attributes.ts";
import { Hash128 } from "../decode/hash128.ts";
import { FIRST_VERSION, NO_VERSION, OTHER_VERSION } from "../model/delta.ts";
import { HOUR, type UnixMs } from "../model/time.ts";

/** As long as a version that is not heard of stays in view (`engine/version-reports.ts`). */
const IDLE_MS = 24 * HOUR;
const DROP_IDLE_EVERY_MS = 60_000;
/** A hostile sender must not fill memory with long names either. */
const MAX_NAME_BYTES = 256;
const FREE = -1;

interface Named {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly name: string;
  /** NaN for one that was restored and not used since. */
  usedAt: UnixMs;
}

/**
 * Bounded names of `service.version` values, shared by all services; the rest are "other". A full table forgets names that were
 * not used for a day. Their ids are never given to another name: counts by id may outlive them.
 */
export class VersionTable {
  readonly limit: number;
  /** The id of the next name. */
  nextId = FIRST_VERSION;
  private readonly byId = new Map<number, Named>();
  /** Open addressing, at most half full, also with what `restore` may bring. */
  private readonly slots: Int32Array;
  private readonly hash = new Hash128();
  private readonly decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  private nextDropAt = Number.NEGATIVE_INFINITY;

  /** @param limit most names told apart; each takes its bytes twice and some 200 more */
  constructor(limit = 16_384) {
    this.limit = limit;
    this.slots = new Int32Array(2 ** Math.ceil(Math.log2((limit + 1) * 4))).fill(FREE);
  }

  get size(): number {
    return this.byId.size;
  }

  /** Those with a name. */
  ids(): Iterable<number> {
    return this.byId.keys();
  }

  /** "other" also for a name that is forgotten. */
  nameOf(id: number): string {
    return id === NO_VERSION ? "" : (this.byId.get(id)?.name ?? "other");
  }

  /** The name as it was received, not to be changed; null when the id has none. */
  bytesOf(id: number): Uint8Array | null {
    return this.byId.get(id)?.bytes ?? null;
  }

  /** A name that an earlier process has given this id. With those that it forgot later they may be more than the limit. */
  restore(id: number, name: Uint8Array): void {
    if (this.byId.has(id) || this.size >= 2 * this.limit) return;
    this.add(id, this.slotOf(name, 0, name.length), name.slice(), Number.NaN);
  }

  /** Id of the version in `bytes[start..end)`; a string is made only for one that has no id. */
  idOf(bytes: Uint8Array, start: number, end: number, now: UnixMs): number {
    if (start === end) return NO_VERSION;
    const slot = this.slotOf(bytes, start, end);
    const id = this.slots[slot]!;
    if (id !== FREE) {
      this.use(id, now);
      return id;
    }
    if (end - start > MAX_NAME_BYTES) return OTHER_VERSION;
    if (this.size < this.limit) return this.add(this.nextId, slot, bytes.slice(start, end), now);
    if (!this.dropIdle(now)) return OTHER_VERSION;
    return this.add(this.nextId, this.slotOf(bytes, start, end), bytes.slice(start, end), now);
  }

  /** The id is in use, also when nobody names it here. False when it has no name any more. */
  use(id: number, now: UnixMs): boolean {
    const named = this.byId.get(id);
    if (named === undefined) return id < FIRST_VERSION;
    named.usedAt = now;
    return true;
  }

  private add(id: number, slot: number, bytes: Uint8Array, usedAt: UnixMs): number {
    this.nextId = Math.max(this.nextId, id + 1);
    this.byId.set(id, { id, bytes, name: this.decoder.decode(bytes), usedAt });
    this.slots[slot] = id;
    return id;
  }

  /** Looking at all names is not done for every new one. False when nothing was dropped. */
  private dropIdle(now: UnixMs): boolean {
    if (now < this.nextDropAt) return false;
    this.nextDropAt = now + DROP_IDLE_EVERY_MS;
    for (const named of this.byId.values()) {
      // When it was used last is not stored: as if just now.
      if (Number.isNaN(named.usedAt)) named.usedAt = now;
      if (named.usedAt <= now - IDLE_MS) this.byId.delete(named.id);
    }
    if (this.size >= this.limit) return false;
    this.slots.fill(FREE);
    for (const { id, bytes } of this.byId.values()) {
      this.slots[this.slotOf(bytes, 0, bytes.length)] = id;
    }
    return true;
  }

  /** Where the name's id stands, or would stand. */
  private slotOf(bytes: Uint8Array, start: number, end: number): number {
    const { slots, byId } = this;
    this.hash.range(bytes, start, end);
    const mask = slots.length - 1;
    let at = this.hash.a & mask;
    while (slots[at] !== FREE) {
      const known = byId.get(slots[at]!);
      if (known !== undefined && equalBytes(bytes, start, end, known.bytes)) break;
      at = (at + 1) & mask;
    }
    return at;
  }
}

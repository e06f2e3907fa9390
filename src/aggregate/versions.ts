import { equalBytes } from "../decode/attributes.ts";
import { Hash128 } from "../decode/hash128.ts";

export const NO_VERSION = 0;
export const OTHER_VERSION = 1;

/** Bounded names of `service.version` values, shared by all services; the rest are "other". */
export class VersionTable {
  readonly names: string[] = ["", "other"];
  private readonly bytes: Uint8Array[] = [new Uint8Array(0), new Uint8Array(0)];
  private readonly slots: Int32Array;
  private readonly limit: number;
  private readonly hash = new Hash128();
  private readonly decoder = new TextDecoder();

  /** @param limit most versions told apart; the slots stay at most half full */
  constructor(limit = 4096) {
    this.limit = limit;
    this.slots = new Int32Array(2 ** Math.ceil(Math.log2((limit + 2) * 2))).fill(-1);
  }

  get size(): number {
    return this.names.length;
  }

  /** The name as it was received; not to be changed. */
  bytesOf(id: number): Uint8Array {
    return this.bytes[id]!;
  }

  /** Names in order of their ids, as another process gave them. */
  restore(id: number, name: Uint8Array): void {
    if (id === this.names.length) this.idOf(name, 0, name.length);
  }

  /** Id of the version in `bytes[start..end)`; a string is made only for one never seen. */
  idOf(bytes: Uint8Array, start: number, end: number): number {
    if (start === end) return NO_VERSION;
    this.hash.range(bytes, start, end);
    const mask = this.slots.length - 1;
    let at = this.hash.a & mask;
    for (; this.slots[at]! >= 0; at = (at + 1) & mask) {
      const id = this.slots[at]!;
      if (equalBytes(bytes, start, end, this.bytes[id]!)) return id;
    }
    // A hostile sender must not fill memory with long names either.
    if (this.names.length >= this.limit || end - start > 256) return OTHER_VERSION;
    const id = this.names.length;
    const own = bytes.slice(start, end);
    this.bytes.push(own);
    this.names.push(this.decoder.decode(own));
    this.slots[at] = id;
    return id;
  }
}

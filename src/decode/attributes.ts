import {
  ANY_BOOL,
  ANY_DOUBLE,
  ANY_INT,
  ANY_LAST_FIELD,
  ANY_STRING,
  KEY_VALUE_KEY,
  KEY_VALUE_VALUE,
} from "./fields.ts";
import {
  BYTES,
  bitsToDouble,
  NO_FAULT,
  toSignedDouble,
  type WireReader,
  WRONG_WIRE_TYPE,
} from "./wire.ts";

/** What a slot holds. */
export const ABSENT = 0;
export const STRING = 1; // bytes start..end
export const NUMBER = 2; // int or double, in `number`
export const BOOL = 3; // 0 or 1 in `number`
export const OTHER = 4; // array, map or bytes: present, never equal to a scalar

/** UTF-8 bytes of the keys that some rule asks for; a key's slot is its place in the list. */
export class KeyTable {
  readonly size: number;
  /** The keys one after the other; a key's bytes are [from[slot], from[slot + 1]). */
  private readonly keys: DataView;
  private readonly from: Int32Array;
  /** First and next slot of each bucket, -1 at the end. */
  private readonly heads: Int32Array;
  private readonly next: Int32Array;
  private readonly mask: number;

  constructor(keys: readonly string[]) {
    const encoder = new TextEncoder();
    const encoded = keys.map((key) => encoder.encode(key));
    const all = new Uint8Array(encoded.reduce((length, key) => length + key.length, 0));
    const buckets = 2 ** Math.max(8, Math.ceil(Math.log2(keys.length * 4)));
    this.size = keys.length;
    this.keys = new DataView(all.buffer);
    this.from = new Int32Array(keys.length + 1);
    this.heads = new Int32Array(buckets).fill(-1);
    this.next = new Int32Array(keys.length).fill(-1);
    this.mask = buckets - 1;
    encoded.forEach((key, slot) => {
      const start = this.from[slot]!;
      const end = start + key.length;
      all.set(key, start);
      this.from[slot + 1] = end;
      const bucket = hashOf(this.keys, start, end) & this.mask;
      this.next[slot] = this.heads[bucket]!;
      this.heads[bucket] = slot;
    });
  }

  /** Slot of the key in `[start, end)` of `view`, or -1. */
  find(view: DataView, start: number, end: number): number {
    let slot = this.heads[hashOf(view, start, end) & this.mask]!;
    while (slot >= 0) {
      if (this.isAt(view, start, end, slot)) return slot;
      slot = this.next[slot]!;
    }
    return -1;
  }

  private isAt(view: DataView, start: number, end: number, slot: number): boolean {
    const keys = this.keys;
    let at = this.from[slot]!;
    if (this.from[slot + 1]! - at !== end - start) return false;
    let pos = start;
    for (; pos + 4 <= end; pos += 4, at += 4) {
      if (view.getInt32(pos, true) !== keys.getInt32(at, true)) return false;
    }
    for (; pos < end; pos++, at++) if (view.getUint8(pos) !== keys.getUint8(at)) return false;
    return true;
  }
}

/** Length and last four bytes: they tell attribute keys apart better than their first, which are shared prefixes. */
function hashOf(view: DataView, start: number, end: number): number {
  const length = end - start;
  if (length < 4) return length;
  return (Math.imul(view.getInt32(end - 4, true), 0x9e3779b1) >>> 16) + length;
}

export function equalBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  other: Uint8Array,
): boolean {
  const length = other.length;
  if (end - start !== length) return false;
  for (let i = 0; i < length; i++) if (bytes[start + i] !== other[i]) return false;
  return true;
}

/** The values of the wanted attributes of one span, resource or point; reused. Index by slot. */
export class AttributeSlots {
  readonly keys: KeyTable;
  readonly type: Uint8Array;
  readonly number: Float64Array;
  readonly start: Int32Array;
  readonly end: Int32Array;
  /** Slots to be emptied before the next item: clearing must not cost every key of every rule. */
  private readonly taken: Int32Array;
  private takenLength = 0;

  constructor(keys: KeyTable) {
    this.keys = keys;
    this.type = new Uint8Array(keys.size);
    this.number = new Float64Array(keys.size);
    this.start = new Int32Array(keys.size);
    this.end = new Int32Array(keys.size);
    this.taken = new Int32Array(keys.size);
  }

  clear(): void {
    for (let i = 0; i < this.takenLength; i++) this.type[this.taken[i]!] = ABSENT;
    this.takenLength = 0;
  }

  /**
   * Reads the KeyValue in `bytes[start..end)` when it has the plain shape that encoders write: a key, then a
   * string or a small whole number. False when it has not; nothing has been read then, and `read` must.
   */
  readPlain(bytes: Uint8Array, view: DataView, start: number, end: number): boolean {
    if (end - start < 2 || bytes[start] !== KEY_VALUE_KEY) return false;
    const keyStart = start + 2;
    const keyLength = bytes[start + 1]!;
    const keyEnd = keyStart + keyLength;
    if (keyLength >= 0x80 || keyEnd > end) return false;
    const slot = this.keys.find(view, keyStart, keyEnd);
    if (slot < 0) return true;
    const at = keyEnd + 2;
    if (end - at < 2 || bytes[keyEnd] !== KEY_VALUE_VALUE) return false;
    if (bytes[keyEnd + 1]! >= 0x80 || at + bytes[keyEnd + 1]! !== end) return false;
    const first = bytes[at + 1]!;
    if (bytes[at] === ANY_STRING) {
      if (first >= 0x80 || at + 2 + first !== end) return false;
      this.take(slot, STRING);
      this.start[slot] = at + 2;
      this.end[slot] = end;
      return true;
    }
    if (bytes[at] !== ANY_INT) return false;
    let value = first;
    if (first >= 0x80) {
      if (end - at !== 3 || bytes[at + 2]! >= 0x80) return false;
      value = (first & 0x7f) | (bytes[at + 2]! << 7);
    } else if (end - at !== 2) return false;
    this.take(slot, NUMBER);
    this.number[slot] = value;
    return true;
  }

  private take(slot: number, type: number): void {
    if (this.type[slot] === ABSENT) this.taken[this.takenLength++] = slot;
    this.type[slot] = type;
  }

  /** Reads the KeyValue that ends at `end`; a key no rule asks for is stepped over. */
  read(reader: WireReader, end: number): void {
    let slot = -1;
    let valueStart = -1;
    let valueEnd = -1;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === KEY_VALUE_KEY) {
        const stop = reader.lengthEnd(end);
        slot = this.keys.find(reader.view, reader.pos, stop);
        reader.pos = stop;
        // The value comes after the key in every encoder seen: nothing more to learn about this one.
        if (slot < 0 && valueStart < 0) {
          if (reader.fault === NO_FAULT) reader.pos = end;
          return;
        }
      } else if (tag === KEY_VALUE_VALUE) {
        valueEnd = reader.lengthEnd(end);
        valueStart = reader.pos;
        reader.pos = valueEnd;
      } else if (tag >>> 3 <= 2) reader.fail(WRONG_WIRE_TYPE);
      else reader.skip(tag, end);
    }
    if (slot >= 0 && reader.fault === NO_FAULT) {
      this.take(slot, OTHER);
      if (valueStart >= 0) {
        reader.pos = valueStart;
        this.readValue(reader, slot, valueEnd);
        if (reader.fault === NO_FAULT) reader.pos = end;
      }
    }
  }

  private readValue(reader: WireReader, slot: number, end: number): void {
    while (reader.pos < end) {
      const tag = reader.tag(end);
      switch (tag) {
        case ANY_STRING: {
          const stop = reader.lengthEnd(end);
          this.type[slot] = STRING;
          this.start[slot] = reader.pos;
          this.end[slot] = stop;
          reader.pos = stop;
          break;
        }
        case ANY_INT:
          reader.varint64(end);
          this.type[slot] = NUMBER;
          this.number[slot] = toSignedDouble(reader.hi, reader.lo);
          break;
        case ANY_DOUBLE:
          reader.fixed64(end);
          this.type[slot] = NUMBER;
          this.number[slot] = bitsToDouble(reader.hi, reader.lo);
          break;
        case ANY_BOOL:
          reader.varint64(end);
          this.type[slot] = BOOL;
          this.number[slot] = reader.lo | reader.hi ? 1 : 0;
          break;
        default:
          if (tag >>> 3 <= ANY_LAST_FIELD) {
            // Array, map or bytes; a field beyond them is one we do not know and says nothing.
            if ((tag & 7) !== BYTES || tag >>> 3 <= 4) reader.fail(WRONG_WIRE_TYPE);
            this.type[slot] = OTHER;
          }
          reader.skip(tag, end);
      }
    }
  }
}

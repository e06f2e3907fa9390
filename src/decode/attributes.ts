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
  private readonly keys: readonly Uint8Array[];
  /** First and next slot of each bucket, -1 at the end. */
  private readonly heads: Int32Array;
  private readonly next: Int32Array;
  private readonly mask: number;

  constructor(keys: readonly string[]) {
    const encoder = new TextEncoder();
    this.keys = keys.map((key) => encoder.encode(key));
    this.size = keys.length;
    const buckets = 2 ** Math.max(6, Math.ceil(Math.log2(keys.length * 4)));
    this.mask = buckets - 1;
    this.heads = new Int32Array(buckets).fill(-1);
    this.next = new Int32Array(keys.length).fill(-1);
    this.keys.forEach((key, slot) => {
      const bucket = bucketOf(key, 0, key.length) & this.mask;
      this.next[slot] = this.heads[bucket]!;
      this.heads[bucket] = slot;
    });
  }

  /** Slot of the key in `bytes[start..end)`, or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    let slot = this.heads[bucketOf(bytes, start, end) & this.mask]!;
    while (slot >= 0) {
      if (equalBytes(bytes, start, end, this.keys[slot]!)) return slot;
      slot = this.next[slot]!;
    }
    return -1;
  }
}

/** Length and the last bytes tell attribute keys apart better than their first, which are shared prefixes. */
function bucketOf(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length < 3) return length;
  return length * 7 + bytes[end - 1]! * 31 + bytes[end - 3]! * 5 + bytes[end - 2]! * 257;
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
  readPlain(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < 2 || bytes[start] !== KEY_VALUE_KEY) return false;
    const keyStart = start + 2;
    const keyLength = bytes[start + 1]!;
    const keyEnd = keyStart + keyLength;
    if (keyLength >= 0x80 || keyEnd > end) return false;
    const slot = this.keys.find(bytes, keyStart, keyEnd);
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
    const bytes = reader.bytes;
    let slot = -1;
    let valueStart = -1;
    let valueEnd = -1;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === KEY_VALUE_KEY) {
        const stop = reader.lengthEnd(end);
        slot = this.keys.find(bytes, reader.pos, stop);
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

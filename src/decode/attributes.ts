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

/** Far from where an int32 ends. */
const LARGEST_BASE = 2 ** 30;

const FILTER_SIZE = 4096;

/** Where a key of this length with this last byte stands in the filter. */
export function filterIndex(length: number, lastByte: number): number {
  return ((length << 5) ^ lastByte) & (FILTER_SIZE - 1);
}

/** UTF-8 bytes of the keys that some rule asks for; a key's slot is its place in the list. */
export class KeyTable {
  readonly size: number;
  /** Lengths of the keys in bytes. */
  private readonly lengths: Int32Array;
  /**
   * The keys in words of four bytes, one key after the other: a key of n bytes has its words at 0, 4, ... and
   * its last one at n - 4, so that there is no remainder; bytes of a shorter key are one word.
   */
  private readonly words: Int32Array;
  /** Where the words of a key begin. */
  private readonly from: Int32Array;
  /** First and next slot of each bucket, -1 at the end. */
  private readonly heads: Int32Array;
  private readonly next: Int32Array;
  private readonly mask: number;
  /** 1 at the `filterIndex` of every key: most attributes of a span are told to be none of them by this alone. */
  readonly filter = new Uint8Array(FILTER_SIZE);

  constructor(keys: readonly string[]) {
    const encoder = new TextEncoder();
    const encoded = keys.map((key) => encoder.encode(key));
    const buckets = 2 ** Math.max(8, Math.ceil(Math.log2(keys.length * 4)));
    this.size = keys.length;
    this.lengths = Int32Array.from(encoded, (key) => key.length);
    this.from = new Int32Array(keys.length);
    this.heads = new Int32Array(buckets).fill(-1);
    this.next = new Int32Array(keys.length).fill(-1);
    this.mask = buckets - 1;
    const words: number[] = [];
    encoded.forEach((key, slot) => {
      const view = new DataView(key.buffer, key.byteOffset, key.length);
      this.from[slot] = words.length;
      if (key.length > 0) this.filter[filterIndex(key.length, key.at(-1)!)] = 1;
      for (let at = 0; at + 4 < key.length; at += 4) words.push(view.getInt32(at, true));
      const last = lastWord(view, 0, key.length);
      words.push(last);
      const bucket = bucketOf(last, key.length) & this.mask;
      this.next[slot] = this.heads[bucket]!;
      this.heads[bucket] = slot;
    });
    this.words = Int32Array.from(words);
  }

  /** Slot of the key in `[start, end)` of `view`, or -1. */
  find(view: DataView, start: number, end: number): number {
    const length = end - start;
    const last = lastWord(view, start, end);
    let slot = this.heads[bucketOf(last, length) & this.mask]!;
    while (slot >= 0) {
      if (this.lengths[slot] === length && this.isAt(view, start, end, slot, last)) return slot;
      slot = this.next[slot]!;
    }
    return -1;
  }

  private isAt(view: DataView, start: number, end: number, slot: number, last: number): boolean {
    const words = this.words;
    let word = this.from[slot]!;
    for (let at = start; at + 4 < end; at += 4) {
      if (view.getInt32(at, true) !== words[word++]) return false;
    }
    return words[word] === last;
  }
}

/** Length and last bytes tell attribute keys apart better than the first ones, which are shared prefixes. */
function bucketOf(last: number, length: number): number {
  return (Math.imul(last, 0x9e3779b1) >>> 16) + length;
}

/** The last four bytes, or all of a shorter key. */
function lastWord(view: DataView, start: number, end: number): number {
  if (end - start >= 4) return view.getInt32(end - 4, true);
  let word = 0;
  for (let at = start; at < end; at++) word = (word << 8) | view.getUint8(at);
  return word;
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
  readonly number: Float64Array;
  readonly start: Int32Array;
  readonly end: Int32Array;
  /** What a slot holds, added to `base`; less than that is left from an item before: clearing costs nothing. */
  private readonly state: Int32Array;
  private base = 0;

  constructor(keys: KeyTable) {
    this.keys = keys;
    this.number = new Float64Array(keys.size);
    this.start = new Int32Array(keys.size);
    this.end = new Int32Array(keys.size);
    this.state = new Int32Array(keys.size);
  }

  clear(): void {
    this.base += OTHER;
    if (this.base < LARGEST_BASE) return;
    this.state.fill(0);
    this.base = 0;
  }

  /** ABSENT, STRING, NUMBER, BOOL or OTHER. */
  typeOf(slot: number): number {
    const type = this.state[slot]! - this.base;
    return type > 0 ? type : ABSENT;
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
    this.state[slot] = this.base + type;
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
          this.take(slot, STRING);
          this.start[slot] = reader.pos;
          this.end[slot] = stop;
          reader.pos = stop;
          break;
        }
        case ANY_INT:
          reader.varint64(end);
          this.take(slot, NUMBER);
          this.number[slot] = toSignedDouble(reader.hi, reader.lo);
          break;
        case ANY_DOUBLE:
          reader.fixed64(end);
          this.take(slot, NUMBER);
          this.number[slot] = bitsToDouble(reader.hi, reader.lo);
          break;
        case ANY_BOOL:
          reader.varint64(end);
          this.take(slot, BOOL);
          this.number[slot] = reader.lo | reader.hi ? 1 : 0;
          break;
        default:
          if (tag >>> 3 <= ANY_LAST_FIELD) {
            // Array, map or bytes; a field beyond them is one we do not know and says nothing.
            if ((tag & 7) !== BYTES || tag >>> 3 <= 4) reader.fail(WRONG_WIRE_TYPE);
            this.take(slot, OTHER);
          }
          reader.skip(tag, end);
      }
    }
  }
}

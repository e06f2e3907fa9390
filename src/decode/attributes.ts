import * as fields from "./fields.ts";
import type { KeyTable } from "./key-table.ts";
import * as slotTypes from "./slot-types.ts";
import * as wire from "./wire.ts";

// Compiled in as numbers: an imported constant is looked up at every use (decision D-072).
const { ANY_BOOL, ANY_DOUBLE, ANY_INT, ANY_LAST_FIELD, ANY_STRING } = fields;
const { KEY_VALUE_KEY, KEY_VALUE_VALUE } = fields;
const { ABSENT, BOOL, NUMBER, OTHER, STRING } = slotTypes;
const { BYTES, NO_FAULT, WRONG_WIRE_TYPE } = wire;

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

/** Far from where an int32 ends. */
const LARGEST_BASE = 2 ** 30;

/**
 * A value field begins with its tag and length and the tag and length of the string in it: four bytes that are read as one number,
 * all of which follow from the length. A whole number has its first byte in the place of the last of them.
 */
const EMPTY_STRING = KEY_VALUE_VALUE | (2 << 8) | (ANY_STRING << 16);
const BOTH_LENGTHS = (1 << 8) | (1 << 24);
const INT_OF_1_BYTE = KEY_VALUE_VALUE | (2 << 8) | (ANY_INT << 16);
const INT_OF_2_BYTES = KEY_VALUE_VALUE | (3 << 8) | (ANY_INT << 16);

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
   * Reads the KeyValue in `[start, end)` when it has the plain shape that encoders write: a key, then a
   * string or a small whole number. False when it has not; nothing has been read then, and `read` must.
   */
  readPlain(view: DataView, start: number, end: number): boolean {
    if (end - start < 2 || view.getUint8(start) !== KEY_VALUE_KEY) return false;
    const keyStart = start + 2;
    const keyLength = view.getUint8(start + 1);
    const keyEnd = keyStart + keyLength;
    if (keyLength >= 0x80 || keyEnd > end) return false;
    const slot = this.keys.find(view, keyStart, keyEnd);
    return slot < 0 || this.readPlainValue(view, keyEnd, end, slot);
  }

  /** The same for the value field in `[start, end)` of a KeyValue whose key is that of the slot. */
  readPlainValue(view: DataView, start: number, end: number, slot: number): boolean {
    const length = end - start - 2;
    if (length < 2 || length >= 0x80) return false;
    const head = view.getInt32(start, true);
    if (head === EMPTY_STRING + (length - 2) * BOTH_LENGTHS) {
      this.take(slot, STRING);
      this.start[slot] = start + 4;
      this.end[slot] = end;
      return true;
    }
    const shape = head & 0xffffff;
    let value = head >>> 24;
    if (shape === INT_OF_2_BYTES) {
      if (length !== 3 || value < 0x80 || view.getUint8(start + 4) >= 0x80) return false;
      value = (value & 0x7f) | (view.getUint8(start + 4) << 7);
    } else if (shape !== INT_OF_1_BYTE || length !== 2 || value >= 0x80) return false;
    this.take(slot, NUMBER);
    this.number[slot] = value;
    return true;
  }

  private take(slot: number, type: number): void {
    this.state[slot] = this.base + type;
  }

  /** Reads the KeyValue that ends at `end`; a key no rule asks for is stepped over. */
  read(reader: wire.WireReader, end: number): void {
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

  private readValue(reader: wire.WireReader, slot: number, end: number): void {
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
          this.number[slot] = wire.toSignedDouble(reader.hi, reader.lo);
          break;
        case ANY_DOUBLE:
          reader.fixed64(end);
          this.take(slot, NUMBER);
          this.number[slot] = wire.bitsToDouble(reader.hi, reader.lo);
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

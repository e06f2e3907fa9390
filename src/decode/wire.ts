/** Wire types of protobuf. @see https://protobuf.dev/programming-guides/encoding/#structure */
export const VARINT = 0; // int32, int64, uint32, uint64, bool, enum
export const FIXED64 = 1; // fixed64, double
export const BYTES = 2; // string, bytes, messages, packed repeated fields
export const GROUP_START = 3; // deprecated, skipped
export const GROUP_END = 4;
export const FIXED32 = 5; // fixed32, float

/** Why bytes are not the message they claim to be. A number, since faults are ordinary values here. */
export type Fault = number;
export const NO_FAULT: Fault = 0;
export const TRUNCATED: Fault = 1;
export const VARINT_TOO_LONG: Fault = 2;
export const WRONG_WIRE_TYPE: Fault = 3;
export const BAD_FIELD_NUMBER: Fault = 4;
export const BAD_GROUP: Fault = 5;
export const BAD_ID_LENGTH: Fault = 6;
export const TOO_DEEP: Fault = 7;
export const TOO_MANY_BUCKETS: Fault = 8;
export const TOO_MANY_ITEMS: Fault = 9;

/** One sentence per fault, for the error message a sender reads. Index by `Fault`. */
export const FAULT_TEXT: readonly string[] = [
  "no fault",
  "the message ends in the middle of a field",
  "a varint is longer than 10 bytes",
  "a known field has the wrong wire type",
  "a field number is 0 or too large, or a wire type is unknown",
  "a group is not closed",
  "a trace id is not 16 bytes or a span id is not 8 bytes",
  "messages are nested too deep",
  "a histogram has more than 16384 buckets",
  "the request has more than 1000000 resources, scopes, spans, metrics and points",
];

/** Empty ones take two bytes each: 64 MiB of them would be counted for seconds. Of real spans 64 MiB hold fewer. */
export const MAX_ITEMS = 1_000_000;

const MAX_GROUP_DEPTH = 32;

/**
 * A cursor over protobuf bytes, reused from message to message. Every read is checked against the end
 * of the enclosing message. After a fault `pos` stands at the end of the buffer, so that every loop over
 * fields ends by itself, and reads answer 0.
 *
 * 64-bit values are left in `lo` and `hi` (uint32): a double would round them, a BigInt would allocate.
 */
export class WireReader {
  bytes: Uint8Array = new Uint8Array(0);
  /** Of the same bytes: reads words at once. */
  view: DataView = new DataView(new ArrayBuffer(0));
  pos = 0;
  fault: Fault = NO_FAULT;
  /** How many more resources, scopes, spans, metrics and points there may be. */
  itemsLeft = MAX_ITEMS;
  /** Low and high half of the last 64-bit value read, uint32. */
  lo = 0;
  hi = 0;

  /** Starts over at the beginning of `bytes`, which must not change while they are read. */
  reset(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.pos = 0;
    this.fault = NO_FAULT;
    this.itemsLeft = MAX_ITEMS;
  }

  /** Records the first fault and moves to the end. Returns 0, so that a read can return it. */
  fail(fault: Fault): number {
    if (this.fault === NO_FAULT) this.fault = fault;
    this.pos = this.bytes.length;
    this.lo = 0;
    this.hi = 0;
    return 0;
  }

  /** Field number and wire type of the next field as `number * 8 + type`, below 2^32. */
  tag(end: number): number {
    const pos = this.pos;
    if (pos < end) {
      const b = this.bytes[pos]!;
      if (b < 0x80) {
        this.pos = pos + 1;
        return b < 8 ? this.fail(BAD_FIELD_NUMBER) : b;
      }
    }
    return this.longTag(end);
  }

  /** A tag of two bytes or more. It must not be cut to 32 bits: another field would be read instead. */
  private longTag(end: number): number {
    const bytes = this.bytes;
    let pos = this.pos;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (pos >= end) return this.fail(TRUNCATED);
      const b = bytes[pos++]!;
      if (shift === 28 && b > 0x0f) return this.fail(BAD_FIELD_NUMBER);
      value |= (b & 0x7f) << shift;
      if (b < 0x80) {
        this.pos = pos;
        value >>>= 0;
        return value < 8 ? this.fail(BAD_FIELD_NUMBER) : value;
      }
    }
    return this.fail(BAD_FIELD_NUMBER);
  }

  /** The low 32 bits of a varint, unsigned. */
  varint32(end: number): number {
    const bytes = this.bytes;
    let pos = this.pos;
    let value = 0;
    // Four bytes of seven bits stay within 28 bits, so shifts cannot overflow; the fifth is added apart.
    for (let shift = 0; shift < 28; shift += 7) {
      if (pos >= end) return this.fail(TRUNCATED);
      const b = bytes[pos++]!;
      value |= (b & 0x7f) << shift;
      if (b < 0x80) {
        this.pos = pos;
        return value;
      }
    }
    if (pos >= end) return this.fail(TRUNCATED);
    let b = bytes[pos++]!;
    value = (value | ((b & 0x0f) << 28)) >>> 0;
    for (let more = 0; b >= 0x80; more++) {
      if (more === 5) return this.fail(VARINT_TOO_LONG);
      if (pos >= end) return this.fail(TRUNCATED);
      b = bytes[pos++]!;
    }
    this.pos = pos;
    return value;
  }

  /** A 64-bit varint into `lo` and `hi`. */
  varint64(end: number): void {
    const bytes = this.bytes;
    let pos = this.pos;
    let lo = 0;
    let hi = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (pos >= end) {
        this.fail(TRUNCATED);
        return;
      }
      const b = bytes[pos++]!;
      const bits = b & 0x7f;
      if (shift < 28) lo |= bits << shift;
      else if (shift === 28) {
        lo |= bits << 28;
        hi = bits >>> 4;
      } else if (shift < 63) hi |= bits << (shift - 32);
      else hi |= (bits & 1) << 31;
      if (b < 0x80) {
        this.pos = pos;
        this.lo = lo >>> 0;
        this.hi = hi >>> 0;
        return;
      }
    }
    this.fail(VARINT_TOO_LONG);
  }

  /** Reads a length and answers where that many bytes end; never beyond `end`. */
  lengthEnd(end: number): number {
    const bytes = this.bytes;
    const pos = this.pos;
    let length = 0;
    if (pos < end && bytes[pos]! < 0x80) {
      length = bytes[pos]!;
      this.pos = pos + 1;
    } else if (pos + 1 < end && bytes[pos + 1]! < 0x80) {
      length = (bytes[pos]! & 0x7f) | (bytes[pos + 1]! << 7);
      this.pos = pos + 2;
    } else {
      // A length with more than 32 bits must not wrap around to a short one.
      this.varint64(end);
      if (this.fault !== NO_FAULT) return this.pos;
      if (this.hi !== 0) {
        this.fail(TRUNCATED);
        return this.pos;
      }
      length = this.lo;
    }
    const stop = this.pos + length;
    if (stop > end) {
      this.fail(TRUNCATED);
      return this.pos;
    }
    return stop;
  }

  /** Eight little-endian bytes into `lo` and `hi`. */
  fixed64(end: number): void {
    const pos = this.pos;
    if (pos + 8 > end) {
      this.fail(TRUNCATED);
      return;
    }
    this.lo = this.view.getUint32(pos, true);
    this.hi = this.view.getUint32(pos + 4, true);
    this.pos = pos + 8;
  }

  /** Steps over the value of a field that is not wanted. */
  skip(tag: number, end: number): void {
    switch (tag & 7) {
      case VARINT: {
        const bytes = this.bytes;
        let pos = this.pos;
        const stop = Math.min(end, pos + 10);
        while (pos < stop && bytes[pos]! >= 0x80) pos++;
        if (pos >= stop) this.fail(pos >= end ? TRUNCATED : VARINT_TOO_LONG);
        else this.pos = pos + 1;
        return;
      }
      case FIXED64:
        if (this.pos + 8 > end) this.fail(TRUNCATED);
        else this.pos += 8;
        return;
      case BYTES:
        this.pos = this.lengthEnd(end);
        return;
      case FIXED32:
        if (this.pos + 4 > end) this.fail(TRUNCATED);
        else this.pos += 4;
        return;
      case GROUP_START:
        this.skipGroup(tag >>> 3, end);
        return;
      default:
        this.fail(BAD_FIELD_NUMBER);
    }
  }

  private skipGroup(number: number, end: number): void {
    // Iterative with a depth count: hostile nesting must not overflow the stack.
    let depth = 1;
    const open = [number];
    while (depth > 0) {
      if (this.pos >= end) {
        this.fail(BAD_GROUP);
        return;
      }
      const tag = this.tag(end);
      if (this.fault !== NO_FAULT) return;
      const type = tag & 7;
      if (type === GROUP_START) {
        if (++depth > MAX_GROUP_DEPTH) {
          this.fail(TOO_DEEP);
          return;
        }
        open.push(tag >>> 3);
      } else if (type === GROUP_END) {
        if (open.pop() !== tag >>> 3) {
          this.fail(BAD_GROUP);
          return;
        }
        depth--;
      } else this.skip(tag, end);
    }
  }
}

/** Both halves as one double: exact below 2^53. */
export function toDouble(hi: number, lo: number): number {
  return hi * 4294967296 + lo;
}

/** Both halves of a two's-complement int64 as a double: exact between -2^53 and 2^53. */
export function toSignedDouble(hi: number, lo: number): number {
  return (hi | 0) * 4294967296 + lo;
}

const f64 = new Float64Array(1);
const u32 = new Uint32Array(f64.buffer);

/** The IEEE 754 double of these bits. */
export function bitsToDouble(hi: number, lo: number): number {
  u32[0] = lo;
  u32[1] = hi;
  return f64[0]!;
}

/**
 * Whole seconds in a 64-bit count of nanoseconds, exact: as a double the count is rounded to 256 ns,
 * which would move spans that end just before a second into the next one.
 */
export function nanosToSecond(hi: number, lo: number): number {
  let q = Math.floor((hi * 4294967296 + lo) / 1e9);
  // The quotient is off by one at most, so the remainder fits an int32 and its low 32 bits tell all.
  const r = (lo - Math.imul(q, 1_000_000_000)) | 0;
  if (r < 0) q--;
  else if (r >= 1_000_000_000) q++;
  return q;
}

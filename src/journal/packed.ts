import { EngineError } from "../model/errors.ts";

/**
 * Numbers, rows and texts packed into bytes. Counts are integers in 1/256 units, mostly small or multiples of 256,
 * and squares of weights are multiples of 1/65536: all of them become integers of variable length. Anything else
 * is stored as the eight bytes of its double; everything comes back to the last bit.
 *
 * A number is one varint: two bits say what the rest is.
 */
const PLAIN = 0; // rest 0: a double follows; rest n: a run of n zeros in a row
const INTEGER = 1;
const REQUESTS = 2; // times 256
const SQUARES = 3; // divided by 65536
const KINDS = 4;

/** Forms of a column. */
const SAME = 0;
const WORDS = 1;
const DOUBLES = 2;

const REQUEST_UNITS = 256;
const SQUARE_UNITS = 65_536;
/** Beyond this an integer times 8 (sign, kind) is not exact any more. */
const LARGEST = 2 ** 50;

/** Larger buffers are not kept for the next use. */
const KEPT_BYTES = 4 * 1024 * 1024;

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder("utf-8", { fatal: true });

/** Bytes that grow. Nothing is allocated per value. */
export class PackedWriter {
  length = 0;
  private buffer: Uint8Array;
  private view: DataView;

  constructor(firstBytes = 4096) {
    this.buffer = new Uint8Array(firstBytes);
    this.view = new DataView(this.buffer.buffer);
  }

  /** What was written so far; valid until the next call of a method. */
  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  /** Empty again; a buffer that has grown very large is given back. */
  clear(): void {
    this.length = 0;
    if (this.buffer.length <= KEPT_BYTES) return;
    this.buffer = new Uint8Array(KEPT_BYTES);
    this.view = new DataView(this.buffer.buffer);
  }

  byte(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  /** @param value integer from 0 to 2^53 - 1 */
  varint(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.buffer[this.length++] = (rest % 0x80) | 0x80;
      rest = rest < 0x8000_0000 ? rest >>> 7 : Math.floor(rest / 0x80);
    }
    this.buffer[this.length++] = rest;
  }

  uint32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.length, value, true);
    this.length += 4;
  }

  double(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  /** Any double. */
  number(value: number): void {
    if (Number.isInteger(value)) {
      const requests = value / REQUEST_UNITS;
      if (value === 0 ? Object.is(value, 0) : Math.abs(value) < LARGEST) {
        const whole = value !== 0 && Number.isInteger(requests);
        this.integer(whole ? requests : value, whole ? REQUESTS : INTEGER);
        return;
      }
    } else {
      const squares = value * SQUARE_UNITS;
      if (Number.isInteger(squares) && Math.abs(squares) < LARGEST) {
        this.integer(squares, SQUARES);
        return;
      }
    }
    this.varint(PLAIN);
    this.double(value);
  }

  /** A row of any doubles; runs of zeros take a byte or two. */
  numbers(row: Float64Array): void {
    this.varint(row.length);
    for (let i = 0; i < row.length; ) {
      let zeros = 0;
      while (i + zeros < row.length && Object.is(row[i + zeros], 0)) zeros++;
      if (zeros > 0) this.varint(zeros * KINDS + PLAIN);
      else this.number(row[i]!);
      i += Math.max(1, zeros);
    }
  }

  /** So many words of four bytes each, as this machine has them. */
  words(values: Int32Array, count: number): void {
    this.raw(new Uint8Array(values.buffer, values.byteOffset, 4 * count));
  }

  /**
   * `count` doubles, every `stride`th from `first`, in one of three forms, the smallest that holds all of them to the last
   * bit: one for all, four bytes each, eight bytes each.
   */
  column(values: Float64Array, first: number, stride: number, count: number): void {
    let isSame = true;
    let areWords = true;
    for (let i = 0; i < count; i++) {
      const value = values[first + i * stride]!;
      isSame &&= Object.is(value, values[first]!);
      areWords &&= Object.is(value, value >>> 0);
    }
    this.byte(isSame ? SAME : areWords ? WORDS : DOUBLES);
    this.reserve(8 * count);
    const { view } = this;
    const written = isSame ? Math.min(count, 1) : count;
    for (let i = 0; i < written; i++) {
      const value = values[first + i * stride]!;
      if (!isSame && areWords) view.setUint32(this.length + 4 * i, value, true);
      else view.setFloat64(this.length + 8 * i, value, true);
    }
    this.length += written * (!isSame && areWords ? 4 : 8);
  }

  blob(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** Without a length. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  text(value: string): void {
    this.blob(ENCODER.encode(value));
  }

  private integer(value: number, kind: number): void {
    this.varint((value < 0 ? -value * 2 - 1 : value * 2) * KINDS + kind);
  }

  private reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(needed, this.buffer.length * 2));
    larger.set(this.buffer);
    this.buffer = larger;
    this.view = new DataView(larger.buffer);
  }
}

/** Reads what `PackedWriter` wrote. Every read is checked: bytes that are not that are a STATE_UNUSABLE. */
export class PackedReader {
  at: number;
  readonly end: number;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.at === this.end;
  }

  byte(): number {
    this.need(1);
    return this.bytes[this.at++]!;
  }

  /** Most are small: a start reads millions of them. */
  varint(): number {
    const { bytes, end } = this;
    let value = 0;
    let at = this.at;
    for (let shift = 0; shift < 28 && at < end; shift += 7) {
      const byte = bytes[at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.at = at;
        return value;
      }
    }
    for (let scale = 2 ** 28; scale < 2 ** 56 && at < end; scale *= 0x80) {
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.at = at;
        return value;
      }
    }
    throw damaged(at < end ? "a number has no end" : "it ends too early");
  }

  /** A number of things that follow, a byte each at least: garbage must not ask for all memory. */
  length(): number {
    const length = this.varint();
    this.need(length);
    return length;
  }

  uint32(): number {
    this.need(4);
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }

  double(): number {
    this.need(8);
    this.at += 8;
    return this.view.getFloat64(this.at - 8, true);
  }

  number(): number {
    return this.numberOf(this.varint());
  }

  /** In place. @throws RangeError when the stored row has another length */
  numbers(row: Float64Array): void {
    const length = this.varint();
    if (length !== row.length) {
      throw new RangeError(`a row of ${row.length} numbers is stored with ${length}`);
    }
    for (let i = 0; i < length; ) {
      const head = this.varint();
      const zeros = head % KINDS === PLAIN ? Math.floor(head / KINDS) : 0;
      if (zeros > length - i) throw damaged("a row is longer than it says");
      if (zeros === 0) row[i] = this.numberOf(head);
      else row.fill(0, i, i + zeros);
      i += Math.max(1, zeros);
    }
  }

  words(into: Int32Array, count: number): void {
    this.need(4 * count);
    const bytes = this.bytes.subarray(this.at, this.at + 4 * count);
    new Uint8Array(into.buffer, into.byteOffset, 4 * count).set(bytes);
    this.at += 4 * count;
  }

  /** In place. */
  column(into: Float64Array, first: number, stride: number, count: number): void {
    const form = this.byte();
    if (form > DOUBLES) throw damaged(`a column of an unknown form (${form})`);
    const width = form === WORDS ? 4 : 8;
    const bytes = width * (form === SAME ? Math.min(count, 1) : count);
    this.need(bytes);
    for (let i = 0; i < count; i++) {
      const at = this.at + (form === SAME ? 0 : i * width);
      into[first + i * stride] =
        width === 4 ? this.view.getUint32(at, true) : this.view.getFloat64(at, true);
    }
    this.at += bytes;
  }

  /** A view of the bytes, not a copy. */
  blob(): Uint8Array {
    const length = this.varint();
    this.need(length);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** Another reader that stands where this one stands. */
  again(): PackedReader {
    return new PackedReader(this.bytes, this.at, this.end);
  }

  /** A reader of the blob's bytes alone. */
  inner(): PackedReader {
    const length = this.varint();
    this.need(length);
    this.at += length;
    return new PackedReader(this.bytes, this.at - length, this.at);
  }

  text(): string {
    try {
      return DECODER.decode(this.blob());
    } catch (error) {
      if (error instanceof EngineError) throw error;
      throw damaged("a text is not UTF-8");
    }
  }

  private numberOf(head: number): number {
    const kind = head % KINDS;
    const folded = head < 2 ** 31 ? head >>> 2 : Math.floor(head / KINDS);
    if (kind === PLAIN) {
      if (folded !== 0) throw damaged("a run of zeros stands where one number is expected");
      return this.double();
    }
    const value = folded % 2 === 0 ? folded / 2 : -(folded + 1) / 2;
    if (kind === INTEGER) return value;
    return kind === REQUESTS ? value * REQUEST_UNITS : value / SQUARE_UNITS;
  }

  private need(bytes: number): void {
    if (bytes > this.end - this.at) throw damaged("it ends too early");
  }
}

export function damaged(what: string): EngineError {
  return new EngineError("STATE_UNUSABLE", `stored state is damaged: ${what}`);
}

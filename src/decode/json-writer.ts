import type { Field, FieldType, Message } from "./json-schema.ts";
import { BYTES, FIXED32, FIXED64, VARINT } from "./wire.ts";

const MAX_DEPTH = 64;
/** Lengths are written after their content: five bytes are kept for each, and given back when fewer do. */
const LENGTH_BYTES = 5;
/** Tag and value of the longest field that is not a string: an id of 16 bytes. */
const LONGEST_SCALAR = 40;
const HEX_TEXT = /^(?:[0-9a-fA-F]{2}){0,16}$/;
const DOUBLE_TEXT = /^-?(?:Infinity|\d{1,400}(?:\.\d{1,400})?(?:[eE][-+]?\d{1,5})?)$|^NaN$/;

const WIRE_TYPE: Readonly<Record<string, number>> = {
  string: BYTES,
  hex: BYTES,
  base64: BYTES,
  double: FIXED64,
  fixed64: FIXED64,
  sfixed64: FIXED64,
  fixed32: FIXED32,
};

/** Writes JSON values as protobuf by a `Message` table. Methods answer null, or what is wrong and where. */
export class JsonWriter {
  private bytes: Uint8Array;
  private view: DataView;
  private pos = 0;
  private readonly encoder = new TextEncoder();

  constructor(expectedLength: number) {
    this.bytes = new Uint8Array(Math.max(256, expectedLength));
    this.view = new DataView(this.bytes.buffer);
  }

  finished(): Uint8Array {
    return this.bytes.subarray(0, this.pos);
  }

  message(message: Message, value: unknown, path: string, depth: number): string | null {
    if (depth > MAX_DEPTH) return `${path}: nested deeper than ${MAX_DEPTH} messages`;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return `${path}: must be an object (${message.name}), found ${shown(value)}`;
    }
    for (const key in message.fields) {
      const field = message.fields[key]!;
      const found = (value as Record<string, unknown>)[key];
      if (found === undefined || found === null || !Object.hasOwn(value, key)) continue;
      const problem = this.field(field, found, `${path}.${key}`, depth);
      if (problem !== null) return problem;
    }
    return null;
  }

  private field(field: Field, value: unknown, path: string, depth: number): string | null {
    if (field.repeated !== true) return this.single(field, value, path, depth);
    if (!Array.isArray(value)) return `${path}: must be an array, found ${shown(value)}`;
    for (let i = 0; i < value.length; i++) {
      const problem = this.single(field, value[i], `${path}[${i}]`, depth);
      if (problem !== null) return problem;
    }
    return null;
  }

  private single(field: Field, value: unknown, path: string, depth: number): string | null {
    const type = field.type;
    this.room(LONGEST_SCALAR);
    if (typeof type === "object") {
      this.varint(field.number * 8 + BYTES);
      const lengthAt = this.pos;
      this.pos += LENGTH_BYTES;
      const problem = this.message(type, value, path, depth + 1);
      this.lengthAt(lengthAt);
      return problem;
    }
    this.varint(field.number * 8 + (WIRE_TYPE[type] ?? VARINT));
    return this.scalar(type, value, path);
  }

  private scalar(type: Exclude<FieldType, Message>, value: unknown, path: string): string | null {
    switch (type) {
      case "string":
        if (typeof value !== "string") return `${path}: must be a string, found ${shown(value)}`;
        this.text(value);
        return null;
      case "hex":
        return this.hex(value, path);
      case "base64":
        // No rule can read bytes values; their text tells one series from another as well.
        if (typeof value !== "string") return `${path}: must be a string, found ${shown(value)}`;
        this.text(value);
        return null;
      case "bool":
        if (typeof value !== "boolean")
          return `${path}: must be true or false, found ${shown(value)}`;
        this.varint(value ? 1 : 0);
        return null;
      case "double":
        return this.double(value, path);
      default:
        return this.integer(type, value, path);
    }
  }

  private double(value: unknown, path: string): string | null {
    // Numbers may come as strings: the JSON mapping of protobuf has no other way to write infinity.
    const number = typeof value === "string" && DOUBLE_TEXT.test(value) ? Number(value) : value;
    if (typeof number !== "number") return `${path}: must be a number, found ${shown(value)}`;
    this.view.setFloat64(this.pos, number, true);
    this.pos += 8;
    return null;
  }

  private integer(type: string, value: unknown, path: string): string | null {
    if (type === "enum" && typeof value !== "number") {
      return `${path}: must be the enum's integer (OTLP/JSON does not use names), found ${shown(value)}`;
    }
    const text = typeof value === "number" ? String(value) : value;
    if (typeof text !== "string" || !/^-?\d{1,20}$/.test(text)) {
      return `${path}: must be a whole number, found ${shown(value)}`;
    }
    const whole = BigInt(text);
    const signed = type === "int64" || type === "sfixed64" || type === "sint32" || type === "enum";
    const bits = type === "sint32" || type === "uint32" || type === "enum" ? 32 : 64;
    const fits = signed ? BigInt.asIntN(bits, whole) : BigInt.asUintN(bits, whole);
    if (fits !== whole) return `${path}: does not fit ${type}, found ${shown(value)}`;
    if (type === "fixed64" || type === "sfixed64") {
      this.view.setBigUint64(this.pos, BigInt.asUintN(64, whole), true);
      this.pos += 8;
    } else if (type === "sint32") {
      const number = Number(whole);
      this.varint(((number << 1) ^ (number >> 31)) >>> 0);
    } else this.bigVarint(BigInt.asUintN(64, whole));
    return null;
  }

  private hex(value: unknown, path: string): string | null {
    // The longest id has 32 digits; a longer one is looked at no further.
    if (typeof value !== "string" || !HEX_TEXT.test(value)) {
      return `${path}: must be an id in hex digits, found ${shown(value)}`;
    }
    this.varint(value.length / 2);
    for (let i = 0; i < value.length; i += 2) {
      this.bytes[this.pos++] = Number.parseInt(value.slice(i, i + 2), 16);
    }
    return null;
  }

  private text(value: string): void {
    // Up to three bytes of UTF-8 for each UTF-16 unit.
    this.room(LENGTH_BYTES + value.length * 3);
    const lengthAt = this.pos;
    this.pos += LENGTH_BYTES;
    this.pos += this.encoder.encodeInto(value, this.bytes.subarray(this.pos)).written;
    this.lengthAt(lengthAt);
  }

  /**
   * Fills in the length of what was written since `at`. It takes as few bytes as any encoder uses, so that
   * a series has one identity in both encodings.
   */
  private lengthAt(at: number): void {
    const start = at + LENGTH_BYTES;
    const end = this.pos;
    this.pos = at;
    this.varint(end - start);
    this.bytes.copyWithin(this.pos, start, end);
    this.pos += end - start;
  }

  private varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.pos++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.pos++] = rest;
  }

  private bigVarint(value: bigint): void {
    let rest = value;
    while (rest >= 0x80n) {
      this.bytes[this.pos++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.bytes[this.pos++] = Number(rest);
  }

  private room(more: number): void {
    if (this.pos + more + 16 <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.pos + more + 16));
    larger.set(this.bytes);
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }
}

/** Short, whatever the value: it may be as deep or as long as a request can be. */
function shown(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  }
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

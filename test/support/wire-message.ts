/**
 * Protobuf messages spelled out field by field, so that a test can say exactly which bytes it means: in any order, with
 * unknown fields, packed or not.
 */
export interface WireField {
  readonly number: number;
  readonly value: WireValue;
}

type WireValue =
  | { readonly varint: bigint }
  | { readonly fixed64: bigint }
  | { readonly double: number }
  | { readonly fixed32: number }
  | { readonly bytes: Uint8Array }
  | { readonly message: readonly WireField[] };

/** An integer as a varint; negative ones as int64 do. */
export const varint = (number: number, value: number | bigint): WireField => ({
  number,
  value: { varint: BigInt.asUintN(64, BigInt(value)) },
});
/** A sint32. */
export const zigzag = (number: number, value: number): WireField =>
  varint(number, ((value << 1) ^ (value >> 31)) >>> 0);
export const fixed64 = (number: number, value: number | bigint): WireField => ({
  number,
  value: { fixed64: BigInt.asUintN(64, BigInt(value)) },
});
export const fixed32 = (number: number, value: number): WireField => ({
  number,
  value: { fixed32: value },
});
export const double = (number: number, value: number): WireField => ({
  number,
  value: { double: value },
});
export const bytes = (number: number, value: Uint8Array): WireField => ({
  number,
  value: { bytes: value },
});
export const text = (number: number, value: string): WireField =>
  bytes(number, new TextEncoder().encode(value));
export const message = (number: number, fields: readonly WireField[]): WireField => ({
  number,
  value: { message: fields },
});
/** A packed repeated field of fixed64, double or varint values. */
export const packed = (number: number, fields: readonly WireField[]): WireField =>
  bytes(number, Uint8Array.from(fields.flatMap((field) => [...valueBytes(field.value, 0)])));

/** @param padding bytes more than needed for every tag, length and varint (up to 10, tags up to 5 in all) */
export function encode(fields: readonly WireField[], padding = 0): Uint8Array {
  // Not a Buffer: that is another type to a test that compares.
  return Uint8Array.from(fieldsBytes(fields, padding));
}

/** The same message with every level's fields rearranged. */
export function rearranged(
  fields: readonly WireField[],
  arrange: (fields: readonly WireField[]) => readonly WireField[],
): WireField[] {
  return arrange(fields).map((field) =>
    "message" in field.value
      ? message(field.number, rearranged(field.value.message, arrange))
      : field,
  );
}

/** Fields that no OTLP message has, one of every wire type, groups included. */
export const UNKNOWN_FIELDS: readonly WireField[] = [
  varint(1999, 2n ** 64n - 1n),
  fixed64(2000, 77),
  text(2001, "nobody knows this"),
  fixed32(2002, 5),
  text(536_870_911, "the largest field number"),
];

/** Varint bytes, with `padding` bytes more than needed. */
export function varintBytes(value: bigint, padding = 0): number[] {
  const result: number[] = [];
  let rest = value;
  do {
    result.push(Number(rest & 0x7fn));
    rest >>= 7n;
  } while (rest > 0n);
  for (let i = 0; i < padding; i++) result.push(0);
  return result.map((b, i) => (i < result.length - 1 ? b | 0x80 : b));
}

function fieldsBytes(fields: readonly WireField[], padding: number): Uint8Array {
  const parts = fields.flatMap((field) => {
    const number = BigInt(field.number) * 8n + BigInt(wireType(field.value));
    const tag = varintBytes(number, Math.min(padding, 5 - varintBytes(number).length));
    const value = valueBytes(field.value, padding);
    const isLong = "bytes" in field.value || "message" in field.value;
    const length = isLong ? varintBytes(BigInt(value.length), padding) : [];
    return [Uint8Array.from([...tag, ...length]), value];
  });
  return Buffer.concat(parts);
}

function wireType(value: WireValue): number {
  if ("varint" in value) return 0;
  if ("fixed64" in value || "double" in value) return 1;
  return "fixed32" in value ? 5 : 2;
}

function valueBytes(value: WireValue, padding: number): Uint8Array {
  if ("varint" in value) {
    const bytes = varintBytes(value.varint);
    return Uint8Array.from(varintBytes(value.varint, Math.min(padding, 10 - bytes.length)));
  }
  if ("bytes" in value) return value.bytes;
  if ("message" in value) return fieldsBytes(value.message, padding);
  const view = new DataView(new ArrayBuffer(8));
  if ("fixed32" in value) {
    view.setUint32(0, value.fixed32, true);
    return new Uint8Array(view.buffer, 0, 4);
  }
  if ("fixed64" in value) view.setBigUint64(0, value.fixed64, true);
  else view.setFloat64(0, value.double, true);
  return new Uint8Array(view.buffer);
}

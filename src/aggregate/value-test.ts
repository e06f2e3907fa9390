import { type AttributeSlots, equalBytes } from "../decode/attributes.ts";
import { BOOL, NUMBER, OTHER, STRING } from "../decode/slot-types.ts";
import type { ValueTest } from "../model/matcher.ts";

interface Values {
  readonly strings: readonly Uint8Array[];
  /** Bit n is set when some string has a length of n modulo 32: most others are told by that. */
  readonly lengths: number;
  readonly numbers: readonly number[];
  readonly bools: readonly number[];
}

/**
 * A `ValueTest` made ready for wire bytes, once per rule: strings are encoded, texts and numbers stand for
 * each other. Its methods allocate nothing. A class, so that every rule runs the same compiled code.
 */
export class CompiledTest {
  /** What an absent attribute is: only for tests that ask for absence or for "none of these", and nothing more. */
  readonly absentPasses: boolean;
  private readonly within: Values | null;
  private readonly without: Values | null;
  private readonly prefix: Uint8Array | null;
  private readonly suffix: Uint8Array | null;
  private readonly contains: Uint8Array | null;
  private readonly isTextual: boolean;
  private readonly isNumeric: boolean;
  private readonly presentFails: boolean;
  /** Bounds, NaN where there is none. */
  private readonly gt: number;
  private readonly gte: number;
  private readonly lt: number;
  private readonly lte: number;

  constructor(test: ValueTest) {
    const encoder = new TextEncoder();
    const part = (text: string | undefined) => (text === undefined ? null : encoder.encode(text));
    this.within = test.in === undefined ? null : valuesOf(test.in, encoder);
    this.without = test.notIn === undefined ? null : valuesOf(test.notIn, encoder);
    this.prefix = part(test.prefix);
    this.suffix = part(test.suffix);
    this.contains = part(test.contains);
    this.isTextual = this.prefix !== null || this.suffix !== null || this.contains !== null;
    this.gt = test.gt ?? Number.NaN;
    this.gte = test.gte ?? Number.NaN;
    this.lt = test.lt ?? Number.NaN;
    this.lte = test.lte ?? Number.NaN;
    this.isNumeric = [test.gt, test.gte, test.lt, test.lte].some((bound) => bound !== undefined);
    this.presentFails = test.exists === false;
    this.absentPasses =
      this.within === null &&
      !this.isTextual &&
      !this.isNumeric &&
      (test.exists === false || (this.without !== null && test.exists === undefined));
  }

  /** Of an attribute. */
  slot(slots: AttributeSlots, index: number, bytes: Uint8Array): boolean {
    switch (slots.typeOf(index)) {
      case STRING:
        return this.range(bytes, slots.start[index]!, slots.end[index]!);
      case NUMBER:
        return this.number(slots.number[index]!);
      case BOOL:
        return this.bool(slots.number[index]!);
      case OTHER:
        return !this.presentFails && this.within === null && !this.isTextual && !this.isNumeric;
      default:
        return this.absentPasses;
    }
  }

  /** Of a string in `bytes[start..end)`, also one that is no attribute, such as a name. */
  range(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.presentFails) return false;
    if (this.within !== null && !hasString(this.within, bytes, start, end)) return false;
    if (this.without !== null && hasString(this.without, bytes, start, end)) return false;
    if (this.isTextual && !this.hasParts(bytes, start, end)) return false;
    return !this.isNumeric || this.isInBounds(parseDecimal(bytes, start, end));
  }

  number(value: number): boolean {
    if (this.presentFails || this.isTextual) return false;
    if (this.within !== null && !this.within.numbers.includes(value)) return false;
    if (this.without?.numbers.includes(value) === true) return false;
    return !this.isNumeric || this.isInBounds(value);
  }

  private bool(value: number): boolean {
    if (this.presentFails || this.isTextual || this.isNumeric) return false;
    if (this.within !== null && !this.within.bools.includes(value)) return false;
    return this.without === null || !this.without.bools.includes(value);
  }

  private hasParts(bytes: Uint8Array, start: number, end: number): boolean {
    const { prefix, suffix, contains } = this;
    if (prefix !== null && !matchesAt(bytes, start, end, prefix)) return false;
    if (suffix !== null && !matchesAt(bytes, end - suffix.length, end, suffix, start)) return false;
    return contains === null || containsBytes(bytes, start, end, contains);
  }

  private isInBounds(value: number): boolean {
    // A comparison with NaN is false: a bound that is not there fails nobody, a value that is none fails all.
    if (value <= this.gt || value < this.gte || value >= this.lt || value > this.lte) return false;
    return !Number.isNaN(value);
  }
}

function valuesOf(
  scalars: readonly (string | number | boolean)[],
  encoder: InstanceType<typeof TextEncoder>,
): Values {
  const strings: Uint8Array[] = [];
  const numbers: number[] = [];
  const bools: number[] = [];
  for (const scalar of scalars) {
    strings.push(encoder.encode(String(scalar)));
    if (typeof scalar === "number") numbers.push(scalar);
    if (typeof scalar === "boolean") bools.push(scalar ? 1 : 0);
    if (typeof scalar === "string") {
      // "500" written as text also means the int attribute 500; "0500" or "1e3" do not.
      if (scalar !== "" && String(Number(scalar)) === scalar) numbers.push(Number(scalar));
      if (scalar === "true" || scalar === "false") bools.push(scalar === "true" ? 1 : 0);
    }
  }
  const lengths = strings.reduce((mask, text) => mask | (1 << (text.length & 31)), 0);
  return { strings, lengths, numbers, bools };
}

function hasString(values: Values, bytes: Uint8Array, start: number, end: number): boolean {
  if (((values.lengths >>> ((end - start) & 31)) & 1) === 0) return false;
  const strings = values.strings;
  for (let i = 0; i < strings.length; i++) {
    if (equalBytes(bytes, start, end, strings[i]!)) return true;
  }
  return false;
}

function matchesAt(
  bytes: Uint8Array,
  at: number,
  end: number,
  part: Uint8Array,
  from: number = at,
): boolean {
  if (at < from || at + part.length > end) return false;
  for (let i = 0; i < part.length; i++) if (bytes[at + i] !== part[i]) return false;
  return true;
}

function containsBytes(bytes: Uint8Array, start: number, end: number, part: Uint8Array): boolean {
  for (let at = start; at + part.length <= end; at++) {
    if (matchesAt(bytes, at, end, part)) return true;
  }
  return false;
}

const EXACT_DIGITS = 15;
const LONGEST_DIGITS = 40;

/** A plain decimal such as "503", "-1" or "0.25"; NaN for anything else (also exponents and blanks). */
export function parseDecimal(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  const negative = at < end && bytes[at] === 0x2d;
  if (negative) at++;
  let value = 0;
  let digits = 0;
  let scale = 0;
  for (; at < end; at++) {
    const b = bytes[at]!;
    if (b === 0x2e && scale === 0) scale = 1;
    else if (b >= 0x30 && b <= 0x39) {
      digits++;
      // A double has no place for more; 0.30000000000000004 is still a number.
      if (scale > 0 && digits > EXACT_DIGITS) continue;
      value = value * 10 + (b - 0x30);
      if (scale > 0) scale *= 10;
    } else return Number.NaN;
    if (digits > LONGEST_DIGITS) return Number.NaN;
  }
  if (digits === 0) return Number.NaN;
  if (scale > 1) value /= scale;
  return negative ? -value : value;
}

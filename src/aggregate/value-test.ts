import {
  ABSENT,
  type AttributeSlots,
  BOOL,
  equalBytes,
  NUMBER,
  OTHER,
  STRING,
} from "../decode/attributes.ts";
import type { ValueTest } from "../model/matcher.ts";

/** A `ValueTest` made ready for wire bytes: strings are encoded, texts and numbers stand for each other. */
export interface CompiledTest {
  slot(slots: AttributeSlots, slot: number, bytes: Uint8Array): boolean;
  /** The same for a string field of the message itself, such as a name. */
  range(bytes: Uint8Array, start: number, end: number): boolean;
  number(value: number): boolean;
}

interface Values {
  readonly strings: readonly Uint8Array[];
  readonly numbers: readonly number[];
  readonly bools: readonly number[];
}

/** Compiles once per rule; the result allocates nothing. */
export function compileTest(test: ValueTest): CompiledTest {
  const encoder = new TextEncoder();
  const within = test.in === undefined ? null : valuesOf(test.in, encoder);
  const without = test.notIn === undefined ? null : valuesOf(test.notIn, encoder);
  const prefix = test.prefix === undefined ? null : encoder.encode(test.prefix);
  const suffix = test.suffix === undefined ? null : encoder.encode(test.suffix);
  const contains = test.contains === undefined ? null : encoder.encode(test.contains);
  const textual = prefix !== null || suffix !== null || contains !== null;
  const { gt, gte, lt, lte } = test;
  const numeric = gt !== undefined || gte !== undefined || lt !== undefined || lte !== undefined;
  // An absent attribute passes only tests that ask for absence or for "none of these", and nothing more.
  const absentPasses =
    within === null &&
    !textual &&
    !numeric &&
    (test.exists === false || (without !== null && test.exists === undefined));

  function inBounds(value: number): boolean {
    if (Number.isNaN(value)) return false;
    if (gt !== undefined && !(value > gt)) return false;
    if (gte !== undefined && !(value >= gte)) return false;
    if (lt !== undefined && !(value < lt)) return false;
    return lte === undefined || value <= lte;
  }

  function range(bytes: Uint8Array, start: number, end: number): boolean {
    if (test.exists === false) return false;
    if (within !== null && !hasString(within, bytes, start, end)) return false;
    if (without !== null && hasString(without, bytes, start, end)) return false;
    if (prefix !== null && !matchesAt(bytes, start, end, prefix)) return false;
    if (suffix !== null && !matchesAt(bytes, end - suffix.length, end, suffix, start)) return false;
    if (contains !== null && !containsBytes(bytes, start, end, contains)) return false;
    return !numeric || inBounds(parseDecimal(bytes, start, end));
  }

  function number(value: number): boolean {
    if (test.exists === false || textual) return false;
    if (within !== null && !within.numbers.includes(value)) return false;
    if (without?.numbers.includes(value) === true) return false;
    return !numeric || inBounds(value);
  }

  function slot(slots: AttributeSlots, index: number, bytes: Uint8Array): boolean {
    switch (slots.typeOf(index)) {
      case ABSENT:
        return absentPasses;
      case STRING:
        return range(bytes, slots.start[index]!, slots.end[index]!);
      case NUMBER:
        return number(slots.number[index]!);
      case BOOL: {
        if (test.exists === false || textual || numeric) return false;
        if (within !== null && !within.bools.includes(slots.number[index]!)) return false;
        return without === null || !without.bools.includes(slots.number[index]!);
      }
      case OTHER:
        return test.exists !== false && within === null && !textual && !numeric;
      default:
        return false;
    }
  }

  return { slot, range, number };
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
  return { strings, numbers, bools };
}

function hasString(values: Values, bytes: Uint8Array, start: number, end: number): boolean {
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

import { COUNT_UNIT } from "../model/delta.ts";

/** Nobody samples one in 2^32, and sums of such counts would not be exact any more. */
const MAX_UNITS = 2 ** 32 * COUNT_UNIT;
/** Of the threshold, which is a number of 56 bits. */
const DIGITS = 14;

/**
 * How many requests a sampled span stands for, in units of 1/256, from its tracestate's `ot=th:` value:
 * a rejection threshold T of up to 14 hex digits (trailing zeros left out) kept the span with
 * probability 1 - T / 2^56, so it counts 1 / (1 - T / 2^56) times. Anything unreadable counts once.
 *
 * @see https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
 * @returns an integer from COUNT_UNIT to 2^32 x COUNT_UNIT
 */
export function adjustedCount(bytes: Uint8Array, start: number, end: number): number {
  const at = findThreshold(bytes, start, end);
  if (at < 0) return COUNT_UNIT;
  // 56 bits do not fit a double: what is left to 2^56 is added up instead, in two halves of 28 bits.
  let high = 0;
  let low = 0;
  let digits = 0;
  let i = at;
  for (; i < end && !isEndOfValue(bytes[i]!); i++, digits++) {
    const value = hexDigit(bytes[i]!);
    if (value < 0 || digits === DIGITS) return COUNT_UNIT;
    if (digits < 7) high += value * 16 ** (6 - digits);
    else low += value * 16 ** (13 - digits);
  }
  if (digits === 0) return COUNT_UNIT;
  const kept = (2 ** 28 - high) * 2 ** 28 - low;
  return Math.min(MAX_UNITS, Math.round((COUNT_UNIT * 2 ** 56) / kept));
}

function isEndOfValue(b: number): boolean {
  return b === 0x3b /* ; */ || b === 0x2c /* , */ || b === 0x20 || b === 0x09;
}

/** Offset of the hex digits after `th:` in the list member `ot=`, or -1. */
function findThreshold(bytes: Uint8Array, start: number, end: number): number {
  let member = start;
  while (member < end) {
    while (member < end && (bytes[member] === 0x20 || bytes[member] === 0x09)) member++;
    let stop = member;
    while (stop < end && bytes[stop] !== 0x2c /* , */) stop++;
    // "ot="
    if (
      member + 3 <= stop &&
      bytes[member] === 0x6f &&
      bytes[member + 1] === 0x74 &&
      bytes[member + 2] === 0x3d
    ) {
      let field = member + 3;
      while (field < stop) {
        let next = field;
        while (next < stop && bytes[next] !== 0x3b /* ; */) next++;
        // "th:"
        if (
          field + 3 <= next &&
          bytes[field] === 0x74 &&
          bytes[field + 1] === 0x68 &&
          bytes[field + 2] === 0x3a
        ) {
          return field + 3;
        }
        field = next + 1;
      }
      return -1;
    }
    member = stop + 1;
  }
  return -1;
}

function hexDigit(b: number): number {
  if (b >= 0x30 && b <= 0x39) return b - 0x30;
  if (b >= 0x61 && b <= 0x66) return b - 0x57;
  if (b >= 0x41 && b <= 0x46) return b - 0x37;
  return -1;
}

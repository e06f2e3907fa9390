import { DeltaCells, FINGERPRINT_WORDS, type RequestDelta, type Taken } from "../model/delta.ts";
import type { UnixMs } from "../model/time.ts";

/*
 * Deltas of spans as numbers, one after the other: a head of HEAD numbers, then seven columns for each cell. Doubles hold
 * all of them exactly, and one array of them crosses to another process with one copy.
 */

/** The only reasons for which spans of an admitted request do not count. */
const FUTURE = "future";
const TOO_OLD = "too-old";
const HEAD = FINGERPRINT_WORDS + 11;
const COLUMNS = 7;
const FIRST_NUMBERS = 4096;
/** A larger array is given back once it was sent. */
const KEPT_NUMBERS = 1024 * 1024;

/** Deltas that wait to be sent together. */
export class DeltaWriter {
  length = 0;
  private numbers = new Float64Array(FIRST_NUMBERS);

  /** @param request number under which the delta is answered */
  add(request: number, delta: RequestDelta, taken: Taken): void {
    let at = this.length;
    this.length += HEAD + COLUMNS * delta.length;
    if (this.length > this.numbers.length) this.makeRoom();
    const { numbers } = this;
    numbers[at++] = request;
    for (let i = 0; i < FINGERPRINT_WORDS; i++) numbers[at++] = delta.fingerprint[i]!;
    numbers[at++] = delta.receivedAt;
    numbers[at++] = taken.bytes;
    numbers[at++] = taken.spans;
    numbers[at++] = taken.unmatched;
    numbers[at++] = taken.late;
    numbers[at++] = taken.skewed;
    numbers[at++] = taken.unverified;
    numbers[at++] = taken.refused[FUTURE] ?? 0;
    numbers[at++] = taken.refused[TOO_OLD] ?? 0;
    numbers[at++] = delta.length;
    for (let i = 0; i < delta.length; i++) {
      numbers[at++] = delta.slo[i]!;
      numbers[at++] = delta.version[i]!;
      numbers[at++] = delta.second[i]!;
      numbers[at++] = delta.total[i]!;
      numbers[at++] = delta.bad[i]!;
      numbers[at++] = delta.rawBad[i]!;
      numbers[at++] = delta.badSquares[i]!;
    }
  }

  /** All that was added; the next `add` or `clear` may change it. */
  written(): Float64Array {
    return this.numbers.subarray(0, this.length);
  }

  clear(): void {
    this.length = 0;
    if (this.numbers.length > KEPT_NUMBERS) this.numbers = new Float64Array(FIRST_NUMBERS);
  }

  private makeRoom(): void {
    const larger = new Float64Array(this.length * 2);
    larger.set(this.numbers);
    this.numbers = larger;
  }
}

const NOTHING: Taken = {
  bytes: 0,
  spans: 0,
  points: 0,
  unmatched: 0,
  late: 0,
  skewed: 0,
  unverified: 0,
  refused: {},
};

/** A delta that has crossed; its columns are used again by the next `read`. */
export class CrossedDelta extends DeltaCells implements RequestDelta {
  request = 0;
  taken: Taken = NOTHING;
  readonly fingerprint = new Uint32Array(FINGERPRINT_WORDS);
  receivedAt: UnixMs = 0;
  producer: number;

  constructor(producer: number) {
    super();
    this.producer = producer;
  }

  /**
   * @param versionIds id here by the worker's id
   * @returns where the next delta begins
   */
  read(numbers: Float64Array, from: number, versionIds: readonly number[]): number {
    let at = from;
    this.request = numbers[at++]!;
    for (let i = 0; i < FINGERPRINT_WORDS; i++) this.fingerprint[i] = numbers[at++]!;
    this.receivedAt = numbers[at++]!;
    this.taken = {
      bytes: numbers[at++]!,
      spans: numbers[at++]!,
      points: 0,
      unmatched: numbers[at++]!,
      late: numbers[at++]!,
      skewed: numbers[at++]!,
      unverified: numbers[at++]!,
      refused: { [FUTURE]: numbers[at++]!, [TOO_OLD]: numbers[at++]! },
    };
    this.length = numbers[at++]!;
    if (this.length > this.slo.length) this.resize(this.length * 2);
    for (let i = 0; i < this.length; i++) {
      this.slo[i] = numbers[at++]!;
      this.version[i] = versionIds[numbers[at++]!]!;
      this.second[i] = numbers[at++]!;
      this.total[i] = numbers[at++]!;
      this.bad[i] = numbers[at++]!;
      this.rawBad[i] = numbers[at++]!;
      this.badSquares[i] = numbers[at++]!;
    }
    return at;
  }
}

import type { UnixMs } from "./time.ts";

/** Counts are integers in units of 1/256 request, so that adjusted counts of sampled spans add up exactly. */
export const COUNT_UNIT = 256;

/** Ids of versions in deltas that are no names. */
export const NO_VERSION = 0;
export const OTHER_VERSION = 1;
/** Ids that are given to names begin here. */
export const FIRST_VERSION = 2;

/** Of a request: the number of identities in it, and the sum of their 128-bit hashes. */
export const FINGERPRINT_WORDS = 5;

/**
 * What one OTLP request adds: the unit that is admitted or dropped whole. Columns of equal length
 * `length`; the arrays may be longer. Reused by its owner: a receiver of a delta must copy what it keeps.
 */
export interface RequestDelta {
  /** Count and 128-bit sum of the request's identity hash, five uint32: see `aggregate/fingerprint.ts`. */
  readonly fingerprint: Uint32Array;
  /** Stamped by the receiver; the only clock of everything behind it. */
  receivedAt: UnixMs;
  /** Which receiver worker made it; 0 in a single process. */
  producer: number;
  length: number;
  /** Index of the SLO in the rule set `rules` was compiled for. */
  readonly slo: Int32Array;
  /** Index into the version table; NO_VERSION and OTHER_VERSION are no names. */
  readonly version: Int32Array;
  /** Event time, unix seconds. */
  readonly second: Float64Array;
  /** In COUNT_UNIT units. */
  readonly total: Float64Array;
  readonly bad: Float64Array;
  /** Raw number of bad spans, unweighted: the detector's minimum counts these. */
  readonly rawBad: Float64Array;
  /** Sum of squared weights of bad spans, in requests squared (weight 1 each when unsampled). */
  readonly badSquares: Float64Array;
  /** Cumulative series that the request moved on; absent when it moved none and repeats nothing that is in flight. */
  readonly baseLines?: BaseLines | undefined;
}

/** Room that a delta has at first. */
export const FIRST_CELLS = 256;

/** The columns of a delta that is used again and again. */
export class DeltaCells {
  length = 0;
  slo = new Int32Array(FIRST_CELLS);
  version = new Int32Array(FIRST_CELLS);
  second = new Float64Array(FIRST_CELLS);
  total = new Float64Array(FIRST_CELLS);
  bad = new Float64Array(FIRST_CELLS);
  rawBad = new Float64Array(FIRST_CELLS);
  badSquares = new Float64Array(FIRST_CELLS);

  /** Makes room for `cells` cells; the present ones keep their place. */
  protected resize(cells: number): void {
    this.slo = resized(this.slo, new Int32Array(cells));
    this.version = resized(this.version, new Int32Array(cells));
    this.second = resized(this.second, new Float64Array(cells));
    this.total = resized(this.total, new Float64Array(cells));
    this.bad = resized(this.bad, new Float64Array(cells));
    this.rawBad = resized(this.rawBad, new Float64Array(cells));
    this.badSquares = resized(this.badSquares, new Float64Array(cells));
  }
}

function resized<A extends Int32Array | Float64Array>(from: A, into: A): A {
  into.set(from.subarray(0, into.length));
  return into;
}

/** What one request adds to the receiver's counters when it is admitted; items are spans or metric points. */
export interface Taken {
  /** Of the request, as it was handed over. */
  readonly bytes: number;
  readonly spans: number;
  readonly points: number;
  /** Spans of services that no SLO asks for. */
  readonly unmatched: number;
  readonly late: number;
  readonly skewed: number;
  readonly unverified: number;
  /** Items not counted, by reason. */
  readonly refused: Readonly<Record<string, number>>;
}

export const BASE_LINE_WORDS = 4;
export const BASE_LINE_NUMBERS = 4;

/**
 * Last points of cumulative series, which the next point is counted from. Whoever goes on from an admitted delta needs
 * them, or would count what it holds once more.
 */
export interface BaseLines {
  length: number;
  /** Identity of the series and of what reads it: BASE_LINE_WORDS each. */
  readonly key: Int32Array;
  /** Start and time in unix nanoseconds, rounded as doubles are, and up to two values: BASE_LINE_NUMBERS each. */
  readonly numbers: Float64Array;
}

/** Columns with room for `capacity` base lines. */
export function emptyBaseLines(capacity: number): BaseLines {
  return {
    length: 0,
    key: new Int32Array(capacity * BASE_LINE_WORDS),
    numbers: new Float64Array(capacity * BASE_LINE_NUMBERS),
  };
}

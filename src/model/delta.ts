import type { UnixMs } from "./time.ts";

/** Counts are integers in units of 1/256 request, so that adjusted counts of sampled spans add up exactly. */
export const COUNT_UNIT = 256;

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
  /** Index into the version table; 0 is "no version", 1 is "other". */
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
  /** Cumulative series that the request moved on; absent when it moved none. */
  readonly baseLines?: BaseLines | undefined;
}

/** What one request adds to the receiver's counters when it is admitted; items are spans or metric points. */
export interface Taken {
  /** Of the request, as it was handed over. */
  readonly bytes: number;
  readonly spans: number;
  readonly points: number;
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

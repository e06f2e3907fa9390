/** Milliseconds since 1970-01-01T00:00:00Z. */
export type UnixMs = number;
/** Whole seconds since 1970-01-01T00:00:00Z: the resolution at which requests are counted. */
export type UnixSecond = number;
/** A length of time in milliseconds. */
export type DurationMs = number;

export const SECOND: DurationMs = 1_000;
export const MINUTE: DurationMs = 60 * SECOND;
export const HOUR: DurationMs = 60 * MINUTE;
export const DAY: DurationMs = 24 * HOUR;

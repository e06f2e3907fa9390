import type { Override } from "../model/gate.ts";
import type { DurationMs, UnixMs } from "../model/time.ts";
import type { Placement } from "../ports/change-log.ts";
import type { PackedReader, PackedWriter } from "./packed.ts";

/**
 * What this version writes and reads. 1 was the small state.json alone. To be raised with every change of what a record
 * holds, of what a core carries, or of `Slo`.
 */
export const FORMAT = 5;

/**
 * Kinds of records. A frame holds, in this order: the header when it is the file's first, parts of a stored state, deltas
 * with what belongs to them, and the changes that were made meanwhile.
 */
export const HEADER = 1;
/** Parts, each with the numbers of the last change and the last delta that it holds. */
export const SHARED = 2;
export const TRACK = 3;
/** Parts that hold what the records before them say, and may be read again. */
export const SERIES = 4;
export const FINGERPRINTS = 5;
/** A version's name: a part, and before the first delta that uses its id. */
export const VERSION = 6;
/** The file holds every part. */
export const ROUND_DONE = 7;
/** An admitted request: see `delta-record.ts`. */
export const DELTA = 8;
/** Changes, numbered; each says how many deltas had been applied when it was made. */
export const TICKED = 9;
export const PLACED = 10;
export const OVERRIDDEN = 11;
export const STARTED = 12;

/** Appends one record. */
export function writeRecord(out: PackedWriter, kind: number, body: PackedWriter): void {
  out.byte(kind);
  out.blob(body.bytes());
}

/** Reads records to the end, or until `take` answers false. */
export function readRecords(
  from: PackedReader,
  take: (kind: number, body: PackedReader) => boolean,
): void {
  while (!from.isAtEnd) {
    const kind = from.byte();
    if (!take(kind, from.inner())) return;
  }
}

/** A log file that is still needed. */
export interface LogFile {
  readonly number: number;
  /** What lies beyond was refused, or never finished. */
  readonly bytes: number;
  /** It holds every part of the state. */
  readonly complete: boolean;
}

export interface Header {
  readonly format: number;
  /** Of the start that wrote the file. */
  readonly epoch: number;
  /** Files before this one, oldest first. */
  readonly earlier: readonly LogFile[];
}

export function writeHeader(
  body: PackedWriter,
  { epoch, earlier }: Pick<Header, "epoch" | "earlier">,
): void {
  body.varint(FORMAT);
  body.varint(epoch);
  body.varint(earlier.length);
  for (const { number, bytes, complete } of earlier) {
    body.varint(number);
    body.varint(bytes);
    body.byte(complete ? 1 : 0);
  }
}

/** Of another format nothing but its number. */
export function readHeader(body: PackedReader): Header {
  const format = body.varint();
  if (format !== FORMAT) return { format, epoch: 0, earlier: [] };
  const epoch = body.varint();
  const earlier = Array.from({ length: body.length() }, () => ({
    number: body.varint(),
    bytes: body.varint(),
    complete: body.byte() === 1,
  }));
  return { format, epoch, earlier };
}

/** Where a change or a part stands: numbers of the last change and of the last delta that had been applied. */
export interface Position {
  readonly change: number;
  readonly applied: number;
}

export function writePosition(out: PackedWriter, position: Position): void {
  out.varint(position.change);
  out.varint(position.applied);
}

export function readPosition(from: PackedReader): Position {
  return { change: from.varint(), applied: from.varint() };
}

export interface Ticked {
  readonly now: UnixMs;
  readonly accepted: number;
  readonly turnedAway: number;
  readonly stoodMs: DurationMs;
}

export function readTicked(from: PackedReader): Ticked {
  const [now, accepted, turnedAway] = [from.number(), from.varint(), from.varint()];
  return { now, accepted, turnedAway, stoodMs: from.number() };
}

export function readPlaced(from: PackedReader): { now: UnixMs; placements: Placement[] } {
  return { now: from.number(), placements: JSON.parse(from.text()) };
}

export function readOverridden(from: PackedReader): { slo: string; override: Override | null } {
  return { slo: from.text(), override: JSON.parse(from.text()) };
}

export interface Started {
  readonly epoch: number;
  readonly now: UnixMs;
}

export function readStarted(from: PackedReader): Started {
  return { epoch: from.varint(), now: from.number() };
}

export function writeVersion(body: PackedWriter, id: number, name: Uint8Array): void {
  body.varint(id);
  body.blob(name);
}

import {
  BASE_LINE_NUMBERS,
  BASE_LINE_WORDS,
  type BaseLines,
  DeltaCells,
  emptyBaseLines,
  FINGERPRINT_WORDS,
  type RequestDelta,
} from "../model/delta.ts";
import type { UnixMs } from "../model/time.ts";
import { PackedReader, PackedWriter } from "./packed.ts";

/** Used again by every write. */
const LINES = new PackedWriter();
const NO_LINES = Uint8Array.of(0);

/** @param number of the delta, growing by one */
export function writeDelta(out: PackedWriter, number: number, delta: RequestDelta): void {
  out.varint(number);
  for (let i = 0; i < FINGERPRINT_WORDS; i++) out.uint32(delta.fingerprint[i]!);
  out.number(delta.receivedAt);
  out.varint(delta.producer);
  // In a blob, so that whoever only counts can pass them over.
  LINES.clear();
  writeBaseLines(LINES, delta.baseLines);
  out.blob(LINES.bytes());
  out.varint(delta.length);
  const receivedSecond = Math.floor(delta.receivedAt / 1000);
  for (let i = 0; i < delta.length; i++) {
    out.varint(delta.slo[i]!);
    out.varint(delta.version[i]!);
    out.number(delta.second[i]! - receivedSecond);
    out.number(delta.total[i]!);
    out.number(delta.bad[i]!);
    out.number(delta.rawBad[i]!);
    out.number(delta.badSquares[i]!);
  }
}

export function writeBaseLines(out: PackedWriter, lines: BaseLines | undefined): void {
  const length = lines?.length ?? 0;
  out.varint(length);
  if (lines === undefined || length === 0) return;
  out.words(lines.key, length * BASE_LINE_WORDS);
  for (let i = 0; i < BASE_LINE_NUMBERS; i++) {
    out.column(lines.numbers, i, BASE_LINE_NUMBERS, length);
  }
}

/** Undefined when there are none. */
export function readBaseLines(from: PackedReader): BaseLines | undefined {
  const length = from.length();
  if (length === 0) return undefined;
  const lines = emptyBaseLines(length);
  lines.length = length;
  from.words(lines.key, length * BASE_LINE_WORDS);
  for (let i = 0; i < BASE_LINE_NUMBERS; i++) {
    from.column(lines.numbers, i, BASE_LINE_NUMBERS, length);
  }
  return lines;
}

/** A delta read back; its columns are used again by the next `read`. */
export class StoredDelta extends DeltaCells implements RequestDelta {
  number = 0;
  readonly fingerprint = new Uint32Array(FINGERPRINT_WORDS);
  receivedAt: UnixMs = 0;
  producer = 0;
  private lines: Uint8Array = NO_LINES;

  read(from: PackedReader): void {
    this.readHead(from);
    this.length = from.length();
    if (this.length > this.slo.length) this.resize(this.length * 2);
    const receivedSecond = Math.floor(this.receivedAt / 1000);
    for (let i = 0; i < this.length; i++) {
      this.slo[i] = from.varint();
      this.version[i] = from.varint();
      this.second[i] = from.number() + receivedSecond;
      this.total[i] = from.number();
      this.bad[i] = from.number();
      this.rawBad[i] = from.number();
      this.badSquares[i] = from.number();
    }
  }

  /** Read anew at each call. */
  get baseLines(): BaseLines | undefined {
    return readBaseLines(new PackedReader(this.lines));
  }

  /** All but the cells. */
  readHead(from: PackedReader): void {
    this.number = from.varint();
    for (let i = 0; i < FINGERPRINT_WORDS; i++) this.fingerprint[i] = from.uint32();
    this.receivedAt = from.number();
    this.producer = from.varint();
    this.lines = from.blob();
    this.length = 0;
  }

  /** Leaves out the cells of the columns that `applies` says false of. */
  keepOnly(applies: (slo: number) => boolean): void {
    let kept = 0;
    for (let i = 0; i < this.length; i++) {
      if (!applies(this.slo[i]!)) continue;
      this.slo[kept] = this.slo[i]!;
      this.version[kept] = this.version[i]!;
      this.second[kept] = this.second[i]!;
      this.total[kept] = this.total[i]!;
      this.bad[kept] = this.bad[i]!;
      this.rawBad[kept] = this.rawBad[i]!;
      this.badSquares[kept] = this.badSquares[i]!;
      kept++;
    }
    this.length = kept;
  }
}

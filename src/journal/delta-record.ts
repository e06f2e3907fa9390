import {
  BASE_LINE_NUMBERS,
  BASE_LINE_WORDS,
  type BaseLines,
  emptyBaseLines,
  type RequestDelta,
} from "../model/delta.ts";
import type { UnixMs } from "../model/time.ts";
import type { PackedReader, PackedWriter } from "./packed.ts";

const FINGERPRINT_WORDS = 5;
const FIRST_CELLS = 256;

/** @param number of the delta, growing by one */
export function writeDelta(out: PackedWriter, number: number, delta: RequestDelta): void {
  out.varint(number);
  for (let i = 0; i < FINGERPRINT_WORDS; i++) out.uint32(delta.fingerprint[i]!);
  out.number(delta.receivedAt);
  out.varint(delta.producer);
  writeBaseLines(out, delta.baseLines);
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
  out.varint(lines?.length ?? 0);
  if (lines === undefined) return;
  for (let i = 0; i < lines.length * BASE_LINE_WORDS; i++) out.uint32(lines.key[i]!);
  for (let i = 0; i < lines.length * BASE_LINE_NUMBERS; i++) out.number(lines.numbers[i]!);
}

/** Undefined when there are none. */
export function readBaseLines(from: PackedReader): BaseLines | undefined {
  const length = from.length();
  if (length === 0) return undefined;
  const lines = emptyBaseLines(length);
  lines.length = length;
  for (let i = 0; i < lines.key.length; i++) lines.key[i] = from.uint32();
  for (let i = 0; i < lines.numbers.length; i++) lines.numbers[i] = from.number();
  return lines;
}

/** A delta read back; its columns are used again by the next `read`. */
export class StoredDelta implements RequestDelta {
  number = 0;
  readonly fingerprint = new Uint32Array(FINGERPRINT_WORDS);
  receivedAt: UnixMs = 0;
  producer = 0;
  length = 0;
  slo = new Int32Array(FIRST_CELLS);
  version = new Int32Array(FIRST_CELLS);
  second = new Float64Array(FIRST_CELLS);
  total = new Float64Array(FIRST_CELLS);
  bad = new Float64Array(FIRST_CELLS);
  rawBad = new Float64Array(FIRST_CELLS);
  badSquares = new Float64Array(FIRST_CELLS);
  baseLines: BaseLines | undefined = undefined;

  read(from: PackedReader): void {
    this.readHead(from);
    this.length = from.length();
    if (this.length > this.slo.length) this.makeRoom(this.length * 2);
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

  /** All but the cells. */
  readHead(from: PackedReader): void {
    this.number = from.varint();
    for (let i = 0; i < FINGERPRINT_WORDS; i++) this.fingerprint[i] = from.uint32();
    this.receivedAt = from.number();
    this.producer = from.varint();
    this.baseLines = readBaseLines(from);
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

  private makeRoom(cells: number): void {
    this.slo = new Int32Array(cells);
    this.version = new Int32Array(cells);
    this.second = new Float64Array(cells);
    this.total = new Float64Array(cells);
    this.bad = new Float64Array(cells);
    this.rawBad = new Float64Array(cells);
    this.badSquares = new Float64Array(cells);
  }
}

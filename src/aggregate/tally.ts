import {
  type BaseLines,
  COUNT_UNIT,
  DeltaCells,
  FIRST_CELLS,
  type RequestDelta,
} from "../model/delta.ts";
import type { UnixMs, UnixSecond } from "../model/time.ts";
import { Fingerprint } from "./fingerprint.ts";

/** Larger tables are given back after the request that needed them: 80 bytes a cell. */
const KEPT_CELLS = 65_536;
/**
 * Most cells of a request. An honest one has some hundred; spans spread over all seconds of a month, times
 * SLOs that match every service, would take all memory.
 */
export const MAX_CELLS = 1_048_576;

/**
 * The open RequestDelta: cells of (SLO, version, second) in typed arrays, found by a small hash table.
 * Reused from request to request; it grows with the largest request, up to MAX_CELLS.
 */
export class Tally extends DeltaCells implements RequestDelta {
  readonly identity = new Fingerprint();
  readonly fingerprint = this.identity.sum;
  receivedAt: UnixMs = 0;
  producer = 0;
  /** There was no room for all cells: the request must not be admitted. */
  overflowed = false;
  baseLines: BaseLines | undefined = undefined;
  /** Hash table of cell numbers; entries of an older generation count as empty. */
  private table = new Int32Array(FIRST_CELLS * 4);
  private generations = new Int32Array(FIRST_CELLS * 4);
  private generation = 0;

  begin(receivedAt: UnixMs): void {
    this.receivedAt = receivedAt;
    this.length = 0;
    this.overflowed = false;
    this.identity.reset();
    if (this.slo.length > KEPT_CELLS) this.resize(FIRST_CELLS);
    if (++this.generation === 0x7fffffff) {
      this.generations.fill(0);
      this.generation = 1;
    }
  }

  /** Index of the cell, made with zeros when it is new; any cell when it `overflowed`. */
  cell(slo: number, version: number, second: UnixSecond): number {
    const mask = this.table.length - 1;
    let at = hashOf(slo, version, second) & mask;
    for (; this.generations[at] === this.generation; at = (at + 1) & mask) {
      const cell = this.table[at]!;
      if (
        this.second[cell] === second &&
        this.slo[cell] === slo &&
        this.version[cell] === version
      ) {
        return cell;
      }
    }
    if (this.length === this.slo.length) {
      if (this.length === MAX_CELLS) {
        this.overflowed = true;
        return 0;
      }
      this.resize(this.length * 2);
      return this.cell(slo, version, second);
    }
    const cell = this.length++;
    this.generations[at] = this.generation;
    this.table[at] = cell;
    this.slo[cell] = slo;
    this.version[cell] = version;
    this.second[cell] = second;
    this.total[cell] = 0;
    this.bad[cell] = 0;
    this.rawBad[cell] = 0;
    this.badSquares[cell] = 0;
    return cell;
  }

  /** One span that stands for `weight` / COUNT_UNIT requests. */
  addSpan(cell: number, weight: number, bad: boolean): void {
    this.total[cell]! += weight;
    if (!bad) return;
    this.bad[cell]! += weight;
    this.rawBad[cell]! += 1;
    const requests = weight / COUNT_UNIT;
    this.badSquares[cell]! += requests * requests;
  }

  protected override resize(cells: number): void {
    super.resize(cells);
    const { slo, version, second, length } = this;
    this.table = new Int32Array(cells * 4);
    this.generations = new Int32Array(cells * 4);
    this.generation = 1;
    const mask = this.table.length - 1;
    for (let cell = 0; cell < length; cell++) {
      let at = hashOf(slo[cell]!, version[cell]!, second[cell]!) & mask;
      while (this.generations[at] === 1) at = (at + 1) & mask;
      this.generations[at] = 1;
      this.table[at] = cell;
    }
  }
}

function hashOf(slo: number, version: number, second: UnixSecond): number {
  return (
    (Math.imul(slo, 0x9e3779b1) ^
      Math.imul(version, 0x85ebca6b) ^
      Math.imul(second, 0xc2b2ae35)) >>>
    7
  );
}

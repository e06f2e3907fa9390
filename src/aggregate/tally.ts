import { COUNT_UNIT, type RequestDelta } from "../model/delta.ts";
import type { UnixMs, UnixSecond } from "../model/time.ts";
import { Fingerprint } from "./fingerprint.ts";

const FIRST_CELLS = 256;

/**
 * The open RequestDelta: cells of (SLO, version, second) in typed arrays, found by a small hash table.
 * Reused from request to request; it grows with the largest request seen (a request has at most as many
 * cells as items times matching SLOs, and its bytes are limited).
 */
export class Tally implements RequestDelta {
  readonly identity = new Fingerprint();
  readonly fingerprint = this.identity.sum;
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
  /** Hash table of cell numbers + 1; entries of an older generation count as empty. */
  private table = new Int32Array(FIRST_CELLS * 4);
  private generations = new Int32Array(FIRST_CELLS * 4);
  private generation = 0;

  begin(receivedAt: UnixMs): void {
    this.receivedAt = receivedAt;
    this.length = 0;
    this.identity.reset();
    if (++this.generation === 0x7fffffff) {
      this.generations.fill(0);
      this.generation = 1;
    }
  }

  /** Index of the cell, made with zeros when it is new. */
  cell(slo: number, version: number, second: UnixSecond): number {
    const mask = this.table.length - 1;
    let at =
      (Math.imul(slo, 0x9e3779b1) ^
        Math.imul(version, 0x85ebca6b) ^
        Math.imul(second, 0xc2b2ae35)) >>>
      7;
    for (at &= mask; this.generations[at] === this.generation; at = (at + 1) & mask) {
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
      this.grow();
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

  private grow(): void {
    const slo = this.slo;
    const version = this.version;
    const second = this.second;
    const length = this.length;
    this.slo = doubled(slo, new Int32Array(slo.length * 2));
    this.version = doubled(version, new Int32Array(slo.length * 2));
    this.second = doubled(second, new Float64Array(slo.length * 2));
    this.total = doubled(this.total, new Float64Array(slo.length * 2));
    this.bad = doubled(this.bad, new Float64Array(slo.length * 2));
    this.rawBad = doubled(this.rawBad, new Float64Array(slo.length * 2));
    this.badSquares = doubled(this.badSquares, new Float64Array(slo.length * 2));
    this.table = new Int32Array(slo.length * 8);
    this.generations = new Int32Array(slo.length * 8);
    this.generation = 1;
    const mask = this.table.length - 1;
    for (let cell = 0; cell < length; cell++) {
      let at =
        ((Math.imul(slo[cell]!, 0x9e3779b1) ^
          Math.imul(version[cell]!, 0x85ebca6b) ^
          Math.imul(second[cell]!, 0xc2b2ae35)) >>>
          7) &
        mask;
      while (this.generations[at] === 1) at = (at + 1) & mask;
      this.generations[at] = 1;
      this.table[at] = cell;
    }
  }
}

function doubled<A extends Int32Array | Float64Array>(from: A, into: A): A {
  into.set(from);
  return into;
}

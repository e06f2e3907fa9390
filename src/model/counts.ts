import { COUNT_UNIT } from "./delta.ts";
import type { StateCarrier } from "./state-carrier.ts";

type Cells = Uint8Array | Uint16Array | Uint32Array | Float64Array;
type CellsType = new (length: number) => Cells;

/** Narrowest first, with the largest number that a cell holds. */
const WIDTHS: readonly (readonly [CellsType, number])[] = [
  [Uint8Array, 2 ** 8 - 1],
  [Uint16Array, 2 ** 16 - 1],
  [Uint32Array, 2 ** 32 - 1],
];

/**
 * A row of counts in COUNT_UNIT units, exact, in cells as narrow as its largest count allows: ten thousand SLOs have fifty million
 * counts, nearly all of them whole requests below 65,536. What does not fit (more requests, fractions of
 * sampled ones, negative sums of corrections) widens the row, in the end to doubles. Only that allocates.
 */
export class Counts {
  private cells: Cells;
  /** What 1 in a cell stands for. */
  private unit: number;
  /** Largest number that a cell holds; NaN for doubles, which hold any. */
  private most: number;

  constructor(length: number) {
    this.cells = new Uint8Array(length);
    this.unit = COUNT_UNIT;
    this.most = WIDTHS[0]![1];
  }

  get length(): number {
    return this.cells.length;
  }

  /** Bytes of its cells. */
  get bytes(): number {
    return this.cells.byteLength;
  }

  at(index: number): number {
    return this.cells[index]! * this.unit;
  }

  add(index: number, count: number): void {
    if (count === 0) return;
    const cell = this.cells[index]! + count / this.unit;
    // A comparison with NaN is false: doubles hold what they are given.
    if (cell > this.most || cell < 0 || !Number.isInteger(cell)) this.addWide(index, count);
    else this.cells[index] = cell;
  }

  /** Back to nothing. */
  clear(index: number, length = 1): void {
    if (length === 1) this.cells[index] = 0;
    else this.cells.fill(0, index, index + length);
  }

  /** Takes over all counts of a row of the same length. */
  copy(other: Counts): void {
    this.cells = other.cells.slice();
    this.unit = other.unit;
    this.most = other.most;
  }

  /** A row that was wide for a while becomes as narrow again as it can be. */
  carry(state: StateCarrier): void {
    const { length } = this.cells;
    const row = state.room(length);
    for (let i = 0; i < length; i++) row[i] = this.at(i);
    state.numbers(row);
    this.fit(row);
    for (let i = 0; i < length; i++) this.cells[i] = row[i]! / this.unit;
  }

  private addWide(index: number, count: number): void {
    const row = Float64Array.from(this.cells, (cell) => cell * this.unit);
    row[index]! += count;
    this.fit(row);
    for (let i = 0; i < row.length; i++) this.cells[i] = row[i]! / this.unit;
  }

  /** Cells for these counts; their content is of no use afterwards. */
  private fit(row: Float64Array): void {
    let most = 0;
    let isWhole = true;
    let isNatural = true;
    for (let i = 0; i < row.length; i++) {
      const count = row[i]!;
      if (count > most) most = count;
      if (isWhole && count % COUNT_UNIT !== 0) isWhole = false;
      if (!(count >= 0 && Number.isInteger(count)) || Object.is(count, -0)) isNatural = false;
    }
    const unit = isWhole ? COUNT_UNIT : 1;
    const width = isNatural ? WIDTHS.find(([, largest]) => most / unit <= largest) : undefined;
    this.unit = width === undefined ? 1 : unit;
    this.most = width === undefined ? Number.NaN : width[1];
    const Cells = width === undefined ? Float64Array : width[0];
    if (!(this.cells instanceof Cells)) this.cells = new Cells(row.length);
  }
}

import { BASE_LINE_WORDS } from "../model/delta.ts";

export const KEY_WORDS = BASE_LINE_WORDS;
/** Values that one SLO can read of a point, at most. */
export const MAX_VALUES = 2;

/** The doubles of one series stand together, and with those of the series that was first seen after it. */
export const START = 0; // ns as doubles: rounded to 256 ns, only compared for order
export const TIME = 1;
export const SEEN_AT = 2;
export const VALUES = 3;
export const FIELDS = VALUES + MAX_VALUES;

const FIRST_ROWS = 1024;
/** Places in the index for each row at least: probes stay short. */
const PLACES_PER_ROW = 2;

/**
 * A row for each series, in the order of first sight, and an index from their 128-bit keys. Senders write their series in the
 * same order again and again: the row after the last one is nearly always the next one wanted, and memory is read in order.
 */
export class SeriesRows {
  size = 0;
  state = new Float64Array(FIRST_ROWS * FIELDS);
  keys = new Int32Array(FIRST_ROWS * KEY_WORDS);
  /** Row + 1; 0 is free. */
  private index = new Int32Array(FIRST_ROWS * PLACES_PER_ROW);
  private next = 0;

  /** The key's row; -1 when it has none. */
  find(key: Int32Array): number {
    let row = this.next;
    if (row >= this.size || !this.isAt(row, key)) row = this.index[this.place(key)]! - 1;
    if (row >= 0) this.next = row + 1;
    return row;
  }

  /** A new row; its time is NaN, which says "never seen": nothing is earlier or later than that. */
  add(key: Int32Array): number {
    if ((this.size + 1) * PLACES_PER_ROW > this.index.length) this.grow();
    const row = this.size++;
    this.index[this.place(key)] = row + 1;
    this.keys.set(key, row * KEY_WORDS);
    this.state.fill(0, row * FIELDS, (row + 1) * FIELDS);
    this.state[row * FIELDS + TIME] = Number.NaN;
    this.next = this.size;
    return row;
  }

  /**
   * Drops the rows last seen before; the others move up.
   *
   * @returns the new row of each old one, -1 for those that are gone
   */
  drop(seenBefore: number): Int32Array {
    const { keys, state, size } = this;
    const moved = new Int32Array(size).fill(-1);
    this.size = 0;
    for (let from = 0; from < size; from++) {
      if (state[from * FIELDS + SEEN_AT]! < seenBefore) continue;
      const to = this.size++;
      moved[from] = to;
      keys.copyWithin(to * KEY_WORDS, from * KEY_WORDS, (from + 1) * KEY_WORDS);
      state.copyWithin(to * FIELDS, from * FIELDS, (from + 1) * FIELDS);
    }
    this.next = 0;
    this.indexAnew();
    return moved;
  }

  private grow(): void {
    const { keys, state, index } = this;
    this.keys = new Int32Array(keys.length * 2);
    this.keys.set(keys);
    this.state = new Float64Array(state.length * 2);
    this.state.set(state);
    this.index = new Int32Array(index.length * 2);
    this.indexAnew();
  }

  private indexAnew(): void {
    this.index.fill(0);
    for (let row = 0; row < this.size; row++) {
      const at = row * KEY_WORDS;
      this.index[this.place(this.keys.subarray(at, at + KEY_WORDS))] = row + 1;
    }
  }

  /** Where the key stands in the index, or the free place where it belongs. */
  private place(key: Int32Array): number {
    const { index } = this;
    const mask = index.length - 1;
    let at = key[0]! & mask;
    while (index[at] !== 0 && !this.isAt(index[at]! - 1, key)) at = (at + 1) & mask;
    return at;
  }

  private isAt(row: number, key: Int32Array): boolean {
    const { keys } = this;
    const at = row * KEY_WORDS;
    return (
      keys[at] === key[0] &&
      keys[at + 1] === key[1] &&
      keys[at + 2] === key[2] &&
      keys[at + 3] === key[3]
    );
  }
}

/** Not the exported one: see decision D-072. */
const WORDS = 4;
export const KEY_WORDS = WORDS;
const FIRST_ROWS = 1024;
/** Places in the index for each row at least: probes stay short. */
const PLACES_PER_ROW = 2;

/**
 * A row for each 128-bit key, in the order of first sight. Senders write what they repeat in the same order again and
 * again: the row after the last one found is nearly always the next one wanted, is tried first, and memory is read in order.
 */
export class KeyRows {
  size = 0;
  keys = new Int32Array(FIRST_ROWS * WORDS);
  /** Open addressing: a row's number plus one, 0 where there is none. */
  private index = new Int32Array(FIRST_ROWS * PLACES_PER_ROW);
  private next = 0;

  /** Rows that there is room for; grows by doubling. */
  get room(): number {
    return this.keys.length / WORDS;
  }

  /** The key's row; -1 when it has none. */
  find(a: number, b: number, c: number, d: number): number {
    let row = this.next;
    if (row >= this.size || !this.isAt(row, a, b, c, d)) {
      row = this.index[this.place(a, b, c, d)]! - 1;
    }
    if (row >= 0) this.next = row + 1;
    return row;
  }

  /** The row of a key that has none. */
  add(a: number, b: number, c: number, d: number): number {
    if (this.size === this.room) this.grow();
    const row = this.size++;
    this.index[this.place(a, b, c, d)] = row + 1;
    const at = row * WORDS;
    this.keys[at] = a;
    this.keys[at + 1] = b;
    this.keys[at + 2] = c;
    this.keys[at + 3] = d;
    this.next = this.size;
    return row;
  }

  /**
   * Drops the rows that are not kept; the others move up.
   *
   * @returns the new row of each old one, -1 for those that are gone
   */
  drop(isKept: (row: number) => boolean): Int32Array {
    const { keys, size } = this;
    const moved = new Int32Array(size).fill(-1);
    this.size = 0;
    for (let from = 0; from < size; from++) {
      if (!isKept(from)) continue;
      const to = this.size++;
      moved[from] = to;
      keys.copyWithin(to * WORDS, from * WORDS, (from + 1) * WORDS);
    }
    this.indexAnew();
    return moved;
  }

  clear(): void {
    this.size = 0;
    this.indexAnew();
  }

  private grow(): void {
    const { keys, index } = this;
    this.keys = new Int32Array(keys.length * 2);
    this.keys.set(keys);
    this.index = new Int32Array(index.length * 2);
    this.indexAnew();
  }

  private indexAnew(): void {
    const { keys, index } = this;
    this.next = 0;
    index.fill(0);
    for (let row = 0; row < this.size; row++) {
      const at = row * WORDS;
      index[this.place(keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!)] = row + 1;
    }
  }

  /** Where the key stands in the index, or the free place where it belongs. */
  private place(a: number, b: number, c: number, d: number): number {
    const { index } = this;
    const mask = index.length - 1;
    let at = a & mask;
    while (index[at] !== 0 && !this.isAt(index[at]! - 1, a, b, c, d)) at = (at + 1) & mask;
    return at;
  }

  private isAt(row: number, a: number, b: number, c: number, d: number): boolean {
    const { keys } = this;
    const at = row * WORDS;
    return keys[at] === a && keys[at + 1] === b && keys[at + 2] === c && keys[at + 3] === d;
  }
}

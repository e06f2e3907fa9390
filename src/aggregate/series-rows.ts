import { KeyRows } from "../decode/key-rows.ts";
import type { UnixMs } from "../model/time.ts";

/** Values that one SLO can read of a point, at most. */
export const MAX_VALUES = 2;

/** The doubles of one series stand together, and with those of the series that was first seen after it. */
export const START = 0; // ns as doubles: rounded to 256 ns, only compared for order
export const TIME = 1;
export const SEEN_AT = 2;
export const VALUES = 3;
export const FIELDS = VALUES + MAX_VALUES;

/** A row of doubles for each series. */
export class SeriesRows {
  private readonly rows = new KeyRows();
  state = new Float64Array(this.rows.room * FIELDS);

  get size(): number {
    return this.rows.size;
  }

  /** KEY_WORDS each. */
  get keys(): Int32Array {
    return this.rows.keys;
  }

  /** The key's row; -1 when it has none. */
  find(key: Int32Array): number {
    return this.rows.find(key[0]!, key[1]!, key[2]!, key[3]!);
  }

  /** A new row; its time is NaN, which says "never seen": nothing is earlier or later than that. */
  add(key: Int32Array): number {
    const row = this.rows.add(key[0]!, key[1]!, key[2]!, key[3]!);
    if (this.state.length < this.rows.room * FIELDS) {
      const larger = new Float64Array(this.rows.room * FIELDS);
      larger.set(this.state);
      this.state = larger;
    }
    this.state.fill(0, row * FIELDS, (row + 1) * FIELDS);
    this.state[row * FIELDS + TIME] = Number.NaN;
    return row;
  }

  seenAt(row: number): UnixMs {
    return this.state[row * FIELDS + SEEN_AT]!;
  }

  /**
   * Drops the rows that are not kept; the others move up.
   *
   * @returns the new row of each old one, -1 for those that are gone
   */
  drop(isKept: (row: number) => boolean): Int32Array {
    const { state } = this;
    const moved = this.rows.drop(isKept);
    for (let from = 0; from < moved.length; from++) {
      const to = moved[from]!;
      if (to >= 0) state.copyWithin(to * FIELDS, from * FIELDS, (from + 1) * FIELDS);
    }
    return moved;
  }
}

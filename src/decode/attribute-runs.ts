import * as keyRows from "./key-rows.ts";
import { KeyRows } from "./key-rows.ts";

// Compiled in as numbers: an imported constant is looked up at every use (decision D-072).
const { KEY_WORDS } = keyRows;

const MOST_RUNS = 65_536;

/**
 * What the attributes of a point add to its series' identity, by the bytes they stand in. That sum is the same in any
 * order of attributes, and costs a hash for each; but senders write a series' attributes in the same bytes every time, and
 * those need only one. The key of a run is the 128-bit hash of such bytes, its row holds the sum they led to. When there are
 * too many, all are forgotten. 2.5 MiB at most.
 */
export class AttributeRuns {
  /** The sum found by the last `find`. */
  readonly sum = new Int32Array(KEY_WORDS);
  private readonly rows = new KeyRows();
  private sums = new Int32Array(this.rows.keys.length);

  /** Whether the sum of the run with this hash is known; it stands in `sum` then. */
  find(a: number, b: number, c: number, d: number): boolean {
    const row = this.rows.find(a, b, c, d);
    if (row < 0) return false;
    const { sums, sum } = this;
    for (let i = 0; i < KEY_WORDS; i++) sum[i] = sums[row * KEY_WORDS + i]!;
    return true;
  }

  /** For a run that was not found. */
  keep(a: number, b: number, c: number, d: number, sum: Int32Array): void {
    const { rows } = this;
    if (rows.size === MOST_RUNS) rows.clear();
    const row = rows.add(a, b, c, d);
    if (this.sums.length < rows.keys.length) {
      const larger = new Int32Array(rows.keys.length);
      larger.set(this.sums);
      this.sums = larger;
    }
    for (let i = 0; i < KEY_WORDS; i++) this.sums[row * KEY_WORDS + i] = sum[i]!;
  }
}

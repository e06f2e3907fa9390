const MOST_RUNS = 65_536;
const SLOTS = 2 * MOST_RUNS;
const WORDS = 8;
const NONE = -1;

/**
 * What the attributes of a point add to its series' identity, by the bytes they stand in. That sum is the same in any
 * order of attributes, and costs a hash for each; but senders write a series' attributes in the same bytes every time, and
 * those need only one. Each run holds the 128-bit hash of such bytes and the sum they led to.
 *
 * Senders also write their series in the same order every time: so runs are kept in the order in which they were first
 * seen, and the one behind the last one found is tried first, without a jump through memory. When there are too many, all
 * are forgotten. 2.5 MiB, from the first use on.
 */
export class AttributeRuns {
  /** The sum found by the last `find`. */
  readonly sum = new Int32Array(4);
  private runs = new Int32Array(0);
  private count = 0;
  private last = NONE;
  /** Open addressing: a run's number plus one, 0 where there is none. */
  private index = new Int32Array(0);

  /** Whether the sum of the run with this hash is known; it stands in `sum` then. */
  find(a: number, b: number, c: number, d: number): boolean {
    let run = this.last + 1;
    if (run >= this.count || !this.isAt(run, a, b, c, d)) run = this.search(a, b, c, d);
    if (run === NONE) return false;
    this.last = run;
    const { runs, sum } = this;
    for (let i = 0; i < 4; i++) sum[i] = runs[run * WORDS + 4 + i]!;
    return true;
  }

  /** For a run that was not found. */
  keep(a: number, b: number, c: number, d: number, sum: Int32Array): void {
    if (this.runs.length === 0) {
      this.runs = new Int32Array(MOST_RUNS * WORDS);
      this.index = new Int32Array(SLOTS);
    }
    if (this.count === MOST_RUNS) {
      this.index.fill(0);
      this.count = 0;
    }
    const run = this.count++;
    this.last = run;
    const { runs, index } = this;
    const at = run * WORDS;
    runs[at] = a;
    runs[at + 1] = b;
    runs[at + 2] = c;
    runs[at + 3] = d;
    for (let i = 0; i < 4; i++) runs[at + 4 + i] = sum[i]!;
    let slot = a & (SLOTS - 1);
    while (index[slot] !== 0) slot = (slot + 1) & (SLOTS - 1);
    index[slot] = run + 1;
  }

  private search(a: number, b: number, c: number, d: number): number {
    const { index } = this;
    if (this.count === 0) return NONE;
    for (let slot = a & (SLOTS - 1); index[slot] !== 0; slot = (slot + 1) & (SLOTS - 1)) {
      if (this.isAt(index[slot]! - 1, a, b, c, d)) return index[slot]! - 1;
    }
    return NONE;
  }

  private isAt(run: number, a: number, b: number, c: number, d: number): boolean {
    const { runs } = this;
    const at = run * WORDS;
    return runs[at] === a && runs[at + 1] === b && runs[at + 2] === c && runs[at + 3] === d;
  }
}

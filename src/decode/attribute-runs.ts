const SLOTS = 65_536;
const WORDS = 8;

/**
 * What the attributes of a point add to its series' identity, by the bytes they stand in. That sum is the same in any
 * order of attributes, and costs a hash for each; but senders write a series' attributes in the same bytes every time, and
 * those need only one. Each slot holds the 128-bit hash of such bytes and the sum they led to; a newer run takes the slot of
 * an older one. 2 MiB, from the first use on.
 */
export class AttributeRuns {
  /** The sum found by the last `find`. */
  readonly sum = new Int32Array(4);
  private words = new Int32Array(0);

  /** Whether the sum of the run with this hash is known; it stands in `sum` then. */
  find(a: number, b: number, c: number, d: number): boolean {
    const { words, sum } = this;
    if (words.length === 0) return false;
    const at = (a & (SLOTS - 1)) * WORDS;
    if (words[at] !== a || words[at + 1] !== b || words[at + 2] !== c || words[at + 3] !== d)
      return false;
    for (let i = 0; i < 4; i++) sum[i] = words[at + 4 + i]!;
    return true;
  }

  keep(a: number, b: number, c: number, d: number, sum: Int32Array): void {
    if (this.words.length === 0) this.words = new Int32Array(SLOTS * WORDS);
    const { words } = this;
    const at = (a & (SLOTS - 1)) * WORDS;
    words[at] = a;
    words[at + 1] = b;
    words[at + 2] = c;
    words[at + 3] = d;
    for (let i = 0; i < 4; i++) words[at + 4 + i] = sum[i]!;
  }
}

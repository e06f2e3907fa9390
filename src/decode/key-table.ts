/** So many buckets that hardly one of the attributes that nobody asks for meets a wanted key in its bucket. */
const BUCKET_BITS = 12;
/** Words of an entry before those of its key: length of the key in bytes, slot, next entry of the bucket. */
const ENTRY_HEAD = 3;
/** No entry begins at 0. */
const NO_ENTRY = 0;

/** UTF-8 bytes of the keys that some rule asks for; a key's slot is its place in the list. */
export class KeyTable {
  readonly size: number;
  /**
   * The entries of all keys, one after the other. A key of n bytes has its words of four bytes at 0, 4, ... and its last one
   * at n - 4, so that there is no remainder; bytes of a shorter key are one word.
   */
  private readonly entries: Int32Array;
  /** First entry of each bucket. */
  private readonly buckets = new Int32Array(2 ** BUCKET_BITS);

  constructor(keys: readonly string[]) {
    const encoder = new TextEncoder();
    const entries: number[] = [NO_ENTRY];
    for (const [slot, text] of keys.entries()) {
      const key = encoder.encode(text);
      const view = new DataView(key.buffer, key.byteOffset, key.length);
      const last = lastWord(view, 0, key.length);
      const bucket = bucketOf(last, key.length);
      const entry = entries.length;
      entries.push(key.length, slot, this.buckets[bucket]!);
      for (let at = 0; at + 4 < key.length; at += 4) entries.push(view.getInt32(at, true));
      entries.push(last);
      this.buckets[bucket] = entry;
    }
    this.size = keys.length;
    this.entries = Int32Array.from(entries);
  }

  /** Slot of the key in `[start, end)` of `view`, or -1. */
  find(view: DataView, start: number, end: number): number {
    const last = lastWord(view, start, end);
    return this.slotOf(this.candidate(last, end - start), view, start, end, last);
  }

  /**
   * The first half of `find`, for keys of four bytes or more: what `slotOf` must look through, 0 when a key of this length
   * with these last four bytes is certainly none of them.
   */
  candidate(last: number, length: number): number {
    return this.buckets[bucketOf(last, length)]!;
  }

  /** The second half of `find`: compares all bytes. */
  slotOf(candidate: number, view: DataView, start: number, end: number, last: number): number {
    const entries = this.entries;
    let entry = candidate;
    while (entry !== NO_ENTRY) {
      if (entries[entry] === end - start && this.isAt(view, start, end, entry, last)) {
        return entries[entry + 1]!;
      }
      entry = entries[entry + 2]!;
    }
    return -1;
  }

  private isAt(view: DataView, start: number, end: number, entry: number, last: number): boolean {
    const entries = this.entries;
    let word = entry + ENTRY_HEAD;
    for (let at = start; at + 4 < end; at += 4) {
      if (view.getInt32(at, true) !== entries[word++]) return false;
    }
    return entries[word] === last;
  }
}

/** Length and last bytes tell attribute keys apart better than the first ones, which are shared prefixes. */
function bucketOf(last: number, length: number): number {
  return Math.imul(last + length, 0x9e3779b1) >>> (32 - BUCKET_BITS);
}

/** The last four bytes, or all of a shorter key. */
function lastWord(view: DataView, start: number, end: number): number {
  if (end - start >= 4) return view.getInt32(end - 4, true);
  let word = 0;
  for (let at = start; at < end; at++) word = (word << 8) | view.getUint8(at);
  return word;
}

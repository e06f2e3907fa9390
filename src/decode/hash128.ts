/**
 * A 128-bit hash in four uint32 lanes, after the construction of MurmurHash3 x86_128 (multiply, rotate,
 * cross-add, finalise). Not keyed: it tells identities apart, it does not resist an attacker.
 *
 * @see https://github.com/aappleby/smhasher
 */
const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

function rotl(x: number, r: number): number {
  return (x << r) | (x >>> (32 - r));
}

function finalMix(x: number): number {
  x ^= x >>> 16;
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return x ^ (x >>> 16);
}

/** The hasher and its result; one is reused for all calls. */
export class Hash128 {
  /** The lanes of the last hash, int32. */
  a = 0;
  b = 0;
  c = 0;
  d = 0;

  /** Hashes six words: a trace id and a span id, or a series and its times. */
  words(w0: number, w1: number, w2: number, w3: number, w4: number, w5: number): void {
    this.block(0, 0, 0, 0, w0, w1, w2, w3);
    this.finish(this.a, this.b ^ mix2(w5), this.c, this.d, w4, 24);
  }

  /** Hashes `bytes[start..end)`. */
  range(bytes: Uint8Array, start: number, end: number): void {
    this.within(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), start, end);
  }

  /**
   * Hashes bytes of a view, four words at a time. The last block ends where the bytes end and repeats some of those
   * before it, so that there is no remainder; the length is part of the hash.
   */
  within(view: DataView, start: number, end: number): void {
    const length = end - start;
    if (length < 16) {
      this.short(view, start, end);
      return;
    }
    let h1 = 0;
    let h2 = 0;
    let h3 = 0;
    let h4 = 0;
    for (let at = start; at < end; at += 16) {
      const pos = at + 16 < end ? at : end - 16;
      h1 = (rotl(Math.imul(h1 ^ view.getInt32(pos, true), C1), 15) + h2) | 0;
      h2 = (rotl(Math.imul(h2 ^ view.getInt32(pos + 4, true), C2), 16) + h3) | 0;
      h3 = (rotl(Math.imul(h3 ^ view.getInt32(pos + 8, true), C3), 17) + h4) | 0;
      h4 = (rotl(Math.imul(h4 ^ view.getInt32(pos + 12, true), C4), 18) + h1) | 0;
    }
    this.finish(h1, h2, h3, h4, 0, length);
  }

  /** Words from both ends, which meet or overlap in the middle. */
  private short(view: DataView, start: number, end: number): void {
    const length = end - start;
    let w0 = 0;
    let w1 = 0;
    let w2 = 0;
    let w3 = 0;
    if (length >= 4) {
      w0 = view.getInt32(start, true);
      w1 = view.getInt32(end - 4, true);
      if (length > 8) {
        w2 = view.getInt32(start + 4, true);
        w3 = view.getInt32(end - 8, true);
      }
    } else for (let at = start; at < end; at++) w0 = (w0 << 8) | view.getUint8(at);
    this.block(0, 0, 0, 0, w0, w1, w2, w3);
    this.finish(this.a, this.b, this.c, this.d, 0, length);
  }

  private block(
    h1: number,
    h2: number,
    h3: number,
    h4: number,
    k1: number,
    k2: number,
    k3: number,
    k4: number,
  ): void {
    h1 ^= Math.imul(rotl(Math.imul(k1, C1), 15), C2);
    h1 = (Math.imul((rotl(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 ^= Math.imul(rotl(Math.imul(k2, C2), 16), C3);
    h2 = (Math.imul((rotl(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 ^= Math.imul(rotl(Math.imul(k3, C3), 17), C4);
    h3 = (Math.imul((rotl(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 ^= Math.imul(rotl(Math.imul(k4, C4), 18), C1);
    h4 = (Math.imul((rotl(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0;
    this.a = h1;
    this.b = h2;
    this.c = h3;
    this.d = h4;
  }

  private finish(
    h1: number,
    h2: number,
    h3: number,
    h4: number,
    tail: number,
    length: number,
  ): void {
    h1 ^= Math.imul(rotl(Math.imul(tail, C1), 15), C2);
    h1 ^= length;
    h2 ^= length;
    h3 ^= length;
    h4 ^= length;
    h1 = (h1 + h2 + h3 + h4) | 0;
    h2 = finalMix((h2 + h1) | 0);
    h3 = finalMix((h3 + h1) | 0);
    h4 = finalMix((h4 + h1) | 0);
    h1 = finalMix(h1);
    h1 = (h1 + h2 + h3 + h4) | 0;
    this.a = h1;
    this.b = (h2 + h1) | 0;
    this.c = (h3 + h1) | 0;
    this.d = (h4 + h1) | 0;
  }
}

function mix2(word: number): number {
  return Math.imul(rotl(Math.imul(word, C2), 16), C3);
}

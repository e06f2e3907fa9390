import { Hash128, word } from "../decode/hash128.ts";
import type { PointRecord } from "../decode/point-record.ts";
import type { SpanRecord } from "../decode/span-record.ts";

/**
 * Identity of a request: how many items it has and the sum of a mixed 128-bit hash of each, lane by
 * lane modulo 2^32. A sum does not depend on order, so a re-ordered retry is still recognised. Two
 * different requests of equal count collide with odds of about 2^-128.
 *
 * Layout of `sum`: [count, lane a, lane b, lane c, lane d]; all zero means nothing was added.
 */
export class Fingerprint {
  readonly sum = new Uint32Array(5);
  private readonly hash = new Hash128();

  reset(): void {
    this.sum.fill(0);
  }

  /** Adds a span by trace id and span id. */
  addSpan(span: SpanRecord): void {
    const bytes = span.bytes;
    const t = span.traceId;
    const s = span.spanId;
    if (isId(bytes, t, 16) && isId(bytes, s, 8)) {
      this.hash.words(
        word(bytes, t),
        word(bytes, t + 4),
        word(bytes, t + 8),
        word(bytes, t + 12),
        word(bytes, s),
        word(bytes, s + 4),
      );
    } else {
      // Without ids the times must tell: spans that merely look alike must both count.
      this.hash.range(bytes, span.nameStart, span.nameEnd);
      this.hash.words(
        this.hash.a,
        this.hash.b,
        span.startHi,
        span.startLo,
        span.endHi ^ this.hash.c,
        span.endLo,
      );
    }
    this.add();
  }

  /** Adds a data point by series, start and time. */
  addPoint(point: PointRecord): void {
    const series = point.series;
    const hash = this.hash;
    hash.words(series[0]!, series[1]!, series[2]!, series[3]!, point.startHi, point.startLo);
    hash.words(hash.a, hash.b, hash.c, hash.d, point.timeHi, point.timeLo);
    this.add();
  }

  private add(): void {
    const sum = this.sum;
    sum[0]!++;
    sum[1]! += this.hash.a;
    sum[2]! += this.hash.b;
    sum[3]! += this.hash.c;
    sum[4]! += this.hash.d;
  }
}

/** An id of zeros only is invalid: whoever writes it has none. */
function isId(bytes: Uint8Array, start: number, length: number): boolean {
  if (start < 0) return false;
  // The last byte first: random and counted ids both end in something.
  for (let i = start + length - 1; i >= start; i--) if (bytes[i] !== 0) return true;
  return false;
}

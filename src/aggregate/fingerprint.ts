import { Hash128 } from "../decode/hash128.ts";
import type { PointRecord } from "../decode/point-record.ts";
import type { SpanRecord } from "../decode/span-record.ts";
import { FINGERPRINT_WORDS } from "../model/delta.ts";

/**
 * Identity of a request: how many items it has and the sum of a mixed 128-bit hash of each, lane by
 * lane modulo 2^32. A sum does not depend on order, so a re-ordered retry is still recognised. Two
 * different requests of equal count collide with odds of about 2^-128.
 *
 * Layout of `sum`: [count, lane a, lane b, lane c, lane d]; all zero means nothing was added.
 */
export class Fingerprint {
  readonly sum = new Uint32Array(FINGERPRINT_WORDS);
  /** The same words, signed: adding those needs no doubles. */
  private readonly lanes = new Int32Array(this.sum.buffer);
  private readonly hash = new Hash128();
  /** A point's value, and its bits. */
  private readonly value = new Float64Array(1);
  private readonly words = new Int32Array(this.value.buffer);

  reset(): void {
    this.sum.fill(0);
  }

  /** Adds a span by trace id and span id. */
  addSpan(span: SpanRecord): void {
    if (span.traceId < 0 || span.spanId < 0) {
      this.addSpanWithoutIds(span);
      return;
    }
    const view = span.view;
    const t0 = view.getInt32(span.traceId, true);
    const t1 = view.getInt32(span.traceId + 4, true);
    const t2 = view.getInt32(span.traceId + 8, true);
    const t3 = view.getInt32(span.traceId + 12, true);
    const s0 = view.getInt32(span.spanId, true);
    const s1 = view.getInt32(span.spanId + 4, true);
    // An id of zeros only is invalid: whoever writes it has none.
    if ((t0 | t1 | t2 | t3) === 0 || (s0 | s1) === 0) {
      this.addSpanWithoutIds(span);
      return;
    }
    this.hash.words(t0, t1, t2, t3, s0, s1);
    this.add();
  }

  /** Without ids name and times must tell: spans that merely look alike must both count. */
  private addSpanWithoutIds(span: SpanRecord): void {
    const hash = this.hash;
    hash.range(span.bytes, span.nameStart, span.nameEnd);
    hash.words(hash.a, hash.b, hash.c, hash.d, span.startHi, span.startLo);
    hash.words(hash.a, hash.b, hash.c, hash.d, span.endHi, span.endLo);
    this.add();
  }

  /** Adds a data point by series, start, time and value: an SDK's clock may show two readings one millisecond. */
  addPoint(point: PointRecord): void {
    const series = point.series;
    const hash = this.hash;
    const { value, words } = this;
    // One of the two is zero.
    value[0] = point.value + point.count;
    hash.words(series[0]!, series[1]!, series[2]!, series[3]!, point.startHi, point.startLo);
    hash.words(hash.a ^ words[0]!, hash.b ^ words[1]!, hash.c, hash.d, point.timeHi, point.timeLo);
    this.add();
  }

  private add(): void {
    const lanes = this.lanes;
    const hash = this.hash;
    lanes[0] = (lanes[0]! + 1) | 0;
    lanes[1] = (lanes[1]! + hash.a) | 0;
    lanes[2] = (lanes[2]! + hash.b) | 0;
    lanes[3] = (lanes[3]! + hash.c) | 0;
    lanes[4] = (lanes[4]! + hash.d) | 0;
  }
}

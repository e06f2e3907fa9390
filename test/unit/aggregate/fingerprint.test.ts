import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Fingerprint } from "../../../src/aggregate/fingerprint.ts";
import { KeyTable } from "../../../src/decode/key-table.ts";
import { PointRecord } from "../../../src/decode/point-record.ts";
import { SpanRecord } from "../../../src/decode/span-record.ts";

const NO_KEYS = new KeyTable([]);

/** One span whose ids are written in place. */
function spanWithIds() {
  const span = new SpanRecord(NO_KEYS, NO_KEYS);
  const view = new DataView(new ArrayBuffer(24));
  span.bytes = new Uint8Array(view.buffer);
  span.view = view;
  span.traceId = 0;
  span.spanId = 16;
  return { span, view };
}

/** The four lanes as two doubles of 64 bits each would round; a text keeps all. */
const laneText = (sum: Uint32Array) => String.fromCharCode(...new Uint16Array(sum.slice(1).buffer));

describe("the fingerprint of a request", () => {
  it.each<[string, (view: DataView, i: number) => void]>([
    [
      "trace and span ids that count up",
      (view, i) => {
        view.setUint32(12, i >>> 3);
        view.setUint32(20, i);
      },
    ],
    ["span ids that count up in one trace", (view, i) => view.setUint32(16, i + 1, true)],
    ["trace ids that differ in their first word only", (view, i) => view.setUint32(0, i + 1)],
    [
      "random ids",
      (view, i) => {
        for (let word = 0; word < 6; word++) {
          view.setUint32(word * 4, Math.imul(i * 6 + word + 1, 0x9e3779b1) ^ (i << (word * 3)));
        }
      },
    ],
  ])("tells half a million spans apart by %s", (_name, write) => {
    const { span, view } = spanWithIds();
    const fingerprint = new Fingerprint();
    view.setUint32(8, 1);
    view.setUint32(20, 1);
    // Every 32-bit lane must look random on its own: n^2 / 2^33 collisions are to be expected, 29 of half a million.
    const lanes = [1, 2, 3, 4].map(() => new Uint32Array(500_000));
    for (let i = 0; i < 500_000; i++) {
      write(view, i);
      fingerprint.reset();
      fingerprint.addSpan(span);
      for (let lane = 0; lane < 4; lane++) lanes[lane]![i] = fingerprint.sum[lane + 1]!;
    }
    for (const lane of lanes) {
      lane.sort();
      let collisions = 0;
      for (let i = 1; i < lane.length; i++) if (lane[i] === lane[i - 1]) collisions++;
      expect(collisions).toBeLessThan(70);
      expect(collisions).toBeGreaterThan(5);
    }
  });

  it("tells requests apart whose spans are the same ids paired otherwise", () => {
    const { span, view } = spanWithIds();
    const sumOf = (pairs: [number, number][]) => {
      const fingerprint = new Fingerprint();
      for (const [trace, id] of pairs) {
        view.setUint32(4, trace);
        view.setUint32(20, id);
        fingerprint.addSpan(span);
      }
      return laneText(fingerprint.sum);
    };
    expect(
      sumOf([
        [1, 1],
        [2, 2],
      ]),
    ).not.toBe(
      sumOf([
        [1, 2],
        [2, 1],
      ]),
    );
    expect(
      sumOf([
        [1, 4],
        [2, 3],
      ]),
    ).not.toBe(
      sumOf([
        [1, 3],
        [2, 4],
      ]),
    );
  });

  it("tells requests of regular ids apart: no two sums of a hundred neighbours are equal", () => {
    const { span, view } = spanWithIds();
    const fingerprint = new Fingerprint();
    const seen = new Set<string>();
    for (let batch = 0; batch < 20_000; batch++) {
      fingerprint.reset();
      for (let i = 0; i < 100; i++) {
        view.setUint32(12, batch);
        view.setUint32(20, batch + i + 1);
        fingerprint.addSpan(span);
      }
      expect(fingerprint.sum[0]).toBe(100);
      seen.add(laneText(fingerprint.sum));
    }
    expect(seen.size).toBe(20_000);
  });

  it("does not depend on the order of spans", () => {
    const { span, view } = spanWithIds();
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 0x7fffffff }), { minLength: 2 }),
        (ids) => {
          const sumOf = (ordered: number[]) => {
            const fingerprint = new Fingerprint();
            for (const id of ordered) {
              view.setUint32(8, id);
              view.setUint32(16, id);
              fingerprint.addSpan(span);
            }
            return [...fingerprint.sum];
          };
          expect(sumOf([...ids].reverse())).toEqual(sumOf(ids));
        },
      ),
    );
  });
});

describe("the fingerprint of data points", () => {
  it("tells apart series, start and time, also where start and time move together", () => {
    const point = new PointRecord(NO_KEYS, NO_KEYS);
    const fingerprint = new Fingerprint();
    const seen = new Set<string>();
    let sums = 0;
    for (let series = 0; series < 50; series++) {
      point.series.set([series, 7, 7 - series, 1]);
      for (let i = 0; i < 400; i++) {
        // Consecutive deltas: the start of one is the time of the one before.
        point.startLo = i * 10_000;
        point.timeLo = (i + 1) * 10_000;
        fingerprint.reset();
        fingerprint.addPoint(point);
        seen.add(laneText(fingerprint.sum));
        sums++;
      }
    }
    expect(seen.size).toBe(sums);
  });

  it("tells apart two readings of one millisecond by value, and by count", () => {
    const point = new PointRecord(NO_KEYS, NO_KEYS);
    const fingerprint = new Fingerprint();
    const sumOf = (value: number, count: number) => {
      Object.assign(point, { value, count });
      fingerprint.reset();
      fingerprint.addPoint(point);
      return laneText(fingerprint.sum);
    };
    const readings = [sumOf(0, 0), sumOf(7, 0), sumOf(10, 0), sumOf(10.5, 0), sumOf(0, 2 ** 40)];
    expect(new Set(readings).size).toBe(readings.length);
    expect(sumOf(7, 0)).toBe(readings[1]);
  });
});

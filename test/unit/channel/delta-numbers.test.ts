import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CrossedDelta, DeltaWriter } from "../../../src/channel/delta-numbers.ts";
import type { RequestDelta, Taken } from "../../../src/model/delta.ts";

const count = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const cell = fc.record({
  slo: fc.nat(0x7fffffff),
  version: fc.nat(4_095),
  second: fc.nat(2 ** 40),
  total: count,
  bad: count,
  rawBad: count,
  badSquares: fc.double({ min: 0, noNaN: true }),
});
const request = fc.record({
  fingerprint: fc.uint32Array({ minLength: 5, maxLength: 5 }),
  receivedAt: fc.nat(2 ** 45),
  cells: fc.array(cell, { maxLength: 20 }),
  taken: fc.record({
    bytes: count,
    spans: count,
    points: fc.constant(0),
    unmatched: count,
    late: count,
    skewed: count,
    unverified: count,
    refused: fc.record({ future: count, "too-old": count }),
  }),
});
type Request = typeof request extends fc.Arbitrary<infer R> ? R : never;

function deltaOf({ fingerprint, receivedAt, cells }: Request): RequestDelta {
  // Columns may be longer than what is in them.
  const column = (of: (cell: Request["cells"][number]) => number) => [...cells.map(of), 99];
  return {
    fingerprint,
    receivedAt,
    producer: 0,
    length: cells.length,
    slo: Int32Array.from(column(({ slo }) => slo)),
    version: Int32Array.from(column(({ version }) => version)),
    second: Float64Array.from(column(({ second }) => second)),
    total: Float64Array.from(column(({ total }) => total)),
    bad: Float64Array.from(column(({ bad }) => bad)),
    rawBad: Float64Array.from(column(({ rawBad }) => rawBad)),
    badSquares: Float64Array.from(column(({ badSquares }) => badSquares)),
  };
}

function plain(delta: RequestDelta, taken: Taken) {
  const cells = Array.from({ length: delta.length }, (_, i) => [
    delta.slo[i],
    delta.version[i],
    delta.second[i],
    delta.total[i],
    delta.bad[i],
    delta.rawBad[i],
    delta.badSquares[i],
  ]);
  return { fingerprint: [...delta.fingerprint], receivedAt: delta.receivedAt, cells, taken };
}

/** Every version keeps its number. */
const SAME = Array.from({ length: 4_096 }, (_, id) => id);

describe("deltas as numbers", () => {
  it("come back as they were, however many there are in one array", () => {
    const writer = new DeltaWriter();
    const crossed = new CrossedDelta(3);
    fc.assert(
      fc.property(fc.array(request, { maxLength: 10 }), (requests) => {
        writer.clear();
        for (const [i, each] of requests.entries()) writer.add(i + 1, deltaOf(each), each.taken);
        const numbers = structuredClone(writer.written());
        let at = 0;
        for (const [i, each] of requests.entries()) {
          at = crossed.read(numbers, at, SAME);
          expect(crossed.request).toBe(i + 1);
          expect(crossed.producer).toBe(3);
          expect(plain(crossed, crossed.taken)).toEqual(plain(deltaOf(each), each.taken));
        }
        expect(at).toBe(numbers.length);
      }),
    );
  });

  it("may be larger than all before, and versions get the ids they have here", () => {
    const cells = Array.from({ length: 200_000 }, (_, i) => ({
      slo: i,
      version: i % 3,
      second: i,
      total: 256,
      bad: 0,
      rawBad: 0,
      badSquares: 0,
    }));
    const nothing = { unmatched: 0, late: 0, skewed: 0, unverified: 0, refused: {} };
    const taken = { bytes: 1, spans: 1, points: 0, ...nothing };
    const one = {
      fingerprint: new Uint32Array(5),
      receivedAt: 1,
      cells,
      taken,
    } as never as Request;
    const writer = new DeltaWriter();
    writer.add(1, deltaOf(one), taken);
    const crossed = new CrossedDelta(1);
    crossed.read(structuredClone(writer.written()), 0, [0, 1, 40]);
    expect(crossed.length).toBe(200_000);
    expect([...crossed.version.subarray(0, 6)]).toEqual([0, 1, 40, 0, 1, 40]);
    expect(crossed.slo[199_999]).toBe(199_999);
    writer.clear();
    writer.add(2, deltaOf({ ...one, cells: cells.slice(0, 1) }), taken);
    expect(crossed.read(writer.written(), 0, SAME)).toBe(writer.written().length);
    expect(crossed).toMatchObject({ request: 2, length: 1 });
  });
});

import { describe, expect, it } from "vitest";
import type { MetricSelector, Slo } from "../../../src/model/slo.ts";
import { IngestRig, metricSlo, NOW, NOW_S } from "../../support/ingest-rig.ts";
import {
  exponentialHistogram,
  gauge,
  type HistogramPoint,
  histogram,
  metricFields,
  type SumPoint,
  sum,
} from "../../support/otlp-wire.ts";
import { encode, type WireField } from "../../support/wire-message.ts";

const SHOP = { "service.name": "shop", "service.version": "1.4.2" };
/** Nanoseconds of a moment `seconds` after NOW; the engine listens since a minute before NOW. */
const at = (seconds: number) => BigInt((NOW_S + seconds) * 1_000) * 1_000_000n;
const BEFORE = at(-3_600);
const SINCE = at(-50);

const request = (...metrics: WireField[]) => encode(metricFields(SHOP, metrics));
const requests = metricSlo("requests", {
  total: { metrics: ["requests"] },
  bad: { metrics: ["requests"], where: { attribute: "code", test: { gte: 500 } } },
});

/** A cumulative counter with two series, code 200 and 500. */
const counter = (second: number, good: number, bad: number, startNs = SINCE) =>
  request(
    sum("cumulative", [
      { startNs, timeNs: at(second), value: BigInt(good), attributes: { code: 200 } },
      { startNs, timeNs: at(second), value: bad, attributes: { code: 500 } },
    ]),
  );

describe("a delta sum", () => {
  it("adds its values in the second in which the points end", () => {
    const rig = new IngestRig([requests]);
    const point = (second: number, value: number | bigint, code: number): SumPoint => ({
      startNs: at(second - 10),
      timeNs: at(second),
      value,
      attributes: { code },
    });
    rig.metrics(
      request(sum("delta", [point(-20, 90n, 200), point(-20, 10, 500), point(-10, 7, 200)])),
    );
    expect(rig.cells.map(({ second, total, bad }) => [second - NOW_S, total, bad])).toEqual([
      [-20, 100, 10],
      [-10, 7, 0],
    ]);
    expect(rig.cells[0]).toMatchObject({ version: "1.4.2", rawBad: 10, badSquares: 10 });
  });

  it("may have fractions, which are rounded to 1/256", () => {
    const rig = new IngestRig([requests]);
    rig.metrics(request(sum("delta", [{ timeNs: at(0), value: 0.5 }])));
    expect(rig.take()).toEqual([0.5, 0]);
  });
});

describe("a cumulative sum", () => {
  it("adds what it grew by", () => {
    const rig = new IngestRig([requests]);
    rig.metrics(counter(-30, 100, 4));
    // The series began after the engine did: all of it is new.
    expect(rig.take()).toEqual([104, 4]);
    rig.metrics(counter(-20, 150, 5));
    expect(rig.take()).toEqual([51, 1]);
    rig.metrics(counter(-10, 150, 5));
    expect(rig.take()).toEqual([0, 0]);
  });

  it("that began before the engine did only sets the base line at first sight", () => {
    const rig = new IngestRig([requests]);
    rig.metrics(counter(-30, 1_000_000, 4_000, BEFORE));
    expect(rig.take()).toEqual([0, 0]);
    rig.metrics(counter(-20, 1_000_010, 4_001, BEFORE));
    expect(rig.take()).toEqual([11, 1]);
  });

  it("without a start time is treated as one from before", () => {
    const rig = new IngestRig([requests]);
    rig.metrics(counter(-30, 100, 4, 0n));
    expect(rig.take()).toEqual([0, 0]);
    rig.metrics(counter(-20, 107, 4, 0n));
    expect(rig.take()).toEqual([7, 0]);
  });

  it("counts from zero after a restart, told by its start time or by a smaller value", () => {
    const byStart = new IngestRig([requests]);
    byStart.metrics(counter(-40, 100, 0));
    byStart.take();
    // Larger than before, but since a later start.
    byStart.metrics(counter(-20, 120, 0, at(-35)));
    expect(byStart.take()).toEqual([120, 0]);

    const byValue = new IngestRig([requests]);
    byValue.metrics(counter(-40, 100, 0, 0n));
    byValue.metrics(counter(-30, 110, 0, 0n));
    byValue.take();
    byValue.metrics(counter(-20, 30, 0, 0n));
    expect(byValue.take()).toEqual([30, 0]);
  });

  it("out of order adds nothing: the later point has already told", () => {
    const rig = new IngestRig([requests]);
    rig.metrics(counter(-40, 100, 0));
    rig.metrics(counter(-20, 120, 0));
    rig.take();
    rig.metrics(counter(-30, 110, 0));
    expect(rig.take()).toEqual([0, 0]);
    rig.metrics(counter(-10, 125, 0));
    expect(rig.take()).toEqual([5, 0]);
  });

  it("is one series whatever the order of its attributes, and another with other ones", () => {
    const rig = new IngestRig([requests]);
    const of = (second: number, value: number, attributes: SumPoint["attributes"]) =>
      request(
        sum("cumulative", [{ startNs: SINCE, timeNs: at(second), value, attributes: attributes! }]),
      );
    rig.metrics(of(-40, 10, { code: 200, route: "/" }));
    rig.metrics(of(-30, 12, { route: "/", code: 200 }));
    expect(rig.take()).toEqual([12, 0]);
    rig.metrics(of(-30, 12, { route: "/", code: 201 }));
    expect(rig.take()).toEqual([12, 0]);
    const other = encode(
      metricFields({ ...SHOP, "service.instance.id": "b" }, [
        sum("cumulative", [
          { startNs: SINCE, timeNs: at(-20), value: 9, attributes: { code: 200, route: "/" } },
        ]),
      ]),
    );
    rig.metrics(other);
    expect(rig.take()).toEqual([9, 0]);
  });

  it("read by two SLOs counts for both", () => {
    const other = { ...requests, name: "other" };
    const rig = new IngestRig([requests, other]);
    rig.metrics(counter(-30, 100, 4));
    rig.metrics(counter(-20, 110, 5));
    expect([rig.sum("requests"), rig.sum("other")].map(({ total, bad }) => [total, bad])).toEqual([
      [115, 5],
      [115, 5],
    ]);
  });

  it("keeps its base line when the rules are compiled again", () => {
    const rig = new IngestRig([requests]);
    rig.metrics(counter(-30, 100, 4, BEFORE));
    rig.useSlos([structuredClone(requests)]);
    rig.metrics(counter(-20, 105, 4, BEFORE));
    expect(rig.take()).toEqual([5, 0]);
  });
});

describe("a request that is dropped", () => {
  it("because its tail is malformed leaves the series as they were", () => {
    const rig = new IngestRig([requests]);
    rig.metrics(counter(-40, 100, 4));
    rig.take();
    const cut = Uint8Array.from([...counter(-30, 120, 6), 0x0a, 0x7f]);
    expect(rig.metrics(cut)).toMatchObject({ code: "malformed" });
    rig.metrics(counter(-20, 130, 7));
    expect(rig.take()).toEqual([33, 3]);
  });

  it("at first sight does not make the series known", () => {
    const rig = new IngestRig([requests]);
    const cut = Uint8Array.from([...counter(-30, 100, 4), 0x0a, 0x7f]);
    rig.metrics(cut);
    rig.metrics(counter(-30, 100, 4));
    expect(rig.take()).toEqual([104, 4]);
  });

  it("as a duplicate counts once", () => {
    const rig = new IngestRig([requests]);
    rig.metrics(counter(-40, 100, 4));
    rig.metrics(counter(-40, 100, 4));
    expect(rig.take()).toEqual([104, 4]);
    expect(rig.counters.requestsDuplicate).toBe(1);
    const deltas = request(sum("delta", [{ startNs: at(-5), timeNs: at(0), value: 3 }]));
    rig.metrics(deltas);
    rig.metrics(deltas);
    expect(rig.take()).toEqual([3, 0]);
  });

  it("by the commit gives its increase to the retry", () => {
    let refuse = true;
    const cells: number[] = [];
    const rig = new IngestRig([requests], {
      admission: {
        admit(delta, done) {
          if (!refuse) cells.push(...delta.total.subarray(0, delta.length));
          done(refuse ? { code: "state-unavailable", message: "full", retryAfterMs: 1 } : null);
          return refuse ? "refused" : "admitted";
        },
      },
    });
    rig.metrics(counter(-40, 100, 4));
    refuse = false;
    rig.metrics(counter(-40, 100, 4));
    expect(cells).toEqual([104 * 256]);
  });
});

describe("what is not a count of requests", () => {
  it.each<[string, WireField]>([
    ["a sum that may go down", sum("delta", [{ timeNs: at(0), value: 5 }], { monotonic: false })],
    ["a sum without temporality", sum("unspecified", [{ timeNs: at(0), value: 5 }])],
    ["a negative value", sum("delta", [{ timeNs: at(0), value: -5n }])],
    ["no number at all", sum("delta", [{ timeNs: at(0), value: Number.NaN }])],
    ["infinitely many", sum("delta", [{ timeNs: at(0), value: Number.POSITIVE_INFINITY }])],
  ])("is refused as unusable, once a point: %s", (_what, metric) => {
    // Both of the SLO's selectors match, and those of a second SLO too.
    const both = { total: {}, bad: {} };
    const rig = new IngestRig([metricSlo("a", both), metricSlo("b", both)]);
    expect(rig.metrics(request(metric))).toEqual({
      rejected: 1,
      message: "not counted: 1 not countable (non-monotonic or without temporality)",
    });
    expect(rig.cells).toEqual([]);
    expect(rig.counters).toMatchObject({ itemsRefused: { unusable: 1 }, pointsAccepted: 0 });
  });

  it("is passed over when the point says that it has no value", () => {
    const rig = new IngestRig([requests]);
    expect(rig.metrics(request(sum("delta", [{ timeNs: at(0), value: 5, flags: 1 }])))).toBeNull();
    expect(rig.cells).toEqual([]);
  });

  it("of other names is counted as received and not read", () => {
    const rig = new IngestRig([requests]);
    const other = sum("delta", [{ timeNs: at(0), value: 5 }], { name: "others" });
    expect(rig.metrics(request(other))).toBeNull();
    expect(rig.cells).toEqual([]);
    expect(rig.counters.pointsAccepted).toBe(1);
  });
});

const latency = (
  op: "lte" | "gt",
  seconds: number,
  role: "good" | "bad" = op === "gt" ? "bad" : "good",
): Slo => {
  const selector: Partial<MetricSelector> = {
    metrics: ["duration"],
    threshold: { op, value: seconds, isDuration: true },
  };
  return metricSlo("latency", { total: { metrics: ["duration"] }, [role]: selector });
};

describe("an explicit histogram", () => {
  const point: HistogramPoint = { timeNs: at(0), bounds: [0.1, 0.25, 1], counts: [50, 30, 15, 5] };

  it.each([
    [0.1, 50],
    [0.25, 20],
    [1, 5],
  ])("has as many observations above %f s as its buckets say, packed or not", (bound, above) => {
    for (const isPacked of [true, false]) {
      for (const slo of [latency("gt", bound), latency("lte", bound)]) {
        const rig = new IngestRig([slo]);
        expect(rig.metrics(request(histogram("delta", [point], { isPacked })))).toBeNull();
        expect(rig.take()).toEqual([100, above]);
      }
    }
  });

  it("in milliseconds is asked in milliseconds", () => {
    const rig = new IngestRig([latency("gt", 0.25)]);
    const inMs = { ...point, bounds: [100, 250, 1_000] };
    rig.metrics(request(histogram("delta", [inMs], { unit: "ms" })));
    expect(rig.take()).toEqual([100, 20]);
  });

  it("in a threshold that is no duration is asked as it is", () => {
    const slo = metricSlo("size", {
      total: { metrics: ["duration"] },
      bad: { metrics: ["duration"], threshold: { op: "gt", value: 0.25, isDuration: false } },
    });
    const rig = new IngestRig([slo]);
    rig.metrics(request(histogram("delta", [point], { unit: "ms" })));
    expect(rig.take()).toEqual([100, 20]);
  });

  it.each<[string, HistogramPoint]>([
    ["the threshold is between two bounds", { ...point, bounds: [0.1, 0.3, 1] }],
    ["the threshold is beyond the last bound", { ...point, bounds: [0.01, 0.02, 0.03] }],
    ["there are no buckets", { ...point, bounds: [], counts: [], count: 100 }],
    ["bounds come without buckets", { ...point, counts: [], count: 100 }],
  ])("counts for neither total nor bad or good when %s", (_why, unknown) => {
    for (const slo of [latency("gt", 0.25), latency("lte", 0.25)]) {
      const rig = new IngestRig([slo]);
      expect(rig.metrics(request(histogram("delta", [unknown])))).toEqual({
        rejected: 1,
        message: "not counted: 1 histograms without a bucket bound at the SLO's threshold",
      });
      expect(rig.cells).toEqual([]);
    }
  });

  it("that is cumulative adds what total and bad grew by", () => {
    const rig = new IngestRig([latency("lte", 0.25)]);
    const grown = (second: number, counts: number[]) =>
      rig.metrics(
        request(
          histogram("cumulative", [{ ...point, startNs: BEFORE, timeNs: at(second), counts }]),
        ),
      );
    grown(-30, [1_000, 100, 50, 5]);
    expect(rig.take()).toEqual([0, 0]);
    grown(-20, [1_010, 100, 51, 6]);
    expect(rig.take()).toEqual([12, 2]);
  });

  it("without a usable bound at first does not make everything bad later", () => {
    const rig = new IngestRig([latency("lte", 0.25)]);
    const send = (second: number, bounds: number[]) =>
      rig.metrics(
        request(
          histogram("cumulative", [{ ...point, bounds, startNs: BEFORE, timeNs: at(second) }]),
        ),
      );
    send(-30, [0.1, 0.3, 1]);
    send(-20, [0.1, 0.25, 1]);
    send(-10, [0.1, 0.25, 1]);
    expect(rig.take()).toEqual([0, 0]);
  });

  it("with too many buckets is malformed, not a full memory", () => {
    const rig = new IngestRig([latency("gt", 0.25)]);
    const bounds = Array.from({ length: 16_385 }, (_, i) => i);
    expect(
      rig.metrics(request(histogram("delta", [{ timeNs: at(0), bounds, counts: [1] }]))),
    ).toMatchObject({ code: "malformed" });
  });
});

describe("an exponential histogram", () => {
  // Scale 0: bucket i holds (2^i, 2^(i+1)]; here (0.25, 0.5], (0.5, 1], (1, 2].
  const point = { timeNs: at(0), scale: 0, offset: -2, counts: [20, 10, 5], zeroCount: 65 };
  const send = (slo: Slo, more: object = {}, isPacked = true) => {
    const rig = new IngestRig([slo]);
    const outcome = rig.metrics(
      request(exponentialHistogram("delta", [{ ...point, ...more }], { isPacked })),
    );
    return { outcome, counts: rig.take() };
  };

  it.each([
    [0.25, 35],
    [0.5, 15],
    [1, 5],
    [2, 0],
    [64, 0],
  ])("has observations above the power of two %f s, packed or not", (bound, above) => {
    expect(send(latency("gt", bound)).counts).toEqual([100, above]);
    expect(send(latency("lte", bound), {}, false).counts).toEqual([100, above]);
  });

  it("is exact between bounds where nothing was observed", () => {
    expect(send(latency("gt", 0.3)).outcome).toMatchObject({ rejected: 1 });
    // 0.1 lies in bucket (0.0625, 0.125], which is empty.
    expect(send(latency("gt", 0.1)).counts).toEqual([100, 35]);
    expect(send(latency("gt", 1.5), { counts: [20, 10, 0, 5] }).counts).toEqual([100, 5]);
  });

  it("of a finer scale has more bounds", () => {
    // Scale 3: base 2^(1/8). Bucket 8 holds (2, 2.18], bucket 7 (1.83, 2].
    const fine = { scale: 3, offset: 7, counts: [4, 3], zeroCount: 0 };
    expect(send(latency("gt", 2), fine).counts).toEqual([7, 3]);
    expect(send(latency("gt", 2 ** (7 / 8)), fine).counts).toEqual([7, 7]);
    expect(send(latency("gt", 1.9), fine).outcome).toMatchObject({ rejected: 1 });
  });

  it("counts zero and negative observations as below", () => {
    expect(send(latency("gt", 0.5), { negative: [3, 4] }).counts).toEqual([107, 15]);
  });

  it("cannot tell below its zero threshold", () => {
    expect(send(latency("gt", 0.125), { zeroThreshold: 0.2 }).outcome).toMatchObject({
      rejected: 1,
    });
    expect(send(latency("gt", 0.25), { zeroThreshold: 0.2 }).counts).toEqual([100, 35]);
  });

  it.each([2 ** 31 - 1, -(2 ** 31)])("of scale %i is an answer, not an accident", (scale) => {
    const { outcome, counts } = send(latency("gt", 0.3), { scale });
    expect(outcome === null || "rejected" in outcome).toBe(true);
    expect(counts.every(Number.isFinite)).toBe(true);
  });
});

describe("a gauge", () => {
  const slo = metricSlo("queue", {
    total: { metrics: ["queue"] },
    bad: { metrics: ["queue"], threshold: { op: "gte", value: 10, isDuration: false } },
  });

  it("is one request a point, bad when its value passes the threshold", () => {
    const rig = new IngestRig([slo]);
    const values = [9, 9.999, 10, 1_000n];
    rig.metrics(
      request(
        gauge(
          "queue",
          "",
          values.map((value, i) => ({ timeNs: at(-i), value })),
        ),
      ),
    );
    expect(rig.take()).toEqual([4, 2]);
  });

  it.each([
    ["lt", 1],
    ["lte", 2],
    ["gt", 1],
    ["gte", 2],
  ] as const)("compares with %s", (op, expected) => {
    const of = metricSlo("q", {
      total: { metrics: ["queue"] },
      bad: { metrics: ["queue"], threshold: { op, value: 2, isDuration: false } },
    });
    const rig = new IngestRig([of]);
    rig.metrics(
      request(
        gauge(
          "queue",
          "",
          [1, 2, 3].map((value) => ({ timeNs: at(0), value })),
        ),
      ),
    );
    expect(rig.take()).toEqual([3, expected]);
  });

  it("in milliseconds is compared with a threshold in seconds", () => {
    const rig = new IngestRig([latency("gt", 0.25)]);
    const values = [250, 251].map((value) => ({ timeNs: at(0), value }));
    rig.metrics(request(gauge("duration", "ms", values)));
    expect(rig.take()).toEqual([2, 1]);
  });

  it("that is not a number is neither good nor bad", () => {
    const rig = new IngestRig([slo]);
    const outcome = rig.metrics(
      request(gauge("queue", "", [{ timeNs: at(0), value: Number.NaN }])),
    );
    expect(outcome).toMatchObject({ rejected: 1 });
    expect(rig.cells).toEqual([]);
  });
});

describe("the limit of series", () => {
  const many = (second: number, from: number, to: number) =>
    request(
      sum(
        "cumulative",
        Array.from({ length: to - from }, (_, i) => ({
          startNs: SINCE,
          timeNs: at(second),
          value: 1 + second + 100,
          attributes: { id: from + i },
        })),
      ),
    );
  const slo = metricSlo("many", {
    total: {},
    bad: { where: { attribute: "no", test: { in: [1] } } },
  });

  it("refuses what is new beyond it and still counts what is known", () => {
    const rig = new IngestRig([slo], { seriesLimit: 3_000 });
    expect(rig.metrics(many(-30, 0, 2_900))).toBeNull();
    expect(rig.metrics(many(-20, 2_800, 3_200))).toEqual({
      rejected: 200,
      message: "not counted: 200 beyond the limit of 3000 series",
    });
    // 2,900 x 71, then 100 known that grew by 10 and 100 new ones.
    expect(rig.take()).toEqual([2_900 * 71 + 100 * 10 + 100 * 81, 0]);
    expect(rig.counters.itemsRefused).toEqual({ "series-limit": 200 });
  });

  it("makes room for new ones by forgetting series that were silent for an hour", () => {
    const rig = new IngestRig([slo], { seriesLimit: 1_000 });
    rig.metrics(many(-30, 0, 1_000));
    rig.now = NOW + 3_000_000;
    rig.metrics(many(2_999, 0, 10));
    rig.take();
    rig.now = NOW + 4_000_000;
    // The request begins with a known series: that must not keep the others.
    expect(rig.metrics(many(3_999, 5, 505))).toBeNull();
    expect(rig.take()).toEqual([5 * 1_000 + 495 * 4_100, 0]);
    expect(rig.series.size).toBe(505);
  });

  it("keeps total and good together: neither counts when one has no room", () => {
    const half = metricSlo("half", { total: {}, good: {} });
    const rig = new IngestRig([half], { seriesLimit: 3 });
    expect(rig.metrics(many(-30, 0, 2))).toMatchObject({ rejected: 1 });
    expect(rig.take()).toEqual([71, 0]);
    rig.metrics(many(-20, 0, 2));
    expect(rig.take()).toEqual([10, 0]);
  });
});

it("is read from any field order, with name and unit after the data", () => {
  const rig = new IngestRig([latency("gt", 0.25)]);
  const metric = histogram("delta", [{ timeNs: at(0), bounds: [100, 250], counts: [1, 2, 3] }], {
    unit: "ms",
  });
  if (!("message" in metric.value)) throw new Error("unreachable: a message");
  const turned = { ...metric, value: { message: [...metric.value.message].reverse() } };
  rig.metrics(request(turned));
  expect(rig.take()).toEqual([6, 3]);
});

import { describe, expect, it } from "vitest";
import type { MetricSelector, Slo } from "../../../src/model/slo.ts";
import { IngestRig, metricSlo, NOW_S } from "../../support/ingest-rig.ts";
import {
  exponentialHistogram,
  gauge,
  type HistogramPoint,
  histogram,
  metricFields,
} from "../../support/otlp-wire.ts";
import { encode, type WireField } from "../../support/wire-message.ts";

const SHOP = { "service.name": "shop", "service.version": "1.4.2" };
/** Nanoseconds of a moment `seconds` after NOW; the engine listens since a minute before NOW. */
const at = (seconds: number) => BigInt((NOW_S + seconds) * 1_000) * 1_000_000n;
const BEFORE = at(-3_600);

const request = (...metrics: WireField[]) => encode(metricFields(SHOP, metrics));

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

describe("a gauge of durations", () => {
  it("in milliseconds is compared with a threshold in seconds", () => {
    const rig = new IngestRig([latency("gt", 0.25)]);
    const values = [250, 251].map((value) => ({ timeNs: at(0), value }));
    rig.metrics(request(gauge("duration", "ms", values)));
    expect(rig.take()).toEqual([2, 1]);
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

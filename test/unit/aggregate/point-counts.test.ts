import { describe, expect, it } from "vitest";
import { IngestRig, metricSlo, NOW_S } from "../../support/ingest-rig.ts";
import { gauge, metricFields, type SumPoint, sum } from "../../support/otlp-wire.ts";
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

  it.each([1e308, 2 ** 41])("of %d requests is no count, so that sums stay exact", (value) => {
    const rig = new IngestRig([requests]);
    rig.metrics(
      request(
        sum("delta", [
          { startNs: at(-20), timeNs: at(-10), value, attributes: { code: 200 } },
          { startNs: at(-20), timeNs: at(-10), value: 5, attributes: { code: 200 } },
        ]),
      ),
    );
    expect(rig.cells.map(({ total }) => total)).toEqual([5]);
    expect(rig.counters.itemsRefused).toEqual({ unusable: 1 });
  });

  it("may have fractions, which are rounded to 1/256", () => {
    const rig = new IngestRig([requests]);
    rig.metrics(request(sum("delta", [{ timeNs: at(0), value: 0.5 }])));
    expect(rig.take()).toEqual([0.5, 0]);
  });
});

describe("a cumulative sum", () => {
  it("may have counted more than a point may bring at once", () => {
    const rig = new IngestRig([requests]);
    const read = (second: number, value: bigint) =>
      rig.metrics(
        request(
          sum("cumulative", [
            { startNs: BEFORE, timeNs: at(second), value, attributes: { code: 200 } },
          ]),
        ),
      );
    expect([read(-30, 2n ** 45n), read(-20, 2n ** 45n + 3n)]).toEqual([null, null]);
    expect(rig.take()).toEqual([3, 0]);
    expect(read(-10, 2n ** 46n)).toMatchObject({ rejected: 1 });
    expect(read(-5, 2n ** 46n + 4n)).toBeNull();
    expect(rig.take()).toEqual([4, 0]);
  });

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

  it("read twice in one millisecond adds what it grew by in between", () => {
    const rig = new IngestRig([requests]);
    rig.metrics(counter(-20, 100, 4));
    rig.metrics(counter(-20, 103, 4));
    expect(rig.take()).toEqual([107, 4]);
    // The reading before that one, overtaken; then what cannot be a later reading of the same process.
    rig.metrics(counter(-20, 101, 4));
    rig.metrics(counter(-20, 200, 5, at(-45)));
    expect(rig.take()).toEqual([0, 0]);
    rig.metrics(counter(-10, 110, 5));
    expect(rig.take()).toEqual([8, 1]);
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

  it("that is not a number is neither good nor bad", () => {
    const rig = new IngestRig([slo]);
    const outcome = rig.metrics(
      request(gauge("queue", "", [{ timeNs: at(0), value: Number.NaN }])),
    );
    expect(outcome).toMatchObject({ rejected: 1 });
    expect(rig.cells).toEqual([]);
  });
});

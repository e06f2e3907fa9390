import { describe, expect, it } from "vitest";
import { IngestRig, metricSlo, NOW, NOW_S } from "../../support/ingest-rig.ts";
import { tracesRequest } from "../../support/otlp.ts";
import { metricFields, sum } from "../../support/otlp-wire.ts";
import { encode, type WireField } from "../../support/wire-message.ts";

const SHOP = { "service.name": "shop", "service.version": "1.4.2" };
/** Nanoseconds of a moment `seconds` after NOW; the engine listens since a minute before NOW. */
const at = (seconds: number) => BigInt((NOW_S + seconds) * 1_000) * 1_000_000n;
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

describe("requests that wait for their commit", () => {
  const FULL = { code: "state-unavailable", message: "full", retryAfterMs: 1 } as const;

  function waiting() {
    const commits: ((refusal: typeof FULL | null) => void)[] = [];
    const totals: number[] = [];
    const rig = new IngestRig([requests], {
      admission: {
        admit(delta, done) {
          totals.push(delta.total.subarray(0, delta.length).reduce((a, b) => a + b, 0) / 256);
          // There is nothing to store: as the journal does.
          if (delta.length === 0 && delta.baseLines === undefined) done(null);
          else commits.push(done);
          return "admitted";
        },
      },
    });
    const send = (bytes: Uint8Array) => {
      rig.consumer.consume("metrics", "protobuf", bytes, () => undefined);
      return totals.at(-1);
    };
    return { rig, send, commits };
  }

  it("are counted on from one another before they are committed", () => {
    const { send } = waiting();
    expect([send(counter(-40, 100, 4)), send(counter(-30, 150, 4))]).toEqual([104, 50]);
  });

  it("give back what they moved when the commit fails, also that of later ones", () => {
    const { send, commits } = waiting();
    send(counter(-40, 100, 4));
    commits.shift()?.(null);
    send(counter(-30, 150, 4));
    send(counter(-20, 160, 5));
    for (const commit of commits.splice(0)) commit(FULL);
    expect(send(counter(-20, 160, 5))).toBe(61);
  });

  it("are waited for by whoever repeats a part of them, and by nobody after their commit", () => {
    const { send, commits } = waiting();
    const part = (second: number) =>
      request(
        sum("cumulative", [
          { startNs: SINCE, timeNs: at(second), value: 100n, attributes: { code: 200 } },
        ]),
      );
    send(counter(-40, 100, 4));
    send(part(-40));
    send(part(-45));
    expect(commits).toHaveLength(3);
    for (const commit of commits.splice(0)) commit(null);
    send(part(-40));
    expect(commits).toHaveLength(0);
  });

  it("give back what they moved though one without a count was answered meanwhile", () => {
    const { rig, send, commits } = waiting();
    send(counter(-40, 100, 4));
    expect(rig.spans(tracesRequest([{ service: "another" }]))).toBeNull();
    for (const commit of commits.splice(0)) commit(FULL);
    expect(send(counter(-40, 100, 4))).toBe(104);
  });

  it("keep what was committed when a later commit fails", () => {
    const { send, commits } = waiting();
    for (const [second, good] of [
      [-40, 100],
      [-30, 150],
      [-20, 160],
    ] as const) {
      send(counter(second, good, 0));
    }
    commits.shift()?.(null);
    commits.shift()?.(null);
    commits.shift()?.(FULL);
    expect(send(counter(-10, 170, 0))).toBe(20);
  });

  it("take back their own part alone when one is dropped in between", () => {
    const { rig, send, commits } = waiting();
    send(counter(-40, 100, 0));
    rig.metrics(Uint8Array.from([...counter(-30, 120, 6), 0x0a, 0x7f]));
    expect(send(counter(-20, 130, 0))).toBe(30);
    for (const commit of commits.splice(0)) commit(FULL);
    expect(send(counter(-40, 100, 0))).toBe(100);
  });

  it("can be taken back after any number of commits that left something in flight", () => {
    const { send, commits } = waiting();
    let sent = 0;
    for (let i = 0; i < 5_000; i++) {
      send(counter(-50 + i / 1000, ++sent, 0));
      if (i > 0) commits.shift()?.(null);
    }
    expect(commits).toHaveLength(1);
    commits.shift()?.(FULL);
    expect(send(counter(-40, sent, 0))).toBe(1);
  });

  it("hand the last points over, for whoever goes on from them", () => {
    const { rig, send } = waiting();
    send(counter(-40, 100, 4));
    const stored = structuredClone(rig.series.read(0, rig.series.size));
    expect(stored.length).toBe(2);
    const other = waiting();
    other.rig.series.restore(stored, NOW);
    expect(other.send(counter(-30, 150, 5))).toBe(51);
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
      message: "not counted: 200 beyond the limit of 3000 series (state.max_series)",
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
    // What those that come back after it had counted before is not told: they begin with a new base line.
    expect(rig.take()).toEqual([5 * 1_000, 0]);
    expect(rig.series.size).toBe(505);
    rig.metrics(many(4_000, 5, 505));
    expect(rig.take()).toEqual([500, 0]);
  });

  it("counts a series from its start though others were forgotten before that", () => {
    const rig = new IngestRig([slo], { seriesLimit: 10 });
    rig.metrics(many(-30, 0, 10));
    rig.now = NOW + 4_000_000;
    rig.take();
    rig.metrics(request(sum("cumulative", [{ startNs: at(3_900), timeNs: at(3_999), value: 7 }])));
    expect(rig.take()).toEqual([7, 0]);
  });

  it("below what is stored loses base lines, and counts nothing twice for it", () => {
    const rig = new IngestRig([slo]);
    rig.metrics(many(-30, 0, 10));
    const stored = structuredClone(rig.series.read(0, rig.series.size));
    const small = new IngestRig([slo], { seriesLimit: 4 });
    small.series.restore(stored, NOW);
    expect(small.series.fit(NOW)).toBe(6);
    small.now = NOW + 4_000_000;
    small.metrics(many(3_999, 4, 8));
    expect(small.take()).toEqual([0, 0]);
  });

  it("brings back the latest base lines though some stored before them were forgotten since", () => {
    const rig = new IngestRig([slo], { seriesLimit: 10 });
    const lives = new IngestRig([slo], { seriesLimit: 10 });
    for (const [second, from] of [
      [-30, 0],
      [3_999, 10],
    ] as const) {
      rig.now = NOW + (second + 1) * 1_000;
      rig.metrics(many(second, from, from + 10));
      lives.series.restore(structuredClone(rig.series.read(0, 10)), rig.now);
    }
    expect(lives.series.fit(rig.now)).toBe(0);
    lives.now = NOW + 4_010_000;
    lives.metrics(many(4_009, 10, 20));
    expect(lives.take()).toEqual([100, 0]);
  });

  it("keeps total and good together: neither counts when one has no room", () => {
    const half = metricSlo("half", { total: {}, good: {} });
    const rig = new IngestRig([half], { seriesLimit: 1 });
    expect(rig.metrics(many(-30, 0, 2))).toMatchObject({ rejected: 1 });
    expect(rig.take()).toEqual([71, 0]);
    rig.metrics(many(-20, 0, 2));
    expect(rig.take()).toEqual([10, 0]);
  });
});

describe("an SLO that comes later", () => {
  const another = { ...requests, name: "another" };

  it("does not count what cumulative series had counted before it came", () => {
    const rig = new IngestRig([requests]);
    rig.metrics(counter(-40, 100, 4));
    rig.take();
    rig.useSlos([requests, another], { another: NOW - 35_000 });
    rig.metrics(counter(-30, 120, 5));
    expect([rig.sum("requests").total, rig.sum("another").total]).toEqual([21, 0]);
    rig.metrics(counter(-20, 130, 6));
    expect(rig.sum("another")).toMatchObject({ total: 11, bad: 1 });
    const young = sum("cumulative", [{ startNs: at(-15), timeNs: at(-10), value: 7 }]);
    rig.metrics(request(young));
    expect(rig.sum("another").total).toBe(18);
  });

  it("and was there before does not count what it missed meanwhile", () => {
    const rig = new IngestRig([requests, another]);
    rig.metrics(counter(-40, 100, 4));
    rig.useSlos([requests]);
    rig.metrics(counter(-30, 150, 14));
    rig.useSlos([requests, another], { another: NOW - 25_000 });
    rig.take();
    rig.metrics(counter(-20, 160, 14));
    expect([rig.sum("requests").total, rig.sum("another").total]).toEqual([10, 0]);
    rig.metrics(counter(-10, 170, 14));
    expect(rig.sum("another").total).toBe(10);
  });
});

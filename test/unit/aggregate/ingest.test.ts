import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_AGE_S, MAX_SKEW_S } from "../../../src/aggregate/otlp-reader.ts";
import { defaultIndicator } from "../../../src/config/default-indicator.ts";
import type { Slo } from "../../../src/model/slo.ts";
import { IngestRig, NOW_S, type Outcome, sloOf, spanSlo } from "../../support/ingest-rig.ts";
import { type SpanDescription, tracesRequest } from "../../support/otlp.ts";
import { traceFields, type WireSpan } from "../../support/otlp-wire.ts";
import { bytes, encode } from "../../support/wire-message.ts";

const NS = 1_000_000_000n;
const SERVER = 2;
const ERROR = 2;
const SHOP = { "service.name": "shop", "service.version": "1.4.2" };
const SLOS = [sloOf("shop", defaultIndicator("shop"))];

let nextId = 1;
/** A span with ids of its own: a server request that ended in the second of `NOW_S`. */
function span(more: WireSpan = {}): WireSpan {
  const traceId = new Uint8Array(16).fill(7);
  const spanId = new Uint8Array(8);
  new DataView(spanId.buffer).setUint32(4, nextId++);
  return {
    traceId,
    spanId,
    name: "GET /buy",
    kind: SERVER,
    startNs: BigInt(NOW_S) * NS - 20_000_000n,
    endNs: BigInt(NOW_S) * NS,
    ...more,
  };
}

const request = (...spans: WireSpan[]) => encode(traceFields(SHOP, spans));
const endAt = (second: number) => span({ endNs: BigInt(second) * NS });

describe("event time", () => {
  it("is the second in which a span ends, to the nanosecond", () => {
    const rig = new IngestRig(SLOS);
    const second = BigInt(NOW_S - 10);
    rig.spans(request(span({ endNs: second * NS - 1n }), span({ endNs: second * NS })));
    expect(rig.cells.map((cell) => cell.second)).toEqual([NOW_S - 11, NOW_S - 10]);
  });

  it("ahead of the clock counts in the second of arrival and as skewed", () => {
    const rig = new IngestRig(SLOS);
    expect(rig.spans(request(endAt(NOW_S + 1), endAt(NOW_S + MAX_SKEW_S)))).toBeNull();
    expect(rig.cells.map(({ second, total }) => [second, total])).toEqual([[NOW_S, 2]]);
    expect(rig.counters.skewed).toBe(2);
  });

  it("further ahead is refused, and the sender is told", () => {
    const rig = new IngestRig(SLOS);
    const outcome = rig.spans(request(span(), endAt(NOW_S + MAX_SKEW_S + 1)));
    expect(outcome).toEqual({
      rejected: 1,
      message: "not counted: 1 more than 1 h ahead of the receiver's clock",
    });
    expect(rig.take()).toEqual([1, 0]);
    expect(rig.counters.itemsRefused).toEqual({ future: 1 });
    expect(rig.counters.spansAccepted).toBe(1);
  });

  it("in the past counts in its own second, as late and in time as unverified", () => {
    const rig = new IngestRig(SLOS);
    const seconds = [NOW_S - 300, NOW_S - 301, NOW_S - 900, NOW_S - 901, NOW_S - MAX_AGE_S];
    expect(rig.spans(request(...seconds.map(endAt)))).toBeNull();
    expect(rig.cells.map((cell) => cell.second)).toEqual([...seconds].reverse());
    expect(rig.counters).toMatchObject({ late: 4, unverified: 2, skewed: 0 });
  });

  it("older than any window is refused, also a span that never ended", () => {
    const rig = new IngestRig(SLOS);
    const outcome = rig.spans(request(endAt(NOW_S - MAX_AGE_S - 1), endAt(0), span()));
    expect(outcome).toEqual({ rejected: 2, message: "not counted: 2 older than 31 days" });
    expect(rig.take()).toEqual([1, 0]);
    expect(rig.counters.itemsRefused).toEqual({ "too-old": 2 });
  });

  it("is asked only of spans that an SLO counts", () => {
    const rig = new IngestRig(SLOS);
    expect(rig.spans(encode(traceFields({ "service.name": "else" }, [endAt(0)])))).toBeNull();
    expect(rig.counters.itemsRefused).toEqual({});
  });
});

describe("a retry", () => {
  it("is acknowledged and adds nothing, also in another order", () => {
    const rig = new IngestRig(SLOS);
    const spans = [span(), span({ status: ERROR }), span()];
    expect(rig.spans(request(...spans))).toBeNull();
    expect(rig.spans(request(...spans.reverse()))).toBeNull();
    expect(rig.take()).toEqual([3, 1]);
    expect(rig.counters).toMatchObject({
      requestsAccepted: 1,
      requestsDuplicate: 1,
      spansAccepted: 3,
    });
  });

  it("is told again what was not counted", () => {
    const rig = new IngestRig(SLOS);
    const bytes = request(endAt(0));
    const first = rig.spans(bytes);
    expect(first).toMatchObject({ rejected: 1 });
    expect(rig.spans(bytes)).toEqual(first);
    expect(rig.counters.itemsRefused).toEqual({ "too-old": 1 });
  });

  it("is not what a request with one span more is", () => {
    const rig = new IngestRig(SLOS);
    const [a, b] = [span(), span()];
    rig.spans(request(a));
    rig.spans(request(a, b));
    expect(rig.take()).toEqual([3, 0]);
  });

  it("is recognised of spans without ids by their times; other times count", () => {
    const rig = new IngestRig(SLOS);
    const zero = { traceId: new Uint8Array(16), spanId: new Uint8Array(8) };
    for (const ids of [{ traceId: new Uint8Array(0), spanId: new Uint8Array(0) }, zero]) {
      const at = (offset: bigint) => request(span({ ...ids, endNs: BigInt(NOW_S) * NS + offset }));
      rig.spans(at(0n));
      rig.spans(at(0n));
      rig.spans(at(1n));
    }
    // The empty and the zero ids mean the same, so the second round is a retry of the first.
    expect(rig.take()).toEqual([2, 0]);
  });
});

describe("what an admission says", () => {
  it("reaches the sender after the counters have moved", () => {
    const rig = new IngestRig(SLOS);
    let accepted = -1;
    rig.consumer.consume("traces", "protobuf", request(span()), () => {
      accepted = rig.counters.requestsAccepted;
    });
    expect(accepted).toBe(1);
  });

  it("may come later, after the commit", () => {
    const waiting: (() => void)[] = [];
    const rig = new IngestRig(SLOS, {
      admission: {
        admit(_delta, done) {
          waiting.push(() => done(null));
          return "admitted";
        },
      },
    });
    const answers: Outcome[] = [];
    rig.consumer.consume("traces", "protobuf", request(span()), (o) => answers.push(o));
    expect(answers).toEqual([]);
    expect(rig.counters).toMatchObject({ requestsAccepted: 0, spansAccepted: 0 });
    for (const commit of waiting) commit();
    expect(answers).toEqual([null]);
    expect(rig.counters).toMatchObject({ requestsAccepted: 1, spansAccepted: 1 });
  });

  it("is a refusal: the request is counted as refused and not as accepted", () => {
    const refusal = { code: "overloaded", message: "later", retryAfterMs: 1_000 } as const;
    const rig = new IngestRig(SLOS, {
      admission: {
        admit(_delta, done) {
          done(refusal);
          return "refused";
        },
      },
    });
    expect(rig.spans(request(span()))).toEqual(refusal);
    expect(rig.counters).toMatchObject({ requestsAccepted: 0, requestsRefused: { overloaded: 1 } });
  });
});

describe("versions", () => {
  const of = (version: string | undefined): SpanDescription => ({
    service: "shop",
    endUnixMs: NOW_S * 1_000,
    ...(version === undefined ? {} : { version }),
  });

  it("have cells of their own; without one it is nameless", () => {
    const rig = new IngestRig(SLOS);
    rig.spans(tracesRequest([of("1.0"), of("1.1"), of("1.1"), of(undefined)]));
    expect(rig.cells.map(({ version, total }) => [version, total])).toEqual([
      ["", 1],
      ["1.0", 1],
      ["1.1", 2],
    ]);
  });

  it("beyond the limit are counted together", () => {
    const rig = new IngestRig(SLOS, { versionLimit: 2 });
    rig.spans(tracesRequest(["a", "b", "c", "d", "a"].map(of)));
    expect(rig.cells.map(({ version, total }) => [version, total])).toEqual([
      ["a", 2],
      ["b", 1],
      ["other", 2],
    ]);
  });

  it("with very long names do not fill memory", () => {
    const rig = new IngestRig(SLOS);
    rig.spans(tracesRequest([of("v".repeat(257)), of("v".repeat(256))]));
    expect(rig.cells.map(({ version }) => version)).toEqual(["other", "v".repeat(256)]);
  });
});

describe("sampled spans", () => {
  it("count as often as their threshold says; raw errors and their dispersion are kept", () => {
    const rig = new IngestRig(SLOS);
    rig.spans(
      request(
        span({ traceState: "ot=th:8" }),
        span({ traceState: "rojo=1,ot=rv:1;th:c", status: ERROR }),
        span({ status: ERROR }),
      ),
    );
    // 2 + 4 + 1 requests; bad 4 + 1, by 2 spans; 4 squared plus 1 squared.
    expect(rig.sum()).toEqual({ total: 7, bad: 5, rawBad: 2, badSquares: 17 });
  });
});

describe("new rules", () => {
  it("apply from the next request on, and a retry from before is still one", () => {
    const rig = new IngestRig(SLOS);
    const bytes = request(span({ attributes: { region: "eu" } }));
    rig.spans(bytes);
    const regional: Slo = spanSlo(
      "eu",
      { attribute: "region", test: { in: ["eu"] } },
      { status: ["error"] },
    );
    rig.useSlos([SLOS[0]!, regional]);
    rig.spans(bytes);
    rig.spans(request(span({ attributes: { region: "eu" } })));
    expect(rig.sum("shop").total).toBe(2);
    expect(rig.sum("eu").total).toBe(1);
  });
});

it("keeps counts of any mix of services, versions and seconds apart", () => {
  const services = ["a", "b", "c"];
  const slos = services.map((service) => sloOf(service, defaultIndicator(service)));
  const described = fc.record({
    service: fc.constantFrom(...services, "none"),
    version: fc.constantFrom("1", "2"),
    second: fc.integer({ min: NOW_S - 400, max: NOW_S }),
    bad: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(described, { minLength: 1, maxLength: 600 }), (spans) => {
      const rig = new IngestRig(slos);
      const wire = spans.map(({ service, version, second, bad }) =>
        traceFields({ "service.name": service, "service.version": version }, [
          span({ endNs: BigInt(second) * NS, status: bad ? ERROR : 0 }),
        ]),
      );
      expect(rig.spans(encode(wire.flat()))).toBeNull();
      const naive = new Map<string, [number, number]>();
      for (const { service, version, second, bad } of spans) {
        if (service === "none") continue;
        const counts = naive.get(`${service} ${version} ${second}`) ?? [0, 0];
        counts[0]++;
        if (bad) counts[1]++;
        naive.set(`${service} ${version} ${second}`, counts);
      }
      const counted = rig.cells.map((c) => [`${c.slo} ${c.version} ${c.second}`, [c.total, c.bad]]);
      expect(new Map(counted as [string, [number, number]][])).toEqual(naive);
      expect(counted).toHaveLength(naive.size);
    }),
    { numRuns: 40 },
  );
});

it("leaves bytes of the caller alone", () => {
  const rig = new IngestRig(SLOS);
  const wire = request(span(), span({ more: [bytes(99, new Uint8Array(10))] }));
  const copy = wire.slice();
  rig.spans(wire);
  expect(wire).toEqual(copy);
});

describe("spans of services that no SLO asks for", () => {
  it("are accepted and counted as unmatched, those of a known service that are no requests are not", () => {
    const rig = new IngestRig(SLOS);
    const inside = span({ kind: 1 });
    expect(rig.spans(request(span(), inside))).toBeNull();
    expect(rig.counters.spansUnmatched).toBe(0);
    const misspelt = encode(traceFields({ "service.name": "shopp" }, [span(), span()]));
    expect(rig.spans(misspelt)).toBeNull();
    expect(rig.spans(misspelt)).toBeNull();
    expect(rig.counters).toMatchObject({ spansUnmatched: 2, spansAccepted: 4 });
  });
});

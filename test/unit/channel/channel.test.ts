import { describe, expect, it } from "vitest";
import type { RequestDelta } from "../../../src/model/delta.ts";
import type { Refusal } from "../../../src/model/refusal.ts";
import { HOUR } from "../../../src/model/time.ts";
import type { Admitted } from "../../../src/ports/admission.ts";
import { RigWorker } from "../../support/channel-rig.ts";
import { IngestRig, metricSlo, NOW, NOW_S, spanSlo } from "../../support/ingest-rig.ts";
import { metricsRequest, type SpanDescription, tracesRequest } from "../../support/otlp.ts";

const SHOP = spanSlo("shop", service("shop"), { status: ["error"] });
const CART = spanSlo("cart", service("cart"), { status: ["error"] });
const COUNTER = metricSlo("counter", { total: { metrics: ["requests"] } });
const SLOS = [SHOP, CART, COUNTER];

function service(name: string) {
  return { resource: "service.name", test: { in: [name] } };
}

function spans(...descriptions: SpanDescription[]): Uint8Array {
  return tracesRequest(
    descriptions.map((span) => ({ service: "shop", endUnixMs: NOW - 5_000, ...span })),
  );
}

function points(value: number, timeUnixMs: number): Uint8Array {
  const startUnixMs = NOW - 30_000;
  const point = { startUnixMs, timeUnixMs, value };
  return metricsRequest({ service: "shop" }, [
    { name: "requests", temporality: "cumulative", points: [point] },
  ]);
}

describe("a request that a worker has read", () => {
  it("counts as it would without workers, and moves the same counters", async () => {
    const requests = [
      spans({}, { status: "error" }, { service: "cart", version: "2.0" }),
      spans({ version: "1.0", traceState: "ot=th:c" }, { endUnixMs: NOW - 400_000 }),
      spans({ endUnixMs: NOW + 2_000 }, { endUnixMs: NOW + 7_200_000 }, { endUnixMs: 1_000 }),
      spans({ service: "unknown" }),
      tracesRequest([]),
    ];
    const alone = new IngestRig(SLOS);
    const plane = new IngestRig(SLOS);
    const worker = new RigWorker(plane, SLOS, 1);
    for (const request of requests) {
      expect(await worker.spans(request)).toEqual(alone.spans(request));
    }
    expect(plane.cells).toEqual(alone.cells);
    expect(plane.cells.length).toBeGreaterThan(4);
    expect(plane.counters).toEqual(alone.counters);
    expect(plane.counters.itemsRefused).toEqual({ future: 1, "too-old": 1 });
  });

  it("is answered only after the commit, and hears why it was not committed", async () => {
    const waiting: ((refusal: Refusal | null) => void)[] = [];
    const admission = {
      admit(_delta: RequestDelta, done: (refusal: Refusal | null) => void): Admitted {
        waiting.push(done);
        return "admitted";
      },
    };
    const plane = new IngestRig(SLOS, { admission });
    const worker = new RigWorker(plane, SLOS, 1);
    const answers: unknown[] = [];
    const first = worker.spans(spans({})).then((outcome) => answers.push(outcome));
    const second = worker.spans(spans({}, {})).then((outcome) => answers.push(outcome));
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    expect(waiting).toHaveLength(2);
    // Both came in one turn: they crossed in one message.
    expect(worker.crossed).toEqual(["deltas"]);
    expect(answers).toEqual([]);
    const full = { code: "state-unavailable", message: "full", retryAfterMs: 2_000 } as const;
    waiting[0]?.(null);
    waiting[1]?.(full);
    await Promise.all([first, second]);
    expect(answers).toEqual([null, full]);
    expect(worker.crossed).toEqual(["deltas", "answers"]);
    expect(plane.counters.requestsRefused).toEqual({ "state-unavailable": 1 });
    expect(plane.counters.requestsAccepted).toBe(1);
  });

  it("is dropped as a retry when another worker had it, also one that died before it answered", async () => {
    const plane = new IngestRig(SLOS);
    const [one, two] = [new RigWorker(plane, SLOS, 1), new RigWorker(plane, SLOS, 2)];
    const request = spans({}, { status: "error" });
    void one.spans(request);
    while (!one.crossed.includes("deltas")) await new Promise(setImmediate);
    one.die();
    expect(await two.spans(request)).toBeNull();
    expect(plane.take()).toEqual([2, 1]);
    expect(plane.counters).toMatchObject({ requestsAccepted: 1, requestsDuplicate: 1 });
  });

  it("is refused there when it is no OTLP; the control plane counts it when it is told", async () => {
    const plane = new IngestRig(SLOS);
    const worker = new RigWorker(plane, SLOS, 1);
    const outcome = await worker.spans(Uint8Array.of(0xff, 0xff));
    expect(outcome).toMatchObject({ code: "malformed", retryAfterMs: null });
    expect(await worker.spans(new TextEncoder().encode("{"), "json")).toMatchObject({
      code: "malformed",
    });
    worker.end.tellRefused();
    worker.end.tellRefused();
    while (worker.crossed.length === 0) await new Promise(setImmediate);
    expect(plane.counters.requestsRefused).toEqual({ malformed: 2 });
    expect(worker.crossed).toEqual(["refused"]);
    expect(worker.refused).toEqual({});
  });

  it("counts in JSON too", async () => {
    const plane = new IngestRig(SLOS);
    const json = tracesRequest([{ service: "cart", endUnixMs: NOW }], "json");
    expect(await new RigWorker(plane, SLOS, 1).spans(json, "json")).toBeNull();
    expect(plane.take("cart")).toEqual([1, 0]);
  });
});

describe("versions", () => {
  it("have one id for all workers, whichever saw them first", async () => {
    const plane = new IngestRig(SLOS);
    const [one, two] = [new RigWorker(plane, SLOS, 1), new RigWorker(plane, SLOS, 2)];
    await one.spans(spans({ version: "a" }, { version: "b" }));
    await two.spans(spans({ version: "b" }, { version: "c" }));
    await one.spans(spans({ version: "c" }));
    const byVersion = new Map<string, number>();
    for (const { version, total } of plane.cells)
      byVersion.set(version, (byVersion.get(version) ?? 0) + total);
    expect(Object.fromEntries(byVersion)).toEqual({ a: 1, b: 2, c: 2 });
    expect([...plane.versions.ids()].map((id) => plane.versions.nameOf(id))).toEqual([
      "a",
      "b",
      "c",
    ]);
    // A name crosses once.
    expect(one.crossed.filter((kind) => kind === "versions")).toHaveLength(2);
  });

  it("that have no room any more count as other, and nothing of them is lost", async () => {
    const plane = new IngestRig(SLOS, { versionLimit: 1 });
    const worker = new RigWorker(plane, SLOS, 1);
    await worker.spans(spans({ version: "a" }, { version: "b" }, { version: "c" }, {}));
    expect(plane.cells.map(({ version, total }) => [version, total])).toEqual([
      ["", 1],
      ["a", 1],
      ["other", 1],
      ["other", 1],
    ]);
  });

  it("get room when that of one which nobody used for a day is free, also when they were told before", async () => {
    const plane = new IngestRig(SLOS, { versionLimit: 2 });
    const [one, two] = [new RigWorker(plane, SLOS, 1), new RigWorker(plane, SLOS, 2)];
    await one.spans(spans({ version: "busy" }, { version: "old" }, { version: "new" }));
    for (const hours of [13, 26, 27]) {
      plane.now = NOW + hours * HOUR;
      plane.cells.length = 0;
      // Another worker's use keeps the name, too.
      for (const worker of hours === 13 ? [two] : [one, two]) {
        const endUnixMs = plane.now;
        await worker.spans(spans({ version: "busy", endUnixMs }, { version: "new", endUnixMs }));
      }
    }
    const totals = plane.cells.map(({ version, total }) => [version, total]);
    expect(totals.toSorted()).toEqual([
      ["busy", 1],
      ["busy", 1],
      ["new", 1],
      ["new", 1],
    ]);
  });
});

describe("metrics", () => {
  it("are read by the control plane: a series goes on whichever worker its points come through", async () => {
    const plane = new IngestRig(SLOS);
    const [one, two] = [new RigWorker(plane, SLOS, 1), new RigWorker(plane, SLOS, 2)];
    expect(await one.send("metrics", "protobuf", points(10, NOW - 3_000))).toBeNull();
    expect(await two.send("metrics", "protobuf", points(17, NOW - 2_000))).toBeNull();
    expect(await two.send("metrics", "protobuf", points(17, NOW - 2_000))).toBeNull();
    expect(await one.send("metrics", "protobuf", points(18, NOW - 1_000))).toBeNull();
    expect(plane.cells.map(({ second, total }) => [second, total])).toEqual([
      [NOW_S - 3, 10],
      [NOW_S - 2, 7],
      [NOW_S - 1, 1],
    ]);
    expect(plane.counters).toMatchObject({ pointsAccepted: 3, requestsDuplicate: 1 });
  });

  it("move on series that a retry of spans, read by a worker, does not take back", async () => {
    const waiting: ((refusal: Refusal | null) => void)[] = [];
    const seen = new Set<string>();
    const admitted: number[] = [];
    // A duplicate is told at once, all others wait for their commit.
    const admission = {
      admit(delta: RequestDelta, done: (refusal: Refusal | null) => void): Admitted {
        const key = delta.fingerprint.join();
        if (seen.has(key)) {
          done(null);
          return "duplicate";
        }
        seen.add(key);
        for (let i = 0; i < delta.length; i++) admitted.push(delta.total[i]! / 256);
        waiting.push(done);
        return "admitted";
      },
    };
    const plane = new IngestRig(SLOS, { admission });
    const worker = new RigWorker(plane, SLOS, 1);
    const retried = spans({});
    const outcomes = [worker.spans(retried)];
    while (waiting.length < 1) await new Promise(setImmediate);
    outcomes.push(worker.send("metrics", "protobuf", points(10, NOW - 3_000)));
    while (waiting.length < 2) await new Promise(setImmediate);
    // Its commit is still to come; a retry of something else is dropped meanwhile.
    expect(await worker.spans(retried)).toBeNull();
    outcomes.push(worker.send("metrics", "protobuf", points(12, NOW - 2_000)));
    while (waiting.length < 3) await new Promise(setImmediate);
    for (const done of waiting) done(null);
    expect(await Promise.all(outcomes)).toEqual([null, null, null]);
    expect(admitted).toEqual([1, 10, 2]);
  });
});

describe("new rules", () => {
  it("may reach a worker late: what it read before counts as if it had come before the edit", async () => {
    const plane = new IngestRig(SLOS);
    const worker = new RigWorker(plane, SLOS, 1);
    const edited = [spanSlo("shop", service("shop"), { status: ["ok"] }), CART, COUNTER];
    plane.useSlos(edited);
    await worker.spans(spans({ status: "error" }, { status: "ok" }));
    expect(plane.take("shop")).toEqual([2, 1]);
    worker.useSlos(edited);
    await worker.spans(spans({ status: "ok" }, { status: "ok" }, { status: "error" }));
    expect(plane.take("shop")).toEqual([3, 2]);
  });
});

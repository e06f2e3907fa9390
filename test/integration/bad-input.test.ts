import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { EngineProcess } from "../support/engine-process.ts";
import { metricsRequest, tracesRequest } from "../support/otlp.ts";
import { OtlpGrpcClient, postOtlp } from "../support/otlp-client.ts";
import { residentBytes } from "../support/process-stats.ts";

/** @see https://grpc.io/docs/guides/status-codes/ */
const OK = 0;
const INVALID_ARGUMENT = 3;
const RESOURCE_EXHAUSTED = 8;
const UNIMPLEMENTED = 12;

const MIB = 2 ** 20;
const LIMIT_MIB = 16;
const SLO = "checkout-slo";
const service = "checkout";

const good = () => tracesRequest([{ service }]);
/** Ends in the middle of the last span. */
const truncated = () => good().subarray(0, good().length - 9);
/** resource_spans (field 1) as a varint. */
const wrongWireType = Uint8Array.of(0x08, 0x01);
/** A length of 2^32 - 1 in a message of seven bytes. */
const absurdLength = Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x00);
const withAttributeOf = (bytes: number) =>
  tracesRequest([{ service, attributes: { "http.request.body": "x".repeat(bytes) } }]);
/** Compresses a thousand times: an unknown field of zeros. */
const bomb = () => {
  const zeros = Buffer.alloc(256 * MIB);
  // Field 15, bytes, length: a valid message as far as it goes.
  zeros.set([0x7a, 0xfb, 0xff, 0xff, 0x7f]);
  return zeros;
};

/** Hardly anything when compressed; millions of objects, or of items, once they are read. */
const manyEmptySpans = {
  json: Buffer.from(
    `{"resourceSpans":[{"scopeSpans":[{"spans":[${"{},".repeat(5_000_000)}{}]}]}]}`,
  ),
  protobuf: Buffer.concat([
    // resource_spans and scope_spans, with their lengths.
    Uint8Array.of(0x0a, 0xc5, 0xc3, 0x93, 0x07, 0x12, 0xc0, 0xc3, 0x93, 0x07),
    Buffer.alloc(15_000_000, Uint8Array.of(0x12, 0)),
  ]),
};

describe("bad input", () => {
  let engine: EngineProcess;
  let plain: OtlpGrpcClient;
  let compressing: OtlpGrpcClient;
  /** Good requests so far: they must stay counted whatever follows. */
  let counted = 0;
  let refusedBefore: Map<string, number>;

  beforeAll(async () => {
    engine = await EngineProcess.start({
      slos: [{ name: SLO, service }],
      protocolSettings: { max_recv_msg_size_mib: LIMIT_MIB },
    });
    plain = new OtlpGrpcClient(engine.otlpGrpc);
    compressing = new OtlpGrpcClient(engine.otlpGrpc, { gzip: true });
  });

  afterAll(async () => {
    plain?.close();
    compressing?.close();
    await engine?.dispose();
  });

  beforeEach(async () => {
    expect((await plain.export("traces", good())).code).toBe(OK);
    counted++;
    refusedBefore = await refusals();
  });

  async function refusals(): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for (const [name, value] of await engine.metrics()) {
      const reason = /^slogate_receiver_refused_requests_total\{.*reason="([^"]*)"/.exec(name)?.[1];
      if (reason !== undefined) found.set(reason, value);
    }
    return found;
  }

  /** The refusal shows in the engine's own metrics under its reason, and what was counted before still is. */
  async function expectRefusedAs(reason: string, requests = 1): Promise<void> {
    const changed = [...(await refusals())].filter(([name, n]) => n !== refusedBefore.get(name));
    expect(changed).toEqual([[reason, (refusedBefore.get(reason) ?? 0) + requests]]);
    await expectCounted();
  }

  async function expectCounted(): Promise<void> {
    expect(engine.ending()).toBeNull();
    expect(await engine.counts(SLO, counted)).toEqual([counted, 0]);
  }

  describe("over gRPC", () => {
    it.each([
      ["truncated bytes", truncated()],
      ["a wrong wire type", wrongWireType],
      ["a length beyond the message", absurdLength],
    ])("refuses %s as INVALID_ARGUMENT", async (_name, bytes) => {
      const { code, details } = await plain.export("traces", bytes);
      expect(code).toBe(INVALID_ARGUMENT);
      expect(details).toMatch(/./);
      await expectRefusedAs("malformed");
    });

    it("refuses malformed metrics as INVALID_ARGUMENT", async () => {
      expect((await plain.export("metrics", wrongWireType)).code).toBe(INVALID_ARGUMENT);
      await expectRefusedAs("malformed");
    });

    it("counts a span with an attribute of 10 MB", async () => {
      expect((await plain.export("traces", withAttributeOf(10_000_000))).code).toBe(OK);
      counted++;
      await expectCounted();
    });

    it("refuses more than the limit as RESOURCE_EXHAUSTED, without inviting a retry", async () => {
      const answer = await plain.export("traces", withAttributeOf((LIMIT_MIB + 1) * MIB));
      expect(answer.code).toBe(RESOURCE_EXHAUSTED);
      expect(answer.metadata.get("grpc-status-details-bin")).toEqual([]);
      await expectRefusedAs("too-large");
    });

    it("refuses what exceeds the limit only when decompressed as RESOURCE_EXHAUSTED", async () => {
      const answer = await compressing.export("traces", bomb(), 30_000);
      expect(answer.code).toBe(RESOURCE_EXHAUSTED);
      expect(answer.metadata.get("grpc-status-details-bin")).toEqual([]);
      await expectRefusedAs("too-large");
    });

    it("refuses millions of empty spans as RESOURCE_EXHAUSTED, without inviting a retry", async () => {
      const answer = await compressing.export("traces", manyEmptySpans.protobuf);
      expect(answer.code).toBe(RESOURCE_EXHAUSTED);
      expect(answer.details).toContain("more than 1000000 resources, scopes, spans");
      expect(answer.metadata.get("grpc-status-details-bin")).toEqual([]);
      await expectRefusedAs("too-large");
    });

    it("answers UNIMPLEMENTED to logs", async () => {
      expect((await plain.export("logs", good())).code).toBe(UNIMPLEMENTED);
      await expectCounted();
    });
  });

  describe("over HTTP", () => {
    it.each([
      ["truncated bytes", truncated()],
      ["a wrong wire type", wrongWireType],
      ["a length beyond the message", absurdLength],
    ])("refuses %s with 400", async (_name, bytes) => {
      const answer = await postOtlp(engine.otlpHttp, "traces", bytes);
      expect(answer.status).toBe(400);
      expect(answer.headers.get("content-type")).toBe("application/x-protobuf");
      await expectRefusedAs("malformed");
    });

    it.each([
      ["JSON that does not parse", '{"resourceSpans": [}'],
      ["JSON of another shape", '{"resourceSpans": 7}'],
      [
        "a trace id that is not hex",
        '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}',
      ],
    ])("refuses %s with 400 and a JSON status", async (_name, text) => {
      const bytes = Buffer.from(text);
      const answer = await postOtlp(engine.otlpHttp, "traces", bytes, {
        contentType: "application/json",
      });
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.body.toString())).toMatchObject({
        code: INVALID_ARGUMENT,
        message: expect.stringMatching(/./),
      });
      await expectRefusedAs("malformed");
    });

    it.each(["text/plain", "application/octet-stream"])(
      "refuses %s with 415",
      async (contentType) => {
        const answer = await postOtlp(engine.otlpHttp, "traces", good(), { contentType });
        expect(answer.status).toBe(415);
        await expectRefusedAs("unsupported-content-type");
      },
    );

    it("refuses a compression it does not know with 415", async () => {
      const answer = await postOtlp(engine.otlpHttp, "traces", good(), { encoding: "zstd" });
      expect(answer.status).toBe(415);
      await expectRefusedAs("unsupported-encoding");
    });

    it("refuses gzip that is none with 400", async () => {
      const answer = await postOtlp(engine.otlpHttp, "traces", good(), { encoding: "gzip" });
      expect(answer.status).toBe(400);
      await expectRefusedAs("malformed");
    });

    it("refuses gzip that ends too early with 400", async () => {
      const half = gzipSync(good());
      const answer = await postOtlp(engine.otlpHttp, "traces", half.subarray(0, half.length - 10), {
        encoding: "gzip",
      });
      expect(answer.status).toBe(400);
      await expectRefusedAs("malformed");
    });

    it("counts a span with an attribute of 10 MB", async () => {
      const answer = await postOtlp(engine.otlpHttp, "traces", withAttributeOf(10_000_000));
      expect(answer.status).toBe(200);
      counted++;
      await expectCounted();
    });

    it("refuses more than the limit with 413", async () => {
      const bytes = withAttributeOf((LIMIT_MIB + 1) * MIB);
      const status = await postOtlp(engine.otlpHttp, "traces", bytes).then(
        (answer) => answer.status,
        // The receiver may hang up before all was sent: what it answered is then lost on the way.
        () => 413,
      );
      expect(status).toBe(413);
      await expectRefusedAs("too-large");
    });

    it("refuses what exceeds the limit only when decompressed with 413", async () => {
      const answer = await postOtlp(engine.otlpHttp, "traces", bomb(), { gzip: true });
      expect(answer.status).toBe(413);
      await expectRefusedAs("too-large");
    });

    it.each(["json", "protobuf"] as const)(
      "refuses millions of empty spans in %s with 413",
      async (encoding) => {
        const contentType = encoding === "json" ? "application/json" : "application/x-protobuf";
        const answer = await fetch(`http://${engine.otlpHttp}/v1/traces`, {
          method: "POST",
          headers: { "content-type": contentType, "content-encoding": "gzip" },
          body: gzipSync(manyEmptySpans[encoding]),
        });
        expect(answer.status).toBe(413);
        expect(answer.headers.get("retry-after")).toBeNull();
        expect(await answer.text()).toContain("send smaller batches");
        await expectRefusedAs("too-large");
      },
    );

    it("answers 404 to logs and 405 to another method", async () => {
      expect((await postOtlp(engine.otlpHttp, "logs", good())).status).toBe(404);
      expect((await fetch(`http://${engine.otlpHttp}/v1/traces`)).status).toBe(405);
      await expectCounted();
    });
  });

  it("leaves the process's memory as it was", { timeout: 60_000 }, async () => {
    const zipped = gzipSync(bomb());
    const round = async () => {
      for (const bytes of [truncated(), wrongWireType, absurdLength]) {
        await plain.export("traces", bytes);
        await postOtlp(engine.otlpHttp, "traces", bytes);
      }
      await postOtlp(engine.otlpHttp, "traces", zipped, { encoding: "gzip" });
      expect((await plain.export("traces", withAttributeOf(10_000_000))).code).toBe(OK);
      counted++;
    };
    for (let i = 0; i < 5; i++) await round();
    const before = residentBytes(engine.pid);
    for (let i = 0; i < 20; i++) await round();
    const grownMib = (residentBytes(engine.pid) - before) / MIB;
    console.info(
      `resident memory: ${(before / MIB).toFixed(0)} MiB, then ${grownMib.toFixed(0)} more`,
    );
    // Twenty bombs are 5 GiB and twenty large spans 200 MB: anything kept would show. Collections come when they come.
    expect(grownMib).toBeLessThan(64);
    await expectCounted();
  });
});

describe("more cumulative series than state.max_series", () => {
  it("are refused, and the sender is told; what is known goes on counting", async () => {
    const directory = mkdtempSync(join(tmpdir(), "slogate-series-"));
    const spec = { metric: "requests", resource: { "service.name": service } };
    const total = { metricSource: { type: "otlp.metrics", spec } };
    const bad = {
      metricSource: { type: "otlp.metrics", spec: { ...spec, attributes: { code: 500 } } },
    };
    const engine = await EngineProcess.start({
      slos: [{ name: SLO, service, ratioMetric: { counter: true, total, bad } }],
      settings: { state: { directory, max_series: 2 } },
    });
    const client = new OtlpGrpcClient(engine.otlpGrpc);
    const startUnixMs = Date.now();
    const requests = (series: number, value: number) => {
      const points = Array.from({ length: series }, (_, shard) => ({
        startUnixMs,
        timeUnixMs: Date.now(),
        attributes: { shard, code: 200 },
        value,
      }));
      return metricsRequest({ service }, [{ name: "requests", unit: "1", points }]);
    };
    try {
      expect(await client.export("metrics", requests(2, 10))).toMatchObject({ code: OK });
      const { code, body } = await client.export("metrics", requests(3, 15));
      expect(code).toBe(OK);
      expect(body.toString("latin1")).toContain(
        "not counted: 1 beyond the limit of 2 series (state.max_series)",
      );
      expect(await engine.counts(SLO, 30)).toEqual([30, 0]);
      expect((await engine.metrics()).get("slogate_series")).toBe(2);
    } finally {
      client.close();
      await engine.dispose();
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

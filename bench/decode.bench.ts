import { Ingest } from "../src/aggregate/ingest.ts";
import { compileRules } from "../src/aggregate/rules.ts";
import { SeriesStore } from "../src/aggregate/series.ts";
import { VersionTable } from "../src/aggregate/versions.ts";
import { defaultIndicator } from "../src/config/default-indicator.ts";
import { TraceDecoder } from "../src/decode/traces.ts";
import { NO_FAULT } from "../src/decode/wire.ts";
import { COUNT_UNIT } from "../src/model/delta.ts";
import type { Slo } from "../src/model/slo.ts";
import { newReceiverCounters } from "../src/ports/metrics.ts";
import { MemoryAdmission } from "../test/support/memory-admission.ts";
import { PatchableRequest, SERVICES } from "./encode.ts";
import { figures, must, printTable, ROUNDS, spread } from "./report.ts";
import { protobufjsDecoder } from "./trace-proto.ts";

/*
 * How many spans a second does one thread decode, without any network? The same 1,000-span request again and again: all
 * contenders see warm caches. Our decoder runs with the keys of three SLOs on the default indicator, once alone and once
 * with all that follows in the same call (classify, tally, fingerprint, admission).
 */
const SPANS = 1_000;
const ROUND_MS = 1_000;

const request = PatchableRequest.encode(SPANS);
request.patch(0, 1, Date.now());
const slos = SERVICES.map(
  (service) => ({ name: service, indicator: defaultIndicator(service) }) as Slo,
);
const rules = compileRules(slos, (slo) => slos.indexOf(slo));

/** Decodes once and returns how many bad spans it saw; the sum is checked after the loop. */
const contenders: Record<string, () => number> = {
  "decoder alone": decoderAlone(),
  "decoder to admission": wholeHotPath(),
  "protobufjs, decoding only": protobufjs(),
};

const rows = Object.entries(contenders).map(([name, once]) => {
  const spansPerSecond: number[] = [];
  for (let round = -1; round < ROUNDS; round++) {
    const rate = measure(name, once);
    // The first round warms up.
    if (round >= 0) spansPerSecond.push(rate / 1e6);
  }
  return [name, ...figures(spread(spansPerSecond))];
});
console.log(
  `${SPANS} spans a request, ${(request.bytes.length / SPANS).toFixed(0)} bytes a span, ${ROUNDS} rounds of ${ROUND_MS} ms\n`,
);
printTable(["", "million spans/s, median", "lowest to highest"], rows);

function measure(name: string, once: () => number): number {
  let requests = 0;
  let bad = 0;
  const start = performance.now();
  let elapsedMs = 0;
  do {
    for (let i = 0; i < 10; i++) bad += once();
    requests += 10;
    elapsedMs = performance.now() - start;
  } while (elapsedMs < ROUND_MS);
  must(bad === requests * request.bad, `${name}: ${bad} bad spans in ${requests} requests`);
  return (requests * SPANS) / (elapsedMs / 1000);
}

function decoderAlone(): () => number {
  let bad = 0;
  const decoder = new TraceDecoder(rules.resourceKeys, rules.spanKeys, {
    resource: () => {},
    span: (record) => {
      if (record.status === 2) bad++;
    },
  });
  return () => {
    bad = 0;
    must(decoder.decode(request.bytes) === NO_FAULT, "the decoder found a fault");
    return bad;
  };
}

function wholeHotPath(): () => number {
  let bad = 0;
  const ingest = new Ingest({
    rules,
    admission: new MemoryAdmission((delta) => {
      for (let i = 0; i < delta.length; i++) bad += delta.bad[i]! / COUNT_UNIT;
    }),
    clock: { now: () => Date.now() },
    counters: newReceiverCounters(),
    series: new SeriesStore(0, 0),
    versions: new VersionTable(),
  });
  let number = 0;
  const firstSpan = request.bytes.indexOf(Buffer.from([0x0a, 16])) + 2;
  return () => {
    bad = 0;
    // One id changes: else the request would be a duplicate and nothing would be tallied.
    request.bytes.writeUInt32LE(++number, firstSpan);
    ingest.consume("traces", "protobuf", request.bytes, (refusal) => {
      must(refusal === null, "the request was refused");
    });
    return bad;
  };
}

function protobufjs(): () => number {
  const decode = protobufjsDecoder();
  return () => {
    let bad = 0;
    for (const resource of decode(request.bytes).resourceSpans) {
      for (const scope of resource.scopeSpans) {
        for (const span of scope.spans) if (span.status?.code === 2) bad++;
      }
    }
    return bad;
  };
}

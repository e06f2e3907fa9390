/*
 * Run by test/integration/allocation.test.ts in a process of its own: counts requests again and again and prints WARM when
 * the code is compiled, then DONE with what was counted.
 */
import { Ingest } from "../../src/aggregate/ingest.ts";
import { compileRules } from "../../src/aggregate/rules.ts";
import { SeriesStore } from "../../src/aggregate/series.ts";
import { VersionTable } from "../../src/aggregate/versions.ts";
import { defaultIndicator } from "../../src/config/default-indicator.ts";
import { COUNT_UNIT } from "../../src/model/delta.ts";
import { newReceiverCounters } from "../../src/ports/metrics.ts";
import { NOW, sloOf } from "./ingest-rig.ts";
import { MemoryAdmission } from "./memory-admission.ts";
import { tracesRequest } from "./otlp.ts";

const SPANS = 1_000;
const [warmUp, measured] = process.argv.slice(2).map(Number);

const slos = ["shop", "cart"].map((service) => sloOf(service, defaultIndicator(service)));
const bytes = Buffer.from(
  tracesRequest(
    Array.from({ length: SPANS }, (_, i) => ({
      service: i % 2 === 0 ? "shop" : "cart",
      version: "1.4.2",
      name: "GET /api/products/{id}",
      status: i % 10 === 0 ? ("error" as const) : ("unset" as const),
      traceState: i % 4 === 0 ? "ot=th:8" : "",
      endUnixMs: NOW - (i % 5) * 1_000,
      attributes: {
        "http.request.method": "GET",
        "http.response.status_code": i % 20 === 0 ? "503" : 200,
        "url.path": `/api/products/${i}`,
        "server.address": "shop.svc",
        ratio: 0.5,
        agent: "x".repeat(200),
      },
    })),
  ),
);
const firstTraceId = bytes.indexOf(Buffer.from([0x0a, 16])) + 2;

let total = 0;
const ingest = new Ingest({
  rules: compileRules(slos, (slo) => slos.indexOf(slo)),
  admission: new MemoryAdmission((delta) => {
    for (let i = 0; i < delta.length; i++) total += delta.total[i]!;
  }),
  clock: { now: () => NOW },
  counters: newReceiverCounters(),
  series: new SeriesStore(NOW, 10_000),
  versions: new VersionTable(),
});
const ignore = () => {};

let request = 0;
function run(requests: number): void {
  for (const end = request + requests; request < end; ) {
    // Another first id: else it would be a retry.
    bytes.writeUInt32LE(++request, firstTraceId);
    ingest.consume("traces", "protobuf", bytes, ignore);
  }
}

run(warmUp!);
console.log("WARM");
total = 0;
run(measured!);
console.log(`DONE ${total / COUNT_UNIT / measured!}`);

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { type Collector, startCollector } from "../test/support/collector.ts";
import { EngineProcess } from "../test/support/engine-process.ts";
import { freePort } from "../test/support/free-port.ts";
import { cpuSeconds, peakResidentBytes } from "../test/support/process-stats.ts";
import { realPart } from "../test/support/real-part.ts";
import type { Sent, Work } from "./load.ts";
import { LoadProcess } from "./load-process.ts";
import { assertCounted, slosFor } from "./load-slos.ts";
import { figure, must, printTable, ROUNDS, spread } from "./report.ts";

/*
 * What does the same traffic cost here, and in the Collector that one would run instead? Both take the same load in turn,
 * round after round: slogate as users run it, with an SLO for each service; the Collector with the spanmetrics connector and
 * the Prometheus exporter, both on their defaults, or for metrics with nothing behind its receiver. CPU time is the receiving
 * process's alone, all threads, kernel included. Not measured: TLS. A third side only takes the bytes off Node's HTTP/2 and
 * drops them: what is left below that is not ours to gain.
 */
const otelcol = realPart("otelcol");
if (otelcol === null) throw new Error("without a Collector there is nothing to compare with");

interface Contest {
  readonly name: string;
  readonly rival: string;
  readonly work: Work;
}

const CONTESTS: readonly Contest[] = [
  {
    name: "spans, 1,000 a request",
    rival: "spanmetrics",
    work: { signal: "traces", gzip: false, items: 1000, requests: 1500 },
  },
  {
    name: "spans, 1,000 a request, gzip",
    rival: "spanmetrics",
    work: { signal: "traces", gzip: true, items: 1000, requests: 1000 },
  },
  {
    name: "spans, 100 a request",
    rival: "spanmetrics",
    work: { signal: "traces", gzip: false, items: 100, requests: 10_000 },
  },
  {
    name: "histogram points, 1,000 a request",
    rival: "nop",
    work: { signal: "metrics", gzip: false, items: 1000, requests: 1000 },
  },
];

interface Side {
  readonly name: string;
  readonly pid: number;
  readonly address: string;
  readonly perCpuSecond: number[];
  readonly sent: Sent[];
}

const wanted = process.env.SLOGATE_BENCH_CONTEST;
for (const contest of CONTESTS) {
  if (wanted === undefined || contest.name.includes(wanted)) await run(contest);
}

async function run({ name, rival, work }: Contest): Promise<void> {
  const engine = await EngineProcess.start({ slos: slosFor(work) });
  const collector = await startRival(work);
  const dropping = fork(join(import.meta.dirname, "drop-server.ts"));
  const load = new LoadProcess();
  const ours = side("slogate", engine.pid, engine.otlpGrpc);
  const theirs = side(`Collector, ${rival}`, collector.pid, collector.grpc);
  const floor = side("node:http2, dropped", dropping.pid as number, await addressOf(dropping));
  try {
    // The first round warms up: it counts, but is not measured.
    for (let round = -1; round < ROUNDS; round++) {
      await load.prepare(work);
      for (const each of [ours, theirs, floor]) {
        const before = cpuSeconds(each.pid);
        const sent = await load.send(each.address);
        const used = cpuSeconds(each.pid) - before;
        must(sent.failed === 0, `${each.name} refused ${sent.failed} items`);
        each.sent.push(sent);
        if (round >= 0) each.perCpuSecond.push(sent.items / used);
      }
    }
    await assertCounted(engine, work, ours.sent);
    report(name, ours, theirs, floor);
  } finally {
    load.end();
    dropping.kill();
    await collector.stop();
    await engine.dispose();
  }
}

function side(name: string, pid: number, address: string): Side {
  return { name, pid, address, perCpuSecond: [], sent: [] };
}

async function addressOf(dropping: ChildProcess): Promise<string> {
  const [port] = await once(dropping, "message");
  return `127.0.0.1:${port}`;
}

async function startRival({ signal }: Work): Promise<Collector> {
  if (signal === "metrics") {
    return startCollector(otelcol as string, {
      exporters: { nop: {} },
      pipelines: { metrics: { exporters: ["nop"] } },
    });
  }
  return startCollector(otelcol as string, {
    connectors: { spanmetrics: {} },
    exporters: { prometheus: { endpoint: `127.0.0.1:${await freePort()}` } },
    pipelines: {
      traces: { exporters: ["spanmetrics"] },
      metrics: { receivers: ["spanmetrics"], exporters: ["prometheus"] },
    },
  });
}

function report(name: string, ours: Side, theirs: Side, floor: Side): void {
  const ratios = ours.perCpuSecond.map((rate, round) => rate / theirs.perCpuSecond[round]!);
  const { median, lowest, highest } = spread(ratios);
  console.log(
    `### ${name}: ${figure(median)} x (${figure(lowest)} to ${figure(highest)}) as many per CPU second\n`,
  );
  printTable(
    [
      "",
      "million per CPU s, median",
      "lowest to highest",
      "million/s",
      "p50, p99 ms",
      "peak memory, MiB",
      "sender's CPU share",
    ],
    [ours, theirs, floor].map(rowOf),
  );
}

function rowOf({ name, pid, perCpuSecond, sent }: Side): string[] {
  const { median, lowest, highest } = spread(perCpuSecond.map((rate) => rate / 1e6));
  // The warm-up's round is left out here too.
  const measured = sent.slice(1);
  const of = (value: (round: Sent) => number) => figure(spread(measured.map(value)).median);
  return [
    name,
    figure(median),
    `${figure(lowest)} to ${figure(highest)}`,
    of(({ items, seconds }) => items / seconds / 1e6),
    `${of(({ p50Ms }) => p50Ms)}, ${of(({ p99Ms }) => p99Ms)}`,
    figure(peakResidentBytes(pid) / 2 ** 20),
    of((round) => round.cpuSeconds / round.seconds),
  ];
}

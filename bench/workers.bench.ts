import { EngineProcess } from "../test/support/engine-process.ts";
import { childPids, cpuSeconds, residentBytes } from "../test/support/process-stats.ts";
import type { Sent, Work } from "./load.ts";
import { LoadProcess } from "./load-process.ts";
import { assertCounted, slosFor } from "./load-slos.ts";
import { figure, must, printTable, ROUNDS, spread } from "./report.ts";

/*
 * What do receiver workers add per second, and what does a span cost when it crosses from a worker to the control plane?
 * Engines with one process and with workers take the same load in turn, round after round. CPU time is that of all processes
 * of an engine, kernel included. How much workers add shows on a machine that has a processor for each of them, one for
 * the control plane and some for the sender; the share of the control plane says how many workers it can keep busy.
 */
const WORKERS = [1, 2, 3];
const LOADS: readonly { readonly name: string; readonly work: Work }[] = [
  {
    name: "spans, 1,000 a request",
    work: { signal: "traces", gzip: false, items: 1000, requests: 1500 },
  },
  {
    name: "spans, 100 a request",
    work: { signal: "traces", gzip: false, items: 100, requests: 8_000 },
  },
  {
    name: "spans, 1,000 a request, gzip",
    work: { signal: "traces", gzip: true, items: 1000, requests: 1000 },
  },
  {
    name: "histogram points, 1,000 a request",
    work: { signal: "metrics", gzip: false, items: 1000, requests: 1000 },
  },
];

interface Side {
  readonly workers: number;
  readonly engine: EngineProcess;
  readonly perCpuSecond: number[];
  readonly perSecond: number[];
  /** Of the control plane, in the CPU time of all. */
  readonly planeShare: number[];
  readonly sent: Sent[];
}

for (const { name, work } of LOADS) await run(name, work);

async function run(name: string, work: Work): Promise<void> {
  const sides: Side[] = [];
  const load = new LoadProcess();
  try {
    for (const workers of WORKERS) {
      const engine = await EngineProcess.start({ slos: slosFor(work), settings: { workers } });
      sides.push({ workers, engine, perCpuSecond: [], perSecond: [], planeShare: [], sent: [] });
    }
    // The first round warms up: it counts, but is not measured.
    for (let round = -1; round < ROUNDS; round++) {
      await load.prepare(work);
      for (const side of sides) await measure(side, load, round >= 0);
    }
    for (const { engine, sent } of sides) await assertCounted(engine, work, sent);
    report(name, sides);
  } finally {
    load.end();
    for (const { engine } of sides) await engine.dispose();
  }
}

async function measure(side: Side, load: LoadProcess, counts: boolean): Promise<void> {
  const { engine } = side;
  const workers = childPids(engine.pid);
  const used = (): [number, number] => [
    cpuSeconds(engine.pid),
    workers.reduce((sum, pid) => sum + cpuSeconds(pid), 0),
  ];
  const [planeBefore, workersBefore] = used();
  const sent = await load.send(engine.otlpGrpc);
  const [planeAfter, workersAfter] = used();
  must(sent.failed === 0, `${side.workers} workers refused ${sent.failed} items`);
  side.sent.push(sent);
  if (!counts) return;
  const all = planeAfter - planeBefore + workersAfter - workersBefore;
  side.perCpuSecond.push(sent.items / all);
  side.perSecond.push(sent.items / sent.seconds);
  side.planeShare.push((planeAfter - planeBefore) / all);
}

function report(name: string, sides: readonly Side[]): void {
  console.log(`### ${name}\n`);
  const million = (rates: readonly number[]) => spread(rates.map((rate) => rate / 1e6));
  printTable(
    [
      "workers",
      "million per CPU s, median",
      "lowest to highest",
      "million/s",
      "control plane's share of the CPU time",
      "memory of all processes, MiB",
    ],
    sides.map(({ workers, engine, perCpuSecond, perSecond, planeShare }) => {
      const { median, lowest, highest } = million(perCpuSecond);
      const pids = [engine.pid, ...childPids(engine.pid)];
      return [
        workers === 1 ? "none: one process" : String(workers),
        figure(median),
        `${figure(lowest)} to ${figure(highest)}`,
        figure(million(perSecond).median),
        figure(spread(planeShare).median),
        figure(pids.reduce((sum, pid) => sum + residentBytes(pid), 0) / 2 ** 20),
      ];
    }),
  );
}

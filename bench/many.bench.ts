import { cpuSeconds, peakResidentBytes, residentBytes } from "../test/support/process-stats.ts";
import { LoadProcess } from "./load-process.ts";
import { ManyEngine } from "./many-engine.ts";
import { figure, must, printTable, spread } from "./report.ts";
import { tickTimes } from "./tick-times.ts";

/*
 * What do many SLOs cost? The product with four weeks of history of each: what a span of three services costs that none of the
 * others matches, how long a tick takes at most and how long anything else waits while every SLO has traffic, the metrics are
 * scraped and all gates are listed, and how much memory that takes.
 */
const COUNTS = [10, 1_000, 10_000] as const;
const SECONDS = 30;
/** In these every gate changes, as after a time in which the engine was down. */
const FIRST_SECONDS = 5;
const ROUNDS = 4;

const rows: string[][] = [];
for (const slos of COUNTS) rows.push(await measure(slos, 1));
rows.push(await measure(1_000, 50));
console.log(
  `${SECONDS} s of traffic on all SLOs; CPU per span of 1,000-span requests that three SLOs match, median of ${ROUNDS} rounds\n`,
);
printTable(
  [
    "SLOs",
    "µs of CPU a span",
    "tick, mean, ms",
    "tick at most, ms",
    "of the first 5 s, in which all gates open, ms",
    "a request's answer at most, ms",
    "all gates listed in, ms",
    "scraped in, ms",
    "resident memory, MiB",
    "its peak, MiB",
  ],
  rows,
);

async function measure(slos: number, versions: number): Promise<string[]> {
  const many = await ManyEngine.start({ slos, history: true, versions });
  const { engine } = many;
  const load = new LoadProcess();
  try {
    for (let second = 0; second < FIRST_SECONDS; second++) await many.everyone();
    const first = await tickTimes(engine);
    const atFirst = await engine.metrics();
    const longestMs = await longestAnswer(async () => {
      for (let second = 0; second < SECONDS; second++) await many.everyone();
    }, many);
    const listed = await timed("/v1/gates");
    const scraped = await timed("/metrics");
    const ticks = await tickTimes(engine, atFirst);
    const work = { signal: "traces", gzip: false, items: 1_000, requests: 500 } as const;
    const perSpan: number[] = [];
    for (let round = -1; round < ROUNDS; round++) {
      await load.prepare(work);
      const before = cpuSeconds(engine.pid);
      const sent = await load.send(engine.otlpGrpc);
      must(sent.failed === 0, `${sent.failed} spans were refused`);
      const used = cpuSeconds(engine.pid) - before;
      if (round >= 0) perSpan.push((used / sent.items) * 1e6);
    }
    const [now, peak] = [residentBytes(engine.pid), peakResidentBytes(engine.pid)].map(
      (bytes) => bytes / 2 ** 20,
    ) as [number, number];
    const name = versions === 1 ? `${slos}` : `${slos}, ${versions} versions each`;
    const tickMs = [ticks.meanMs, ticks.longestAtMostMs, first.longestAtMostMs];
    const numbers = [spread(perSpan).median, ...tickMs, longestMs];
    return [name, ...[...numbers, listed, scraped, now, peak].map(figure)];
  } finally {
    load.end();
    await many.dispose();
  }

  async function timed(path: string): Promise<number> {
    const startedAt = performance.now();
    await (await engine.get(path)).arrayBuffer();
    return performance.now() - startedAt;
  }
}

/** How long a small request had to wait at most while the work was done, the lists and scrapes among it. */
async function longestAnswer(work: () => Promise<void>, many: ManyEngine): Promise<number> {
  let isOver = false;
  let longestMs = 0;
  const asking = (async () => {
    while (!isOver) {
      const startedAt = performance.now();
      await (await many.engine.get("/healthz")).arrayBuffer();
      longestMs = Math.max(longestMs, performance.now() - startedAt);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  const reading = (async () => {
    while (!isOver) {
      for (const path of ["/metrics", "/v1/gates"]) {
        await (await many.engine.get(path)).arrayBuffer();
        await new Promise((resolve) => setTimeout(resolve, 5_000));
      }
    }
  })();
  await work();
  isOver = true;
  await Promise.all([asking, reading]);
  return longestMs;
}

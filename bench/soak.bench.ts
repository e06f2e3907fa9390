import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { linearRegression, linearRegressionLine, standardDeviation } from "simple-statistics";
import { EngineProcess } from "../test/support/engine-process.ts";
import { cpuSeconds, peakResidentBytes, residentBytes } from "../test/support/process-stats.ts";
import { PatchableRequest } from "./encode.ts";
import { assertCounted, slosFor } from "./load-slos.ts";
import { figure, must, printTable } from "./report.ts";
import { tickTimes } from "./tick-times.ts";

/*
 * Does it stay as it is? 100,000 spans a second for as long as SLOGATE_BENCH_MINUTES says (2): does memory grow, is a tick late
 * or left out, and is everything counted at the end? Memory is looked at every five seconds of the last three quarters.
 */
const MINUTES = Number(process.env.SLOGATE_BENCH_MINUTES ?? 2);
const SPANS = 1_000;
const REQUESTS_PER_SECOND = 100;
const SAMPLE_MS = 5_000;
const MIB = 2 ** 20;

const LOAD = { signal: "traces" } as const;

const engine = await EngineProcess.start({ slos: slosFor(LOAD) });
try {
  await bench();
} finally {
  await engine.dispose();
}

async function bench(): Promise<void> {
  const args = [engine.otlpGrpc, REQUESTS_PER_SECOND, SPANS, MINUTES * 60].map(String);
  const sender = fork(join(import.meta.dirname, "paced-sender.ts"), args);
  const before = {
    cpu: cpuSeconds(engine.pid),
    ticks: await tickTimes(engine),
    at: performance.now(),
  };
  let told = -1;
  const samples: [hours: number, mib: number][] = [];
  const timer = setInterval(() => {
    const minutes = (performance.now() - before.at) / 60_000;
    const mib = residentBytes(engine.pid) / MIB;
    if (minutes >= MINUTES / 4) samples.push([minutes / 60, mib]);
    const isDue = Math.floor(minutes) > told;
    told = Math.floor(minutes);
    if (isDue) console.error(`${told} min: ${figure(mib)} MiB`);
  }, SAMPLE_MS);
  const [{ latenciesMs, failed }] = (await once(sender, "message")) as [
    { latenciesMs: number[]; failed: number },
  ];
  clearInterval(timer);
  const seconds = (performance.now() - before.at) / 1_000;
  const after = await tickTimes(engine);
  must(failed === 0, `${failed} requests were refused`);
  const requests = latenciesMs.length;
  const { bad } = PatchableRequest.encode(SPANS);
  await assertCounted(engine, LOAD, [{ items: requests * SPANS, bad: requests * bad }]);

  const line = linearRegression(samples);
  const at = linearRegressionLine(line);
  const noise = standardDeviation(samples.map(([hours, mib]) => mib - at(hours)));
  const hours = samples.at(-1)![0] - samples[0]![0];
  const cores = (cpuSeconds(engine.pid) - before.cpu) / seconds;
  const quantile = (share: number) => latenciesMs[Math.floor(share * (latenciesMs.length - 1))]!;
  console.log(
    `${SPANS * REQUESTS_PER_SECOND} spans a second for ${MINUTES} minutes; all ${requests * SPANS} counted\n`,
  );
  printTable(
    ["", ""],
    [
      ["resident memory, median, MiB", figure(median(samples.map(([, mib]) => mib)))],
      ["its growth, MiB an hour", figure(line.m)],
      ["its growth over the run by that, MiB", figure(line.m * hours)],
      ["its noise: standard deviation around the line, MiB", figure(noise)],
      ["peak, MiB", figure(peakResidentBytes(engine.pid) / MIB)],
      ["ticks left out", Math.max(0, Math.floor(seconds) - (after.count - before.ticks.count))],
      ["ticks later than 1 s", after.late - before.ticks.late],
      ["longest tick at most, ms", after.longestAtMostMs],
      ["acknowledged within, 50 %, ms", figure(quantile(0.5))],
      ["acknowledged within, 99 %, ms", figure(quantile(0.99))],
      ["acknowledged within, all, ms", figure(quantile(1))],
      ["cores used", figure(cores)],
    ],
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

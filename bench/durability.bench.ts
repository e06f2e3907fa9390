import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { EngineProcess } from "../test/support/engine-process.ts";
import { cpuSeconds } from "../test/support/process-stats.ts";
import { SERVICES } from "./encode.ts";
import { figure, figures, must, printTable, ROUNDS, spread } from "./report.ts";

/*
 * What does it cost that acknowledged means on disk? Two engines, one durable and one relaxed, get the load of
 * receive.bench.ts in turns; then each gets 200,000 spans a second for ten seconds, and answers are timed.
 */
const SPANS = 1_000;
/** On each of four connections: enough that nobody waits for a commit with nothing else to do. */
const IN_FLIGHT = 16;
const WARM_UP_MS = 2_000;
const ROUND_MS = 3_000;
const RATE = 200;
const PACED_SECONDS = 10;

interface Sent {
  readonly acknowledged: number;
  readonly bad: number;
  readonly failed: number;
}

const slos = SERVICES.map((service) => ({ name: service, service, target: 0.9 }));
const modes = ["sync", "relaxed"] as const;
const engines = await Promise.all(
  modes.map((durability) => EngineProcess.start({ slos, settings: { state: { durability } } })),
);
try {
  await bench();
} finally {
  await Promise.all(engines.map((engine) => engine.dispose()));
}

async function bench(): Promise<void> {
  const perSecond: number[][] = [[], []];
  const perCpuSecond: number[][] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, engine] of engines.entries()) {
      const measured = await saturate(engine);
      perSecond[i]!.push(measured.perSecond);
      perCpuSecond[i]!.push(measured.perCpuSecond);
    }
  }
  const latencies = [await paced(engines[0]!), await paced(engines[1]!)];
  const ratios = perSecond[0]!.map((value, i) => value / perSecond[1]![i]!);
  const cpuRatios = perCpuSecond[0]!.map((value, i) => value / perCpuSecond[1]![i]!);
  console.log(
    `${SPANS} spans a request; ${ROUNDS} rounds of ${ROUND_MS / 1000} s each in turns; ` +
      `latency at ${RATE * SPANS} spans a second for ${PACED_SECONDS} s\n`,
  );
  printTable(
    ["", "median", "lowest to highest"],
    [
      ...modes.map((mode, i) => [
        `${mode}: million spans per second`,
        ...figures(spread(perSecond[i]!.map((n) => n / 1e6))),
      ]),
      ...modes.map((mode, i) => [
        `${mode}: million spans per CPU second`,
        ...figures(spread(perCpuSecond[i]!.map((n) => n / 1e6))),
      ]),
      ["sync / relaxed, spans per second", ...figures(spread(ratios))],
      ["sync / relaxed, spans per CPU second", ...figures(spread(cpuRatios))],
      ...modes.flatMap((mode, i) =>
        [0.5, 0.99].map((share) => [
          `${mode}: acknowledged within, ${share * 100} %, ms`,
          figure(latencies[i]![Math.floor(share * latencies[i]!.length)]!),
          "",
        ]),
      ),
    ],
  );
}

async function saturate(
  engine: EngineProcess,
): Promise<{ perSecond: number; perCpuSecond: number }> {
  const args = [engine.otlpGrpc, "4", String(IN_FLIGHT), String(SPANS)];
  const sender = fork(join(import.meta.dirname, "sender.ts"), args);
  const ask = async (question: "count" | "stop"): Promise<Sent> => {
    sender.send(question);
    const [answer] = (await once(sender, "message")) as [Sent];
    return answer;
  };
  await sleep(WARM_UP_MS);
  const before = await ask("count");
  const [beforeCpu, beforeMs] = [cpuSeconds(engine.pid), performance.now()];
  await sleep(ROUND_MS);
  const after = await ask("count");
  const [cpu, ms] = [cpuSeconds(engine.pid) - beforeCpu, performance.now() - beforeMs];
  const end = await ask("stop");
  must(end.failed === 0, `${end.failed} spans were not acknowledged`);
  const spans = after.acknowledged - before.acknowledged;
  return { perSecond: (spans * 1000) / ms, perCpuSecond: spans / cpu };
}

async function paced(engine: EngineProcess): Promise<readonly number[]> {
  const args = [engine.otlpGrpc, String(RATE), String(SPANS), String(PACED_SECONDS)];
  const sender = fork(join(import.meta.dirname, "paced-sender.ts"), args);
  const [{ latenciesMs, failed }] = (await once(sender, "message")) as [
    { latenciesMs: readonly number[]; failed: number },
  ];
  must(failed === 0, `${failed} requests were not acknowledged`);
  must(latenciesMs.length === RATE * PACED_SECONDS, `${latenciesMs.length} requests were sent`);
  return latenciesMs;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

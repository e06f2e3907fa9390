import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { EngineProcess } from "../test/support/engine-process.ts";
import { cpuSeconds, residentBytes } from "../test/support/process-stats.ts";
import { assertCounted, slosFor } from "./load-slos.ts";
import { figure, figures, must, printTable, ROUNDS, spread } from "./report.ts";

/*
 * How much CPU does the whole product need per span, from the socket to the decision? It runs as users run it, with one
 * SLO for each of three services; a second process sends pre-encoded requests over gRPC as fast as they are
 * acknowledged. CPU time is the receiver process's alone, all threads, kernel included. Not measured: TLS, gzip.
 */
const SPANS = 1_000;
const CONNECTIONS = 4;
const IN_FLIGHT = 4;
const WARM_UP_MS = 6_000;
const ROUND_MS = 4_000;

interface Sent {
  readonly acknowledged: number;
  readonly bad: number;
  readonly failed: number;
}

const LOAD = { signal: "traces" } as const;

const engine = await EngineProcess.start({ slos: slosFor(LOAD) });
try {
  await bench();
} finally {
  await engine.dispose();
}

async function bench(): Promise<void> {
  const args = [engine.otlpGrpc, String(CONNECTIONS), String(IN_FLIGHT), String(SPANS)];
  const sender = fork(join(import.meta.dirname, "sender.ts"), args);
  const ask = async (question: "count" | "stop"): Promise<Sent> => {
    sender.send(question);
    const [answer] = (await once(sender, "message")) as [Sent];
    return answer;
  };

  await sleep(WARM_UP_MS);
  const perCpuSecond: number[] = [];
  const perSecond: number[] = [];
  let [before, beforeCpu, beforeMs] = [
    await ask("count"),
    cpuSeconds(engine.pid),
    performance.now(),
  ];
  for (let round = 0; round < ROUNDS; round++) {
    await sleep(ROUND_MS);
    const [now, nowCpu, nowMs] = [await ask("count"), cpuSeconds(engine.pid), performance.now()];
    const spans = now.acknowledged - before.acknowledged;
    perCpuSecond.push(spans / (nowCpu - beforeCpu));
    perSecond.push(spans / ((nowMs - beforeMs) / 1_000));
    [before, beforeCpu, beforeMs] = [now, nowCpu, nowMs];
  }
  const memory = residentBytes(engine.pid);
  const sent = await ask("stop");
  must(sent.failed === 0, `${sent.failed} spans were not acknowledged`);
  await assertCounted(engine, LOAD, [{ items: sent.acknowledged, bad: sent.bad }]);

  console.log(
    `${SPANS} spans a request, ${CONNECTIONS} connections, ${IN_FLIGHT} requests in flight on each, ` +
      `${ROUNDS} rounds of ${ROUND_MS / 1000} s; all ${sent.acknowledged} acknowledged spans counted\n`,
  );
  printTable(
    ["", "median", "lowest to highest"],
    [
      ["million spans per CPU second", ...figures(spread(perCpuSecond.map((n) => n / 1e6)))],
      ["CPU seconds per million spans", ...figures(spread(perCpuSecond.map((n) => 1e6 / n)))],
      ["million spans per second", ...figures(spread(perSecond.map((n) => n / 1e6)))],
      ["resident memory at the end, MiB", figure(memory / 2 ** 20), ""],
    ],
  );
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

import { parseArgs } from "node:util";
import { figure, must, printTable, spread } from "../../bench/report.ts";
import { realPart } from "../support/real-part.ts";
import { type ChaosReport, runCampaign } from "./campaign.ts";

/*
 * `npm run chaos`: the product under load, killed and broken until one believes it. Options: --kills 200, --seed 1,
 * --life 2500 (longest life between kills, ms), --workers 1 (2 and up: workers are killed too). Takes about three seconds a kill.
 */
const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "200" },
    seed: { type: "string", default: String(Date.now() % 100_000) },
    life: { type: "string", default: "2500" },
    workers: { type: "string", default: "1" },
  },
});
console.log(`seed ${values.seed}: the same makes the same decisions, though not the same moments`);
const startedAt = performance.now();
const report = await runCampaign({
  kills: Number(values.kills),
  seed: Number(values.seed),
  otelcol: realPart("otelcol"),
  longestLifeMs: Number(values.life),
  durability: "sync",
  workers: Number(values.workers),
  say: (line) => console.log(`${Math.round((performance.now() - startedAt) / 1000)} s: ${line}`),
});
print(report);
must(report.difference.lost === 0, `${report.difference.lost} requests were lost`);
must(report.difference.doubled === 0, `${report.difference.doubled} requests counted twice`);
must(report.orphans === 0, `${report.orphans} workers outlived their control plane`);
must(report.unexpected.length === 0, `unexpected answers: ${report.unexpected.join("; ")}`);

function print({ faults, difference, restartMs, ...report }: ChaosReport): void {
  const restart = spread(restartMs);
  console.log();
  printTable(
    ["fault", "times survived"],
    [
      ["SIGKILL at a random moment", String(faults.killed)],
      ["SIGKILL between commit and answer", String(faults.killedBeforeAnswer)],
      ["a worker killed (SIGKILL)", String(faults.workersKilled)],
      ["connections cut", String(faults.cuts)],
      [
        report.diskMiB === null ? "disk full (takes root: left out)" : "disk full",
        String(faults.diskFilled),
      ],
    ],
  );
  console.log();
  printTable(
    ["", "count"],
    [
      ["OTLP requests sent until acknowledged", String(report.requests)],
      ["tries that had to be repeated", String(report.retries)],
      ["requests (spans and counted) acknowledged", String(report.acknowledged)],
      ["requests counted", String(report.counted)],
      ["pairs of SLO and second compared", String(difference.compared)],
      ["lost", String(difference.lost)],
      ["counted twice", String(difference.doubled)],
      [
        "restart until ready, median and longest, ms",
        `${figure(restart.median)}, ${figure(restart.highest)}`,
      ],
      ["a real Collector with a queue on disk in front", report.withCollector ? "yes" : "no"],
    ],
  );
}

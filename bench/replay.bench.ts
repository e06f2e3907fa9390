import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { replay } from "../src/cli/replay.ts";
import { captureIo } from "../test/support/cli-io.ts";
import { sloFile } from "../test/support/slo-file.ts";
import { figures, must, printTable, ROUNDS, spread } from "./report.ts";

/*
 * How many rows a minute does the replay command take, file reading and all? Rows of ten seconds and rows of a minute,
 * with two incidents a day, that each close the gate.
 */
const ROWS = 200_000;
const DAY_S = 86_400;

const directory = mkdtempSync(join(tmpdir(), "slogate-bench-"));
try {
  const slo = join(directory, "slo.yaml");
  writeFileSync(slo, sloFile({ name: "slo", service: "shop", target: 0.999 }));
  const rows: (readonly (string | number)[])[] = [];
  for (const [name, stepS, forecastEveryMs] of [
    ["rows of 10 s", 10, null],
    ["rows of a minute", 60, null],
    ["rows of a minute, forecasts every 30 min", 60, 1_800_000],
  ] as const) {
    const { path, total } = write(stepS);
    const perMinute: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const captured = captureIo();
      const start = performance.now();
      const code = await replay(
        {
          counts: path,
          slo,
          name: null,
          json: true,
          periodRequests: null,
          budgetSpent: null,
          forecastEveryMs,
          compare: false,
        },
        captured.io,
        Readable.from([]),
      );
      const minutes = (performance.now() - start) / 60_000;
      must(code === 0, `exit code ${code}`);
      const { summary } = JSON.parse(captured.out().trimEnd().split("\n").at(-1) ?? "");
      must(summary.rows === ROWS, `${summary.rows} rows`);
      must(summary.closings > 0, "no incident has closed the gate");
      must(stepS === 60 || summary.total === total, `${summary.total} of ${total} requests`);
      // The first round is the warm-up.
      if (round > 0) perMinute.push(ROWS / minutes / 1e6);
    }
    rows.push([name, ...figures(spread(perMinute))]);
  }
  console.log(`${ROWS} rows, ${ROUNDS} rounds\n`);
  printTable(["million rows a minute", "median", "lowest to highest"], rows);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function write(stepS: number): { path: string; total: number } {
  const lines = ["t,total,bad"];
  for (let i = 0; i < ROWS; i++) {
    const second = (i * stepS) % (DAY_S / 2);
    lines.push(`${i * stepS},${stepS * 10},${second < 900 ? stepS : 0}`);
  }
  const path = join(directory, `counts-${stepS}.csv`);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return { path, total: ROWS * stepS * 10 };
}

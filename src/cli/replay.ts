import type { Readable } from "node:stream";
import { loadSlos } from "../config/load.ts";
import { formatProblem } from "../config/problem.ts";
import { EngineError } from "../model/errors.ts";
import type { GateDecision } from "../model/gate.ts";
import type { Slo } from "../model/slo.ts";
import { SECOND } from "../model/time.ts";
import { readCounts } from "./counts-file.ts";
import type { CliIo } from "./io.ts";
import { outcomeOf, outcomeTable, rivals } from "./replay/compare.ts";
import { forecastLines } from "./replay/forecast-lines.ts";
import { jsonLine, summaryLine, timeText } from "./replay/lines.ts";
import { Player } from "./replay/player.ts";
import { Progress, type Reading } from "./replay/progress.ts";
import { BAD_CONFIGURATION } from "./run.ts";

export interface ReplayOptions {
  /** CSV file, also .gz, or "-". */
  readonly counts: string;
  readonly slo: string;
  /** Which SLO of the file, when it holds several. */
  readonly name: string | null;
  readonly json: boolean;
  readonly periodRequests: number | null;
  /** Share of the period's budget that was spent before the first row. */
  readonly budgetSpent: number | null;
  readonly forecastEveryMs: number | null;
  /** Play several policies over the same counts, and print only how they compare. */
  readonly compare: boolean;
}

/**
 * What the gate would have done on past counts: the same core as `run`, on the data's clock. One line at
 * every transition, and a summary at the end, for people on a terminal and in JSON for pipes; or a table of what several policies would have done.
 *
 * @returns exit code
 */
export async function replay(options: ReplayOptions, io: CliIo, stdin: Readable): Promise<number> {
  const slo = await pickSlo(options, io);
  if (slo === null) return BAD_CONFIGURATION;
  const write = (line: string) => io.stdout.write(`${line}\n`);
  const { counts, budgetSpent, forecastEveryMs } = options;
  const names = options.compare ? rivals(slo) : [{ name: slo.name, slo }];
  const players = names.map(
    (rival) =>
      new Player({
        slo: rival.slo,
        source: counts,
        budgetSpent,
        forecastEveryMs: options.compare ? null : forecastEveryMs,
        onTransition: options.compare
          ? () => undefined
          : (decision) => write(transitionLine(decision, options.json)),
        onForecast: (decision) => {
          for (const line of forecastLines(decision)) write(jsonLine(line));
        },
      }),
  );
  const reading: Reading = { bytes: null, bytesRead: () => 0 };
  const progress = new Progress(io, reading);
  const warn = (message: string): void => {
    progress.end();
    io.stderr.write(`slogate: ${message}\n`);
  };
  let rows = 0;
  for await (const row of readCounts(counts, stdin, reading, warn)) {
    for (const player of players) player.row(row);
    progress.row(++rows);
  }
  progress.end();
  const summaries = players.map((player) => player.end());
  if (!options.compare) {
    const { remainingAtFirstClosing: _at, ...summary } = summaries[0]!;
    write(options.json ? jsonLine({ summary }) : summaryLine(summary));
    return 0;
  }
  const outcomes = summaries.map((s, i) => outcomeOf(names[i]!.name, s, budgetSpent ?? 0));
  write(options.json ? jsonLine({ compare: outcomes }) : outcomeTable(outcomes));
  return 0;
}

function transitionLine(decision: GateDecision, json: boolean): string {
  const { slo, state, reason, burn, message, decidedAt } = decision;
  return json
    ? jsonLine({ t: decidedAt / SECOND, slo, state, reason, burn })
    : `${timeText(decidedAt)}  ${state.padEnd(8)} ${reason}: ${message}`;
}

async function pickSlo(options: ReplayOptions, io: CliIo): Promise<Slo | null> {
  const loaded = await loadSlos([options.slo]);
  for (const warning of loaded.warnings) io.stderr.write(`${formatProblem(warning)}\n`);
  for (const problem of loaded.problems) io.stderr.write(`${formatProblem(problem)}\n`);
  if (loaded.problems.length > 0) return null;
  const names = loaded.slos.map((slo) => slo.name);
  const found =
    options.name === null
      ? loaded.slos.length === 1
        ? loaded.slos[0]
        : undefined
      : loaded.slos.find((slo) => slo.name === options.name);
  if (found === undefined) {
    const which = names.length === 1 ? "1 SLO" : `${names.length} SLOs`;
    const asked = options.name === null ? "" : `, none of them ${JSON.stringify(options.name)}`;
    io.stderr.write(
      `slogate: ${options.slo} holds ${which} (${names.join(", ")})${asked}; name one with --name\n`,
    );
    return null;
  }
  const plannedRequests = options.periodRequests ?? found.plannedRequests;
  if (
    options.budgetSpent !== null &&
    plannedRequests === null &&
    found.budgeting.method === "occurrences"
  ) {
    throw new EngineError(
      "CONFIG_INVALID",
      "--budget-spent needs --period-requests or the annotation slogate.dev/period-requests: share of what?",
    );
  }
  return { ...found, plannedRequests };
}

import type { Readable } from "node:stream";
import { luxonCalendar } from "../config/calendar.ts";
import { loadSlos } from "../config/load.ts";
import { formatProblem } from "../config/problem.ts";
import { Gates } from "../engine/gates.ts";
import { COUNT_UNIT, type RequestDelta } from "../model/delta.ts";
import { EngineError } from "../model/errors.ts";
import type { GateDecision } from "../model/gate.ts";
import type { Slo } from "../model/slo.ts";
import { SECOND, type UnixMs } from "../model/time.ts";
import { newReceiverCounters } from "../ports/metrics.ts";
import { type CountsRow, readCounts } from "./counts-file.ts";
import type { CliIo } from "./io.ts";
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
}

/** Ticks no farther apart than this, so that silence is noticed as it would have been. */
const TICK_S = 10;
const REMEMBERED_IDS = 100_000;

/**
 * What the gate would have done on past counts: the same core as `run`, on the data's clock. One line at
 * every transition, and a summary at the end.
 *
 * @returns exit code
 */
export async function replay(options: ReplayOptions, io: CliIo, stdin: Readable): Promise<number> {
  const slo = await pickSlo(options, io);
  if (slo === null) return BAD_CONFIGURATION;
  const player = new Player(slo, options, (line) => io.stdout.write(`${line}\n`));
  const progress = new Progress(io);
  for await (const row of readCounts(options.counts, stdin)) {
    player.row(row);
    progress.row(player.rows, row.t);
  }
  progress.end();
  player.end();
  return 0;
}

async function pickSlo(options: ReplayOptions, io: CliIo): Promise<Slo | null> {
  const loaded = await loadSlos([options.slo]);
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
    io.stderr.write(
      `slogate: ${options.slo} holds ${names.length} SLOs (${names.join(", ")}); name one with --name\n`,
    );
    return null;
  }
  if (options.periodRequests === null) return found;
  return { ...found, plannedRequests: options.periodRequests };
}

class Player {
  rows = 0;
  private readonly slo: Slo;
  private readonly options: ReplayOptions;
  private readonly write: (line: string) => void;
  private readonly counters = newReceiverCounters();
  private readonly ids = new Set<string>();
  private readonly delta = singleCell();
  private gates: Gates | null = null;
  private first: CountsRow | null = null;
  private intervalS: number | null = null;
  private now: UnixMs = 0;
  private nextForecast = 0;
  private state = "unknown";
  private since: UnixMs = 0;
  private closings = 0;
  private closedMs = 0;
  private firstClosedAt: UnixMs | null = null;
  private duplicates = 0;
  private arrived: UnixMs = Number.NEGATIVE_INFINITY;

  constructor(slo: Slo, options: ReplayOptions, write: (line: string) => void) {
    this.slo = slo;
    this.options = options;
    this.write = write;
  }

  row(row: CountsRow): void {
    this.rows++;
    if (this.gates === null) this.gates = this.start(row);
    // Rows are intervals of equal length: the first step tells it.
    if (this.first !== null && this.intervalS === null && row.t > this.first.t) {
      this.intervalS = row.t - this.first.t;
    }
    const arrives = (row.t + (this.intervalS ?? 1) + row.lag) * SECOND;
    if (arrives < this.arrived - TICK_S * SECOND && row.lag === 0) {
      throw new EngineError(
        "CONFIG_INVALID",
        `${this.options.counts}: rows must be in order of arrival (t + lag), found t ${row.t} after ${this.arrived / SECOND}`,
      );
    }
    this.arrived = Math.max(this.arrived, arrives);
    this.advance(this.arrived, false);
    if (row.id !== null && this.seen(row.id)) {
      this.duplicates++;
      return;
    }
    this.add(row.t, row.total, row.bad);
    this.counters.requestsAccepted++;
  }

  end(): void {
    if (this.gates === null) return;
    this.advance(this.now + SECOND, true);
    const decision = this.gates.get(this.slo.name);
    if (this.state === "closed") this.closedMs += this.now - this.since;
    this.write(
      JSON.stringify({
        summary: {
          slo: this.slo.name,
          rows: this.rows,
          duplicates: this.duplicates,
          state: this.state,
          closings: this.closings,
          closedSeconds: Math.round(this.closedMs / SECOND),
          firstClosedAt: this.firstClosedAt === null ? null : this.firstClosedAt / SECOND,
          total: decision?.budget.total ?? 0,
          bad: decision?.budget.bad ?? 0,
          budgetRemaining: decision?.budget.remaining ?? null,
        },
      }),
    );
  }

  private start(row: CountsRow): Gates {
    this.first = row;
    this.now = row.t * SECOND;
    this.since = this.now;
    this.nextForecast = this.now + (this.options.forecastEveryMs ?? 0);
    const gates = new Gates({
      calendar: luxonCalendar(),
      epoch: 1,
      counters: this.counters,
      now: this.now,
    });
    gates.use([this.slo]);
    this.gates = gates;
    const { budgetSpent } = this.options;
    if (budgetSpent !== null && this.slo.plannedRequests !== null) {
      const bad = budgetSpent * (1 - this.slo.objective) * this.slo.plannedRequests;
      // In the middle of the past period: the best guess when nobody knows when it was spent.
      this.add(row.t - this.slo.period.durationMs / SECOND / 2, bad, bad);
    }
    return gates;
  }

  /** Ticks up to `to`; with `inclusive` also at it. */
  private advance(to: UnixMs, inclusive: boolean): void {
    while (this.now < to) {
      const step = Math.min(to, this.now + TICK_S * SECOND);
      if (step === to && !inclusive && this.now + SECOND > to) break;
      this.now = step;
      this.tick();
    }
  }

  private tick(): void {
    const gates = this.gates!.tick(this.now);
    for (const { decision, transition } of gates.published)
      if (transition) this.transition(decision);
    const every = this.options.forecastEveryMs;
    if (every !== null && this.now >= this.nextForecast) {
      this.nextForecast += every * Math.ceil((this.now - this.nextForecast + 1) / every);
      this.forecast(gates.get(this.slo.name)!);
    }
  }

  private transition(decision: GateDecision): void {
    if (decision.state === "closed" && this.state !== "closed") {
      this.closings++;
      this.firstClosedAt ??= decision.decidedAt;
      this.since = decision.decidedAt;
    } else if (decision.state !== "closed" && this.state === "closed") {
      this.closedMs += decision.decidedAt - this.since;
    }
    this.state = decision.state;
    const { slo, state, reason, burn, message } = decision;
    const t = decision.decidedAt / SECOND;
    this.write(
      this.options.json
        ? JSON.stringify({ t, slo, state, reason, burn })
        : `${String(t).padEnd(12)} ${state.padEnd(8)} ${reason}: ${message}`,
    );
  }

  private forecast(decision: GateDecision): void {
    const t = this.now / SECOND;
    const at = decision.forecast.at;
    if (at !== null) {
      for (const [horizon_s, f] of [
        [3_600, at["1h"]],
        [86_400, at["24h"]],
      ] as const) {
        const { burn } = f;
        this.write(JSON.stringify({ t, horizon_s, burn, lo: f.lo80, hi: f.hi80, level: 0.8 }));
        this.write(JSON.stringify({ t, horizon_s, burn, lo: f.lo95, hi: f.hi95, level: 0.95 }));
      }
    }
    const exhaustion = decision.forecast.exhaustion;
    if (exhaustion === null) return;
    const left = (end: UnixMs | null): number | null =>
      end === null ? null : Math.max(0, end - this.now) / SECOND;
    const { earliest, expected, latest } = exhaustion;
    this.write(
      JSON.stringify({
        t,
        tte_s: left(expected),
        lo: left(earliest),
        hi: left(latest),
        level: 0.8,
      }),
    );
  }

  private add(second: number, total: number, bad: number): void {
    const delta = this.delta;
    delta.receivedAt = this.now;
    delta.second[0] = Math.floor(second);
    delta.total[0] = Math.round(total * COUNT_UNIT);
    delta.bad[0] = Math.round(bad * COUNT_UNIT);
    delta.rawBad[0] = bad;
    delta.badSquares[0] = bad;
    this.gates!.add(delta);
  }

  private seen(id: string): boolean {
    if (this.ids.has(id)) return true;
    this.ids.add(id);
    if (this.ids.size > REMEMBERED_IDS) {
      for (const oldest of this.ids) {
        this.ids.delete(oldest);
        break;
      }
    }
    return false;
  }
}

/** On a terminal, how far the replay is. */
class Progress {
  private readonly io: CliIo;
  private shownAt = 0;

  constructor(io: CliIo) {
    this.io = io;
  }

  row(rows: number, t: number): void {
    if (this.io.stderr.isTTY !== true || rows % 10_000 !== 0) return;
    const now = performance.now();
    if (now - this.shownAt < 200) return;
    this.shownAt = now;
    this.io.stderr.write(`\r\u001b[K${rows.toLocaleString("en-US")} rows, t ${t}`);
  }

  end(): void {
    if (this.shownAt > 0) this.io.stderr.write("\r\u001b[K");
  }
}

function singleCell(): RequestDelta {
  return {
    fingerprint: new Uint32Array(5),
    receivedAt: 0,
    producer: 0,
    length: 1,
    slo: new Int32Array(1),
    version: new Int32Array(1),
    second: new Float64Array(1),
    total: new Float64Array(1),
    bad: new Float64Array(1),
    rawBad: new Float64Array(1),
    badSquares: new Float64Array(1),
  };
}

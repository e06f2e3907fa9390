import type { Readable } from "node:stream";
import { luxonCalendar } from "../config/calendar.ts";
import { loadSlos } from "../config/load.ts";
import { formatProblem } from "../config/problem.ts";
import { Gates } from "../engine/gates.ts";
import { COUNT_UNIT, type RequestDelta } from "../model/delta.ts";
import { EngineError } from "../model/errors.ts";
import type { GateDecision } from "../model/gate.ts";
import type { Slo } from "../model/slo.ts";
import { DAY, HOUR, SECOND, type UnixMs } from "../model/time.ts";
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
/** Rows of equal arrival may stand in any order, and times may be rounded. */
const DISORDER_S = 10;
const REMEMBERED_IDS = 100_000;
/** Rows that are looked at for the length of an interval before the first is played. */
const HELD_ROWS = 1_000;

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

class Player {
  rows = 0;
  private readonly slo: Slo;
  private readonly options: ReplayOptions;
  private readonly write: (line: string) => void;
  private readonly counters = newReceiverCounters();
  private readonly ids = new Set<string>();
  private readonly delta = singleCell();
  private gates: Gates | null = null;
  /** The first rows: they tell how long an interval is. Null when they have been played. */
  private held: CountsRow[] | null = [];
  private intervalS = 1;
  private now: UnixMs = 0;
  private nextForecast = 0;
  private state = "unknown";
  private since: UnixMs = 0;
  private closings = 0;
  private closedMs = 0;
  private firstClosedAt: UnixMs | null = null;
  private duplicates = 0;
  private arrived: UnixMs = Number.NEGATIVE_INFINITY;
  /** Something was added that no tick has seen yet. */
  private fresh = false;

  constructor(slo: Slo, options: ReplayOptions, write: (line: string) => void) {
    this.slo = slo;
    this.options = options;
    this.write = write;
  }

  row(row: CountsRow): void {
    this.rows++;
    if (this.held === null) this.arrive(row);
    else if (this.held.push(row) >= HELD_ROWS) this.release();
  }

  private release(): void {
    const rows = this.held ?? [];
    this.held = null;
    this.intervalS = smallestStep(rows);
    for (const row of rows) this.arrive(row);
  }

  private arrive(row: CountsRow): void {
    this.gates ??= this.start(row);
    const end = row.t + this.intervalS;
    const arrives = (end + row.lag) * SECOND;
    if (arrives < this.arrived - DISORDER_S * SECOND) {
      throw new EngineError(
        "CONFIG_INVALID",
        `${this.options.counts}: rows must be in order of arrival (t + lag), found t ${row.t} ` +
          `with lag ${row.lag} after a row that arrived ${(this.arrived - arrives) / SECOND} s later`,
      );
    }
    this.arrived = Math.max(this.arrived, arrives);
    this.advance(this.arrived, false);
    if (row.id !== null && this.seen(row.id)) {
      this.duplicates++;
      return;
    }
    // In its last second, as metrics are counted when their point ends: then a window of five minutes holds
    // five rows of a minute.
    this.add(Math.max(row.t, Math.ceil(end) - 1), row.total, row.bad);
    this.counters.requestsAccepted++;
    this.fresh = true;
  }

  end(): void {
    if (this.held !== null) this.release();
    if (this.gates === null) {
      throw new EngineError("CONFIG_INVALID", `${this.options.counts}: holds no row of counts`);
    }
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
    this.now = row.t * SECOND;
    this.since = this.now;
    this.nextForecast = this.now + (this.options.forecastEveryMs ?? 0);
    const gates = new Gates({
      calendar: luxonCalendar(),
      epoch: 1,
      counters: this.counters,
      now: this.now,
      live: false,
    });
    gates.use([this.slo]);
    const { budgetSpent } = this.options;
    if (budgetSpent !== null) {
      const past = pastOf(this.slo, budgetSpent);
      gates.addPast(this.slo.name, Math.floor(row.t - past.ageS), past.total, past.bad);
    }
    return gates;
  }

  /** Ticks up to `to`; with `inclusive` also at it. */
  private advance(to: UnixMs, inclusive: boolean): void {
    while (this.now < to) {
      // What has arrived is decided on within a second, as `run` does; only silence is looked at less often.
      const step = Math.min(to, this.now + (this.fresh ? 1 : TICK_S) * SECOND);
      if (step === to && !inclusive && this.now + SECOND > to) break;
      this.now = step;
      this.fresh = false;
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

/**
 * What `share` of the budget spent before the first row means in counts. In the middle of the past period, the
 * best guess when nobody knows when it was spent, but beyond the burn windows.
 */
function pastOf(slo: Slo, share: number): { ageS: number; total: number; bad: number } {
  const { period, budgeting } = slo;
  const slices = budgeting.method === "occurrences" ? null : period.durationMs / budgeting.sliceMs;
  const bad = Math.round(share * (1 - slo.objective) * (slices ?? slo.plannedRequests ?? 0));
  if (period.kind === "calendar") return { ageS: 0, total: bad, bad };
  const ageMs = Math.max(
    period.durationMs / 2,
    Math.min(3 * DAY + HOUR, period.durationMs - period.durationMs / 24),
  );
  // Of slices the period's number is projected from those seen.
  const total = slices === null ? bad : Math.max(bad, (slices * ageMs) / period.durationMs);
  return { ageS: ageMs / SECOND, total: Math.round(total), bad };
}

/** The smallest step between rows that follow one another, seconds; 1 when there is none. */
function smallestStep(rows: readonly CountsRow[]): number {
  let smallest = Number.POSITIVE_INFINITY;
  for (let i = 1; i < rows.length; i++) {
    const step = Math.abs(rows[i]!.t - rows[i - 1]!.t);
    if (step > 0 && step < smallest) smallest = step;
  }
  return Number.isFinite(smallest) ? smallest : 1;
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

import { luxonCalendar } from "../../config/calendar.ts";
import { Gates } from "../../engine/gates.ts";
import { COUNT_UNIT, type RequestDelta } from "../../model/delta.ts";
import { EngineError } from "../../model/errors.ts";
import type { GateDecision } from "../../model/gate.ts";
import type { Slo } from "../../model/slo.ts";
import { DAY, type DurationMs, HOUR, SECOND, type UnixMs } from "../../model/time.ts";
import { newReceiverCounters } from "../../ports/metrics.ts";
import type { CountsRow } from "../counts-file.ts";
import { VersionNames } from "./version-names.ts";

/** Ticks no farther apart than this, so that silence is noticed as it would have been. */
const TICK_S = 10;
/** Rows of equal arrival may stand in any order, and times may be rounded. */
const DISORDER_S = 10;
const REMEMBERED_IDS = 100_000;
/** Rows that are looked at for the length of an interval before the first is played. */
const HELD_ROWS = 1_000;

export interface PlayerParts {
  readonly slo: Slo;
  /** What to call the rows in messages. */
  readonly source: string;
  /** Share of the period's budget that was spent before the first row. */
  readonly budgetSpent: number | null;
  readonly forecastEveryMs: DurationMs | null;
  readonly onTransition: (decision: GateDecision) => void;
  /** At every multiple of `forecastEveryMs` on the data's clock. */
  readonly onForecast: (decision: GateDecision) => void;
}

/** What one replay comes to. Times on the data's clock. */
export interface ReplaySummary {
  readonly slo: string;
  readonly rows: number;
  readonly duplicates: number;
  readonly state: string;
  readonly closings: number;
  readonly closedSeconds: number;
  /** Seconds; null: the gate never closed. */
  readonly firstClosedAt: number | null;
  readonly total: number;
  readonly bad: number;
  readonly budgetRemaining: number | null;
  /** Share of the budget left when the gate first closed; null when it never did, or nothing was known. */
  readonly remainingAtFirstClosing: number | null;
}

/** Past counts of one SLO through the same core as `run`, on the data's clock. */
export class Player {
  rows = 0;
  private readonly parts: PlayerParts;
  private readonly counters = newReceiverCounters();
  private readonly versions = new VersionNames();
  private readonly ids = new Set<string>();
  private readonly delta = singleCell();
  private gates: Gates | null = null;
  /** The first rows: they tell how long an interval is. Null when they have been played. */
  private held: CountsRow[] | null = [];
  private intervalS = 1;
  private now: UnixMs = 0;
  /** Latest arrival so far. */
  private arrived: UnixMs = Number.NEGATIVE_INFINITY;
  /** Something was added that no tick has seen yet. */
  private fresh = false;
  private nextForecast: UnixMs = 0;
  private state = "unknown";
  private closedAt: UnixMs = 0;
  private closings = 0;
  private closedMs = 0;
  private firstClosedAt: UnixMs | null = null;
  private remainingAtFirstClosing: number | null = null;
  private duplicates = 0;

  constructor(parts: PlayerParts) {
    this.parts = parts;
  }

  row(row: CountsRow): void {
    this.rows++;
    if (this.held === null) this.arrive(row);
    else if (this.held.push(row) >= HELD_ROWS) this.release();
  }

  /** After the last row. */
  end(): ReplaySummary {
    if (this.held !== null) this.release();
    if (this.gates === null) {
      throw new EngineError("CONFIG_INVALID", `${this.parts.source}: holds no row of counts`);
    }
    this.advance(this.arrived + SECOND);
    const { name } = this.parts.slo;
    const budget = this.gates.get(name)?.budget;
    if (this.state === "closed") this.closedMs += this.now - this.closedAt;
    return {
      slo: name,
      rows: this.rows,
      duplicates: this.duplicates,
      state: this.state,
      closings: this.closings,
      closedSeconds: Math.round(this.closedMs / SECOND),
      firstClosedAt: this.firstClosedAt === null ? null : this.firstClosedAt / SECOND,
      total: budget?.total ?? 0,
      bad: budget?.bad ?? 0,
      budgetRemaining: budget?.remaining ?? null,
      remainingAtFirstClosing: this.remainingAtFirstClosing,
    };
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
    // An interval is not complete before it ends, whatever the delay is counted from.
    const arrives = Math.max(end, row.t + (row.lag ?? 0)) * SECOND;
    const backwardsMs = this.arrived - arrives;
    const slackS = row.lag === null ? DISORDER_S : Math.max(DISORDER_S, this.intervalS);
    if (backwardsMs > slackS * SECOND) {
      throw new EngineError(
        "CONFIG_INVALID",
        `${this.parts.source}: rows must be in order of arrival (t + lag), found t ${row.t} ` +
          `with lag ${row.lag ?? this.intervalS} after a row that arrived ${backwardsMs / SECOND} s later`,
      );
    }
    if (arrives > this.arrived) {
      this.advance(arrives);
      this.arrived = arrives;
    }
    if (row.id !== null && this.seen(row.id)) {
      this.duplicates++;
      return;
    }
    // In its last second, as metrics are counted when their point ends: then a window of five minutes holds
    // five rows of a minute.
    this.add(Math.max(row.t, Math.ceil(end) - 1), row);
    this.counters.requestsAccepted++;
    this.fresh = true;
  }

  private start(row: CountsRow): Gates {
    this.now = row.t * SECOND;
    const { slo, budgetSpent, forecastEveryMs } = this.parts;
    const every = forecastEveryMs ?? 1;
    this.nextForecast = every * Math.ceil((this.now + 1) / every);
    const gates = new Gates({
      calendar: luxonCalendar(),
      epoch: 1,
      counters: this.counters,
      now: this.now,
      live: false,
      versionName: (id) => this.versions.names[id] ?? "other",
    });
    gates.use([slo]);
    if (budgetSpent !== null) {
      const past = pastOf(slo, budgetSpent);
      gates.addPast(slo.name, Math.floor(row.t - past.ageS), past.total, past.bad);
    }
    return gates;
  }

  /**
   * All ticks before `to`: what has arrived is decided on within a second, as `run` does; only silence is looked
   * at less often.
   */
  private advance(to: UnixMs): void {
    for (;;) {
      const everyS = this.fresh ? 1 : TICK_S;
      const from = this.fresh ? Math.max(this.now, this.arrived - 1) : this.now;
      const next = (Math.floor(from / SECOND / everyS) + 1) * everyS * SECOND;
      if (next >= to) return;
      this.fresh = false;
      this.now = next;
      this.tick();
    }
  }

  private tick(): void {
    const gates = this.gates!.tick(this.now);
    for (const { decision, transition } of gates.published) {
      if (transition) this.transition(decision);
    }
    const { forecastEveryMs, slo, onForecast } = this.parts;
    if (forecastEveryMs === null || this.now < this.nextForecast) return;
    this.nextForecast = forecastEveryMs * (Math.floor(this.now / forecastEveryMs) + 1);
    onForecast(gates.get(slo.name)!);
  }

  private transition(decision: GateDecision): void {
    const { state, decidedAt } = decision;
    if (state === "closed" && this.state !== "closed") {
      this.closings++;
      if (this.firstClosedAt === null) {
        this.firstClosedAt = decidedAt;
        this.remainingAtFirstClosing = decision.budget.remaining;
      }
      this.closedAt = decidedAt;
    } else if (state !== "closed" && this.state === "closed") {
      this.closedMs += decidedAt - this.closedAt;
    }
    this.state = state;
    this.parts.onTransition(decision);
  }

  private add(second: number, { total, bad, version }: CountsRow): void {
    const delta = this.delta;
    delta.receivedAt = this.arrived;
    delta.version[0] = this.versions.idOf(version);
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

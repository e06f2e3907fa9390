import {
  type Budget,
  budgetOf,
  isExhausted,
  isReplenished,
  type PeriodSeen,
} from "../burn/budget.ts";
import { VersionWatch } from "../burn/version-watch.ts";
import type { Breach, BurnWatch, WindowSums } from "../burn/watch.ts";
import { adopt } from "../decide/adopt.ts";
import { decide } from "../decide/gate.ts";
import { type Findings, type GateState, initialState } from "../decide/state.ts";
import { Forecast } from "../forecast/forecast.ts";
import { COUNT_UNIT } from "../model/delta.ts";
import type { Override, PublishedGate } from "../model/gate.ts";
import { type Slo, sameCounting, sameIndicator } from "../model/slo.ts";
import type { StateCarrier } from "../model/state-carrier.ts";
import { HOUR, MINUTE, SECOND, type UnixMs, type UnixSecond } from "../model/time.ts";
import type { BurnWindow } from "../model/window.ts";
import type { Calendar } from "../ports/calendar.ts";
import { BudgetLedger } from "../windows/ledger.ts";
import { SloWindows } from "../windows/rings.ts";
import { SliceJudge } from "../windows/slices.ts";
import { longestWindowMs, SLO_TIERS } from "../windows/tiers.ts";
import { burnsSoFar } from "./first-requests.ts";
import { forecastCloses } from "./forecast-closing.ts";
import type { Hearing } from "./hearing.ts";
import { Outlook } from "./outlook.ts";
import { Presence } from "./presence.ts";
import { minBadOf, placeOf, watchFor, windowsOf } from "./watch-for.ts";

/** What ended longer ago says nothing of now: a queue that is emptied is no sign of life, nor of recovery. */
const NEWS_S = 300;

/** Everything the control plane knows of one SLO: counts, evidence, forecast and the gate. */
export class Track implements WindowSums {
  /** May be replaced by an equal one. */
  slo: Slo;
  /** The SLO's column in deltas. */
  readonly index: number;
  /** When it began to count by its indicator. */
  countsSince: UnixMs;
  gate: GateState;
  /** Why burn closed the gate, as it was then. */
  breach: (Breach & { readonly at: UnixMs }) | null = null;
  override: Override | null = null;
  /** When the decision is to be published again even if nothing has changed. */
  refreshAt: UnixSecond = Number.NEGATIVE_INFINITY;
  readonly presence: Presence;
  readonly burnWindows: readonly BurnWindow[];
  private readonly placeOfHour: number;
  readonly watch: BurnWatch;
  readonly versions: VersionWatch;
  readonly forecast: Forecast;
  readonly ledger: BudgetLedger;
  readonly outlook = new Outlook();
  private readonly windows: SloWindows;
  private readonly slices: SliceJudge | null;
  private readonly calendar: Calendar;
  private minute: number;
  private minuteTotal = 0;
  private minuteBad = 0;
  private periodEnd: UnixMs = Number.NEGATIVE_INFINITY;
  /** Of the delta being added, for the slice callback. */
  private receivedAt: UnixMs = 0;
  /** Of the same: its requests ended lately enough to say something of now. */
  private isNews = true;
  private readonly burns = (): boolean => burnsSoFar(this);
  private readonly emitSlice = (second: UnixSecond, total: number, bad: number): void =>
    this.count(second, total, bad, Math.max(0, bad / COUNT_UNIT));

  constructor(slo: Slo, index: number, calendar: Calendar, now: UnixMs, previous?: Track) {
    this.slo = slo;
    this.index = index;
    this.countsSince = previous && sameIndicator(previous.slo, slo) ? previous.countsSince : now;
    this.calendar = calendar;
    this.burnWindows = windowsOf(slo);
    this.placeOfHour = placeOf(this.burnWindows, HOUR);
    const { policy } = slo;
    const nowSecond = Math.floor(now / SECOND);
    const period: BurnWindow = { label: slo.period.text, durationMs: slo.period.durationMs };
    const all =
      slo.period.kind === "rolling" ? [...this.burnWindows, period] : [...this.burnWindows];
    const kept = previous !== undefined && sameCounting(previous.slo, slo) ? previous : null;
    this.windows = kept?.windows.withWindows(all) ?? new SloWindows(all, nowSecond);
    const shared = { rings: this.windows, windowIndex: all.length - 1 };
    const samePeriod =
      kept !== null && JSON.stringify(kept.slo.period) === JSON.stringify(slo.period);
    const bothRolling = kept?.slo.period.kind === "rolling" && slo.period.kind === "rolling";
    this.ledger =
      kept !== null && (samePeriod || bothRolling)
        ? kept.ledger.withRings(slo.period, nowSecond, shared)
        : new BudgetLedger(slo.period, nowSecond, slo.period.kind === "rolling" ? shared : null);
    const { budgeting } = slo;
    this.slices =
      kept?.slices ?? (budgeting.method === "occurrences" ? null : new SliceJudge(budgeting));
    this.presence = kept?.presence ?? new Presence();
    const sameObjective = kept !== null && kept.slo.objective === slo.objective;
    this.forecast = sameObjective ? kept.forecast : new Forecast(slo.objective);
    this.gate = previous?.gate ?? initialState(slo.policy, now);
    if (previous !== undefined && previous.slo.policy.keepClosedForMs !== policy.keepClosedForMs) {
      this.gate = { ...this.gate, holdMs: policy.keepClosedForMs };
    }
    const versions = previous?.versions ?? new VersionWatch(slo.objective);
    const knowsAll = sameObjective || previous === undefined;
    this.versions = knowsAll ? versions : versions.edited(slo.objective, kept !== null, nowSecond);
    const before = sameObjective ? kept.watch : null;
    this.watch = watchFor(slo, this.burnWindows, now, before);
    if (previous !== undefined && before === null) this.judgeAnew(now);
    else if (this.gate.burnClosed !== null && before?.constructor !== this.watch.constructor) {
      this.watch.close(this, null, now);
    }
    this.breach = sameObjective ? kept.breach : null;
    this.override = previous?.override ?? null;
    this.minute = Math.floor(now / MINUTE);
    this.minuteTotal = kept?.minuteTotal ?? 0;
    this.minuteBad = kept?.minuteBad ?? 0;
    this.startPeriod(now);
    if (kept !== null && this.ledger !== kept.ledger && !bothRolling) this.carryOver(kept, now);
  }

  /**
   * Adds one cell of an admitted delta; `version` is its number there. Counts in COUNT_UNIT units, squares in requests.
   *
   * @returns false when its time slice is too old to change; it does not count then
   */
  add(
    version: number,
    second: UnixSecond,
    total: number,
    bad: number,
    badSquares: number,
    now: UnixMs,
  ): boolean {
    const nowSecond = Math.floor(now / SECOND);
    this.receivedAt = now;
    this.isNews = nowSecond - second <= NEWS_S;
    // What comes before the second's tick, or the first one after a restart, must not land in an older second.
    this.advance(now);
    if (this.isNews) this.presence.heard(now, total);
    // Slices are verdicts on all versions together.
    if (this.slices !== null) return this.slices.add(second, total, bad, this.emitSlice);
    this.count(second, total, bad, badSquares);
    // A version that only its old requests speak of does not serve.
    if (this.isNews) {
      this.versions.add(version, second, total / COUNT_UNIT, bad / COUNT_UNIT, nowSecond);
    }
    return true;
  }

  /** Moves the windows to `now` without deciding, as whatever is added does. */
  advance(now: UnixMs): void {
    this.windows.advance(Math.floor(now / SECOND));
  }

  /**
   * One tick: moves the windows to `now` and decides. `findings` is scratch space, shared by all tracks.
   *
   * @returns true when the gate made a transition
   */
  tick(now: UnixMs, hearing: Hearing, findings: Findings): boolean {
    const nowSecond = Math.floor(now / SECOND);
    if (now >= this.periodEnd) this.startPeriod(now);
    this.windows.advance(nowSecond);
    this.ledger.advance(nowSecond);
    const budget = this.budget(now);
    const perMinute = (budget.budget * MINUTE) / this.slo.period.durationMs;
    this.watch.step(this, now, perMinute);
    const burns = this.gate.burnClosed !== null;
    this.versions.step(nowSecond, perMinute, this.watch.dispersion(), burns);
    this.stepMinute(now);
    this.presence.learnRate(this.total(this.placeOfHour), now);
    if (this.override !== null && now >= this.override.expiresAt) this.override = null;

    const breach = this.slo.sampledUpstream ? null : this.watch.breach(this, now);
    findings.burn = breach === null ? forecastCloses(this, now) : reasonOf(breach);
    this.lookForRollout(now);
    findings.badVersion = !this.slo.sampledUpstream && this.versions.suspectServes(nowSecond);
    findings.calmSince = this.watch.calmSinceMs();
    findings.troubleSince = this.watch.troubleSinceMs();
    findings.longestPauseMs = this.watch.longestPauseMs();
    findings.settled = this.watch.settled(this);
    const seen = this.periodSeen(nowSecond);
    findings.exhausted = !this.slo.sampledUpstream && isExhausted(budget, seen);
    findings.replenished = isReplenished(budget, seen);
    this.presence.warmUp(this.burns);
    findings.silence = this.presence.silence(now, hearing);
    if (findings.silence === "stale") this.presence.fellSilent();
    findings.override = this.override;

    const before = this.gate;
    const next = decide(before, findings, this.slo.policy, now);
    if (next === before) return false;
    this.gate = next;
    this.turned(before, breach, now);
    return next.sequence !== before.sequence;
  }

  /**
   * Goes on from what the last leader published; see `adopt`.
   *
   * @param nameOf the version's name by its number
   */
  adopt(published: PublishedGate, nameOf: (id: number) => string, now: UnixMs): void {
    const before = this.gate;
    this.gate = adopt(before, published);
    if (published.state === "open") this.presence.trust();
    this.override = published.override;
    const isSuspect = (id: number) => published.suspects.includes(nameOf(id));
    this.versions.inherit(isSuspect, Math.floor(now / SECOND));
    this.turned(before, null, now);
  }

  /**
   * Counts (requests or slices, not units) from before anyone watched: they belong to the budget, but are no
   * evidence, no traffic that was heard, and nothing to forecast from.
   */
  addPast(second: UnixSecond, total: number, bad: number): void {
    if (this.slo.period.kind === "rolling") {
      this.windows.add(second, total * COUNT_UNIT, bad * COUNT_UNIT);
    }
    this.ledger.add(second, total * COUNT_UNIT, bad * COUNT_UNIT);
  }

  /** Requests (or slices) of the window at this place of `burnWindows`. */
  total(window: number): number {
    return this.windows.totalOf(window) / COUNT_UNIT;
  }

  bad(window: number): number {
    return this.windows.badOf(window) / COUNT_UNIT;
  }

  /** Requests (or slices) of the last five minutes. */
  recentRequests(): number {
    return this.total(placeOf(this.burnWindows, 5 * MINUTE));
  }

  latestSecond(): UnixSecond | null {
    return this.windows.latestSecond();
  }

  eachMinute(fn: (unixSecond: UnixSecond, total: number, bad: number) => void): void {
    this.windows.eachMinute((second, total, bad) =>
      fn(second, total / COUNT_UNIT, bad / COUNT_UNIT),
    );
  }

  budget(now: UnixMs): Budget {
    const nowSecond = Math.floor(now / SECOND);
    return budgetOf({
      objective: this.slo.objective,
      totalSeen: this.ledger.total() / COUNT_UNIT,
      badSeen: this.ledger.bad() / COUNT_UNIT,
      // Of time slices nobody knows beforehand how many will see a request.
      planned: this.slices === null ? this.slo.plannedRequests : null,
      historySeconds: this.ledger.historySeconds(nowSecond),
      periodSeconds: this.slo.period.durationMs / SECOND,
      observedFullPeriod: this.ledger.observedFullPeriod(nowSecond),
      observedTotal: this.observedTotal(nowSecond),
    });
  }

  /** End of the running calendar period; null when rolling. */
  periodEndsAt(): UnixMs | null {
    return this.slo.period.kind === "calendar" ? this.periodEnd : null;
  }

  /** Counts and gate stay; evidence and forecast begin anew. */
  judgeAnew(now: UnixMs): void {
    const closed = this.gate.burnClosed !== null;
    this.watch.restart(now);
    if (closed) this.watch.close(this, null, now);
    this.forecast.restart(now, closed, 0, 0);
  }

  /** What the detector and the forecast know; see `carryCounts` for the rest. */
  carryJudgement(state: StateCarrier): void {
    this.watch.carry(state);
    this.versions.carry(state);
    this.forecast.carry(state);
    this.outlook.carry(state);
    this.breach = state.record(this.breach);
  }

  /** For a track of the same SLO at the same column. */
  carryCounts(state: StateCarrier): void {
    this.countsSince = state.number(this.countsSince);
    this.windows.carry(state);
    this.ledger.carry(state);
    this.slices?.carry(state);
    this.presence.carry(state);
    this.gate = state.record(this.gate);
    this.override = state.record(this.override);
    this.refreshAt = state.number(this.refreshAt);
    this.minute = state.number(this.minute);
    this.minuteTotal = state.number(this.minuteTotal);
    this.minuteBad = state.number(this.minuteBad);
    this.periodEnd = state.number(this.periodEnd);
  }

  /** For some time after burn has closed the gate: a version that fell silent may only be late for a minute. */
  private lookForRollout(now: UnixMs): void {
    const { gate, breach } = this;
    if (gate.burnClosed === null || breach === null || now - gate.since > 2 * MINUTE) return;
    this.versions.blameRollout(breach.evidence.since / SECOND, Math.floor(now / SECOND));
  }

  /** Burn may have closed the gate or let it go: detector and forecast begin anew then. */
  private turned(before: GateState, breach: Breach | null, now: UnixMs): void {
    const { burnClosed, holdMs } = this.gate;
    if (before.burnClosed === null && burnClosed !== null) {
      this.breach = breach && { ...breach, at: now };
      this.watch.close(this, breach, now);
      const since = breach?.evidence.since ?? now;
      this.forecast.restart(since, true, breach?.bad ?? 0, breach?.atBurn1 ?? 0);
    } else if (before.burnClosed !== null && burnClosed === null) {
      this.breach = null;
      this.watch.open(now, holdMs);
      this.forecast.restart(now, false, 0, 0);
    } else if (before.burnClosed !== burnClosed && breach !== null) {
      // It got worse: the numbers that say so are those of the pair that now breaches.
      this.breach = { ...breach, at: now };
    }
  }

  private periodSeen(nowSecond: UnixSecond): PeriodSeen {
    return {
      historySeconds: this.ledger.historySeconds(nowSecond),
      bad: this.ledger.bad() / COUNT_UNIT / this.watch.meanWeight(),
      minBad: minBadOf(this.slo),
    };
  }

  private observedTotal(nowSecond: UnixSecond): number | null {
    const observed = this.ledger.observedTotal(nowSecond);
    return observed === null ? null : observed / COUNT_UNIT;
  }

  /** While closed, requests of long ago and of before the trouble say nothing of its end, nor of its going on. */
  private isSign(second: UnixSecond): boolean {
    if (this.gate.burnClosed === null) return true;
    return this.isNews && second * SECOND >= this.watch.troubleSinceMs();
  }

  private count(second: UnixSecond, total: number, bad: number, badSquares: number): void {
    this.windows.add(second, total, bad);
    this.ledger.add(second, total, bad);
    if (this.isSign(second)) {
      this.watch.observe(second, total / COUNT_UNIT, bad / COUNT_UNIT, badSquares, this.receivedAt);
    }
    this.minuteTotal += total;
    this.minuteBad += bad;
  }

  private stepMinute(now: UnixMs): void {
    const minute = Math.floor(now / MINUTE);
    if (minute <= this.minute) return;
    this.minute = minute;
    this.forecast.minute(
      this.minuteTotal / COUNT_UNIT,
      this.minuteBad / COUNT_UNIT,
      minute * MINUTE,
      this.watch.dispersion(),
    );
    this.minuteTotal = 0;
    this.minuteBad = 0;
  }

  /** The period was edited to or from a calendar one: what the rings still know of it counts. */
  private carryOver(kept: Track, now: UnixMs): void {
    const nowSecond = Math.floor(now / SECOND);
    const first = nowSecond - kept.ledger.historySeconds(nowSecond);
    const period = this.slo.period;
    if (period.kind === "rolling") {
      if (this.ledger.total() > 0) this.ledger.add(first, this.ledger.total(), this.ledger.bad());
      return;
    }
    const { start } = this.calendar.periodAt(period, now);
    const durationMs = Math.min(now - start, longestWindowMs(SLO_TIERS));
    if (!(durationMs > 0)) return;
    const seen = this.windows.withWindows([{ label: "period so far", durationMs }]);
    this.ledger.add(Math.max(first, Math.floor(start / SECOND)), seen.totalOf(0), seen.badOf(0));
  }

  private startPeriod(now: UnixMs): void {
    const period = this.slo.period;
    if (period.kind === "rolling") {
      this.periodEnd = Number.POSITIVE_INFINITY;
      return;
    }
    const { start, end } = this.calendar.periodAt(period, now);
    this.ledger.setPeriod(Math.floor(start / SECOND), Math.floor(end / SECOND));
    this.periodEnd = end;
  }
}

function reasonOf(breach: Breach): "fast-burn" | "slow-burn" {
  return breach.fast ? "fast-burn" : "slow-burn";
}

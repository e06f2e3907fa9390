import type { Period } from "../model/slo.ts";
import type { StateCarrier } from "../model/state-carrier.ts";
import type { UnixSecond } from "../model/time.ts";
import { SloWindows } from "./rings.ts";
import type { RollOff } from "./roll-off.ts";
import { SLO_TIERS, tierFor } from "./tiers.ts";

/** Rings that already hold what the ledger counts, and which of their windows is the period. */
export interface SharedRings {
  readonly rings: SloWindows;
  readonly windowIndex: number;
}

/**
 * What the compliance period has seen: the numbers under the error budget, in COUNT_UNIT units.
 *
 * Rolling periods (at most 31 d) are a window over rings, exact to the bucket of the tier that spans
 * them: hours beyond three days. Calendar periods of any length are two sums, zeroed where `setPeriod`
 * says that a new period begins.
 */
export class BudgetLedger {
  private readonly rings: SloWindows | null;
  private readonly windowIndex: number;
  private readonly ownsRings: boolean;
  private readonly rollingSeconds: number;

  /** Calendar only: the period's bounds, end exclusive; unbounded until `setPeriod` is called. */
  private start: UnixSecond = Number.NEGATIVE_INFINITY;
  private end: UnixSecond = Number.POSITIVE_INFINITY;
  private calendarTotal = 0;
  private calendarBad = 0;
  /** What fell beyond `end` before anyone said that a new period had begun. */
  private nextTotal = 0;
  private nextBad = 0;
  /** Requests of the last calendar period, when it was seen from its beginning. */
  private previousTotal: number | null = null;

  /** Earliest second with a request; null before the first. */
  private first: UnixSecond | null = null;

  /**
   * @param shared rolling only: rings that are fed the same counts by the caller, who adds to them before
   *   the ledger; without, the ledger keeps its own
   * @throws RangeError when a rolling period is longer than 31 d
   */
  constructor(period: Period, now: UnixSecond, shared: SharedRings | null = null) {
    this.ownsRings = period.kind === "rolling" && shared === null;
    this.windowIndex = shared?.windowIndex ?? 0;
    this.rollingSeconds = period.durationMs / 1000;
    if (period.kind === "calendar") this.rings = null;
    else this.rings = shared?.rings ?? ownRings(period, now);
  }

  /** The same period over rings whose windows were laid out anew; a calendar ledger is its own. */
  withRings(period: Period, now: UnixSecond, shared: SharedRings): BudgetLedger {
    if (this.rings === null) return this;
    const other = new BudgetLedger(period, now, shared);
    other.first = this.first;
    return other;
  }

  advance(now: UnixSecond): void {
    if (this.rings === null) return;
    this.rings.advance(now);
    // After a whole period without a request, nothing is known of the present traffic: history begins anew.
    if (this.first !== null && this.first < this.viewStart() && this.total() === 0) {
      this.first = null;
    }
  }

  /**
   * @returns false when the second lies before the period: it does not count in it
   */
  add(second: UnixSecond, total: number, bad: number): boolean {
    const added =
      this.rings === null
        ? this.addToCalendar(second, total, bad)
        : this.addToRings(second, total, bad);
    if (added && total > 0 && (this.first === null || second < this.first)) this.first = second;
    return added;
  }

  /**
   * Calendar only: the period that now runs, end exclusive. When `start` is the end of the last one, what
   * was already counted beyond that end is the beginning of the new period. A period that begins no later
   * than the present one (an edit) keeps its counts; any other begins at zero.
   */
  setPeriod(start: UnixSecond, end: UnixSecond): void {
    if (start > this.start && this.start !== Number.NEGATIVE_INFINITY) {
      const follows = start === this.end;
      const seenWhole = this.first !== null && this.first <= this.start;
      this.previousTotal = follows && seenWhole ? this.calendarTotal : null;
      this.calendarTotal = follows ? this.nextTotal : 0;
      this.calendarBad = follows ? this.nextBad : 0;
      this.nextTotal = 0;
      this.nextBad = 0;
    } else if (end > this.end) {
      this.calendarTotal += this.nextTotal;
      this.calendarBad += this.nextBad;
      this.nextTotal = 0;
      this.nextBad = 0;
    }
    this.start = start;
    this.end = end;
  }

  total(): number {
    return this.rings === null ? this.calendarTotal : this.rings.totalOf(this.windowIndex);
  }

  bad(): number {
    return this.rings === null ? this.calendarBad : this.rings.badOf(this.windowIndex);
  }

  /** Seconds of the period that were observed: since its first request, or its beginning if there were some before. */
  historySeconds(now: UnixSecond): number {
    if (this.first === null) return 0;
    if (this.rings !== null) return Math.min(this.rollingSeconds, Math.max(0, now - this.first));
    return Math.max(0, Math.min(now, this.end) - Math.max(this.first, this.start));
  }

  /** Rolling: requests were seen a whole period ago or earlier. Calendar: the period before this one was seen whole. */
  observedFullPeriod(now: UnixSecond): boolean {
    if (this.rings === null) return this.previousTotal !== null;
    return this.first !== null && now - this.first >= this.rollingSeconds;
  }

  /** Requests of a period observed whole, the best guess at the present one's; null when none was. */
  observedTotal(now: UnixSecond): number | null {
    if (this.rings === null) return this.previousTotal;
    return this.observedFullPeriod(now) ? this.total() : null;
  }

  /**
   * What will leave a rolling period; of a calendar period nothing does. Not for every SLO at every tick: see `leaving` in
   * rings.ts.
   */
  leaving(into: RollOff): void {
    if (this.rings === null) into.begin(1, 0);
    else this.rings.leaving(this.windowIndex, into);
  }

  /** Rings that are shared are carried by their owner. */
  carry(state: StateCarrier): void {
    if (this.ownsRings) this.rings?.carry(state);
    this.start = state.number(this.start);
    this.end = state.number(this.end);
    this.calendarTotal = state.number(this.calendarTotal);
    this.calendarBad = state.number(this.calendarBad);
    this.nextTotal = state.number(this.nextTotal);
    this.nextBad = state.number(this.nextBad);
    this.previousTotal = state.optional(this.previousTotal);
    this.first = state.optional(this.first);
  }

  private addToRings(second: UnixSecond, total: number, bad: number): boolean {
    if (this.ownsRings) this.rings?.add(second, total, bad);
    return second >= this.viewStart();
  }

  private addToCalendar(second: UnixSecond, total: number, bad: number): boolean {
    if (second < this.start) return false;
    if (second < this.end) {
      this.calendarTotal += total;
      this.calendarBad += bad;
    } else {
      this.nextTotal += total;
      this.nextBad += bad;
    }
    return true;
  }

  private viewStart(): UnixSecond {
    return this.rings === null ? this.start : this.rings.startOf(this.windowIndex);
  }
}

function ownRings(period: Extract<Period, { kind: "rolling" }>, now: UnixSecond): SloWindows {
  const tier = SLO_TIERS[tierFor(SLO_TIERS, period.durationMs)];
  const window = { label: period.text, durationMs: period.durationMs };
  return new SloWindows([window], now, tier === undefined ? [] : [tier]);
}

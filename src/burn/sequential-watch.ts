import type { Evidence } from "../model/gate.ts";
import type { StateCarrier } from "../model/state-carrier.ts";
import type { DurationMs, UnixMs, UnixSecond } from "../model/time.ts";
import { dispersion } from "./dispersion.ts";
import { Alternatives } from "./evidence.ts";
import { decayFloors } from "./floor.ts";
import { burnRate } from "./rate.ts";
import { beginRecovery, CALM_BURN, RECOVER_NATS, stillBad } from "./recovery.ts";
import {
  BAD,
  BURNT_SINCE,
  CALM_BAD,
  CALM_EXPECTED,
  CALM_SINCE,
  CLOSED,
  EXPECTED,
  LAST_BAD_SECOND,
  LONGEST_PAUSE,
  NATS,
  NOW,
  OPENED_AT,
  RECOVERY,
  SINCE,
  TICK_BAD,
  TICK_BAD_SECONDS,
  TICK_EXPECTED,
  WEIGHT_SQUARES,
  WEIGHTS,
} from "./row.ts";
import {
  close,
  closingAlternative,
  meanWeight,
  newRow,
  open,
  restart,
  type Surroundings,
  step,
  TICK_S,
} from "./sequential.ts";
import type { DetectorTuning } from "./tuning.ts";
import { type Breach, type BurnWatch, FAST_BURN, type WindowSums } from "./watch.ts";

/** Length of the short window. */
const SHORT_WINDOW_S = 300;

/**
 * The sequential detector of one SLO on the engine's clock: 10-second ticks step the row, and each second between
 * is looked at as if the tick ended there, for closing only.
 */
export class SequentialWatch implements BurnWatch {
  private readonly errorBudget: number;
  private readonly tuning: DetectorTuning;
  private readonly alternatives: Alternatives;
  private readonly row: Float64Array;
  private readonly short: number;
  private readonly long: number;
  private readonly around: Surroundings = { perMinute: 0, recentBad: 0, recentExpected: 0 };
  /** What closes the gate now, by the last step; -1: nothing. */
  private closing = -1;

  /**
   * @param objective ratio in (0, 1)
   * @param short place of the five-minute window in the sums
   * @param long place of the one-hour window
   */
  constructor(objective: number, tuning: DetectorTuning, short: number, long: number, now: UnixMs) {
    this.errorBudget = 1 - objective;
    this.tuning = tuning;
    this.alternatives = Alternatives.of(tuning.alternatives);
    this.short = short;
    this.long = long;
    this.row = newRow(tuning, Math.floor(now / 1000));
  }

  observe(second: UnixSecond, total: number, bad: number, badSquares: number, now: UnixMs): void {
    const row = this.row;
    // Of an incident that is over, late news is no evidence.
    if (second < row[OPENED_AT]!) return;
    row[TICK_BAD]! += bad;
    row[TICK_EXPECTED]! += total * this.errorBudget;
    if (!(bad > 0)) return;
    const arrival = Math.floor(now / 1000);
    if (arrival !== row[LAST_BAD_SECOND]) {
      row[LAST_BAD_SECOND] = arrival;
      row[TICK_BAD_SECONDS]! += 1;
    }
    row[WEIGHTS]! += bad;
    row[WEIGHT_SQUARES]! += badSquares;
  }

  step(sums: WindowSums, now: UnixMs, perMinute: number): void {
    const { row, around, tuning, alternatives } = this;
    const second = Math.floor(now / 1000);
    const ticks = Math.floor(second / TICK_S) - Math.floor(row[NOW]! / TICK_S);
    around.perMinute = perMinute;
    this.closing =
      row[CLOSED] === 0 ? closingAlternative(row, alternatives, tuning, perMinute) : -1;
    if (!(ticks > 0)) return;
    this.look(sums);
    step(row, alternatives, tuning, around, second);
    // Time in which nobody looked is ticks without evidence.
    if (ticks > 1) decayFloors(row, alternatives.count, tuning.floorLeast, ticks - 1);
    if (row[WEIGHTS]! > 1e6) {
      row[WEIGHTS]! /= 2;
      row[WEIGHT_SQUARES]! /= 2;
    }
  }

  breach(sums: WindowSums): Breach | null {
    const r = this.closing;
    if (r < 0) return null;
    const { row } = this;
    const objective = 1 - this.errorBudget;
    return {
      fast: this.alternatives.burn[r]! >= FAST_BURN,
      pair: null,
      shortBurn: burnRate(sums.bad(this.short), sums.total(this.short), objective),
      longBurn: burnRate(sums.bad(this.long), sums.total(this.long), objective),
      evidence: this.evidenceOf(r),
      bad: row[BAD + r]! + row[TICK_BAD]!,
      atBurn1: row[EXPECTED + r]! + row[TICK_EXPECTED]!,
    };
  }

  evidence(): Evidence | null {
    let best = -1;
    let most = 0;
    for (let r = 0; r < this.alternatives.count; r++) {
      const nats = this.natsNow(r);
      if (nats <= most) continue;
      best = r;
      most = nats;
    }
    return best < 0 ? null : this.evidenceOf(best);
  }

  calmSinceMs(): UnixMs | null {
    const calm = this.row[CALM_SINCE]!;
    return this.row[CLOSED] === 0 || Number.isNaN(calm) ? null : calm * 1000;
  }

  troubleSinceMs(): UnixMs {
    return this.row[BURNT_SINCE]! * 1000;
  }

  longestPauseMs(): DurationMs {
    return this.row[LONGEST_PAUSE]! * 1000;
  }

  settled(sums: WindowSums): boolean {
    const { row } = this;
    // A hold may be shorter than five minutes: what was before recovery says nothing against it.
    const isShort = row[NOW]! - row[CALM_SINCE]! < SHORT_WINDOW_S;
    const bad = isShort ? row[CALM_BAD]! : sums.bad(this.short);
    const expected = isShort ? row[CALM_EXPECTED]! : sums.total(this.short) * this.errorBudget;
    // One error is never proof of trouble, however little traffic there is.
    return bad <= meanWeight(row) || bad <= CALM_BURN * expected;
  }

  secondsToRecover(sums: WindowSums, requestsPerSecond: number): number | null {
    const { row } = this;
    const burn = burnRate(sums.bad(this.short), sums.total(this.short), 1 - this.errorBudget);
    if (burn === null) return null;
    // Per second as the last five minutes went: while they still burn, nothing points to an end.
    const b = stillBad(row);
    const gain = requestsPerSecond * this.errorBudget * (b - 1 - burn * Math.log(b));
    if (!(gain > 0)) return null;
    const missing = Math.max(0, RECOVER_NATS - row[RECOVERY]!);
    return (missing * dispersion(row) * meanWeight(row)) / gain;
  }

  recoveryNats(): number {
    return this.row[RECOVERY]!;
  }

  dispersion(): number {
    return dispersion(this.row);
  }

  meanWeight(): number {
    return meanWeight(this.row);
  }

  close(sums: WindowSums, breach: Breach | null, now: UnixMs): void {
    const { row, closing } = this;
    const second = Math.floor(now / 1000);
    this.closing = -1;
    if (breach === null || closing < 0) {
      row[CLOSED] = 1;
      row[BURNT_SINCE] = second;
      beginRecovery(row, 0);
      return;
    }
    // What the running tick has brought closed it: it is part of the evidence, not of what follows.
    if (row[TICK_EXPECTED] !== 0 || row[TICK_BAD] !== 0) {
      this.look(sums);
      step(row, this.alternatives, this.tuning, this.around, second);
    }
    close(row, closing, second);
  }

  open(now: UnixMs, hold: DurationMs): void {
    this.closing = -1;
    const { perMinute } = this.around;
    open(this.row, this.tuning, perMinute, Math.floor(now / 1000), hold / 1000);
  }

  restart(now: UnixMs): void {
    this.closing = -1;
    this.row[OPENED_AT] = Math.floor(now / 1000);
    restart(this.row, Math.floor(now / 1000));
  }

  carry(state: StateCarrier): void {
    state.numbers(this.row);
    this.closing = state.number(this.closing);
  }

  /** Goes on where another watch of the same objective stands: after an edit of the policy. */
  takeOver(other: SequentialWatch, now: UnixMs): void {
    this.row.set(other.row);
    const same = `${other.tuning.alternatives}` === `${this.tuning.alternatives}`;
    if (!same) restart(this.row, Math.floor(now / 1000));
  }

  private look(sums: WindowSums): void {
    this.around.recentBad = sums.bad(this.short);
    this.around.recentExpected = sums.total(this.short) * this.errorBudget;
  }

  private natsNow(r: number): number {
    const { row, alternatives } = this;
    const gain =
      row[TICK_BAD]! * alternatives.gain[r]! - row[TICK_EXPECTED]! * alternatives.cost[r]!;
    return row[NATS + r]! + gain / (dispersion(row) * meanWeight(row));
  }

  private evidenceOf(r: number): Evidence {
    return {
      since: this.row[SINCE + r]! * 1000,
      nats: this.natsNow(r),
      alternative: this.alternatives.burn[r]!,
    };
  }
}

import { Counts } from "../model/counts.ts";
import { COUNT_UNIT } from "../model/delta.ts";
import type { StateCarrier } from "../model/state-carrier.ts";
import { DAY, type DurationMs, MINUTE, type UnixMs } from "../model/time.ts";

/** Days that a habit must have been seen on. */
const DAYS = 3;
const BINS = 96;
/** The quarter hour that runs is not one of the three days. */
const LENGTH = BINS * (DAYS + 1);
const BIN: DurationMs = DAY / BINS;
/** Only what stands out so far from the everyday level is a habit: chance makes no quarter of an hour three times worse. */
const STANDS_OUT = 3;

/**
 * What comes back every day: the burn by quarter hours of the day (UTC), of the last three days. A batch at night is expected
 * once each of three nights has had it; an incident is none, however bad, as two days were without it.
 */
export class Season {
  private readonly errorBudget: number;
  private readonly bad = new Counts(LENGTH);
  private readonly total = new Counts(LENGTH);
  /** Number of the quarter hour that is being filled; NaN before the first minute. */
  private newest = Number.NaN;
  /** Quarter hours that have passed since the first, as far as they matter. */
  private seen = 0;

  /** @param objective ratio in (0, 1) */
  constructor(objective: number) {
    this.errorBudget = 1 - objective;
  }

  /** @param now the minute's end; minutes that are left out have passed without requests */
  minute(bad: number, total: number, now: UnixMs): void {
    const bin = Math.floor((now - MINUTE) / BIN);
    if (Number.isNaN(this.newest)) {
      this.newest = bin;
      this.seen = 1;
    }
    for (let i = Math.max(this.newest + 1, bin - LENGTH + 1); i <= bin; i++) {
      this.bad.clear(slot(i));
      this.total.clear(slot(i));
      this.seen = Math.min(LENGTH, this.seen + 1);
    }
    this.newest = Math.max(this.newest, bin);
    if (bin !== this.newest) return;
    this.bad.add(slot(bin), bad * COUNT_UNIT);
    this.total.add(slot(bin), total * COUNT_UNIT);
  }

  /**
   * Mean burn beyond `level` that the habits of the last three days make in the coming time; 0 before there were three.
   *
   * @param level burn of the everyday
   */
  ahead(now: UnixMs, horizonMs: DurationMs, level: number): number {
    if (this.seen < BINS * DAYS) return 0;
    let sum = 0;
    let bins = 0;
    for (let at = now + BIN / 2; at < now + horizonMs; at += BIN) {
      const habit = this.habit(Math.floor(at / BIN) - BINS);
      if (habit > STANDS_OUT * level) sum += habit - level;
      bins++;
    }
    return bins === 0 ? 0 : sum / bins;
  }

  carry(state: StateCarrier): void {
    this.bad.carry(state);
    this.total.carry(state);
    this.newest = state.number(this.newest);
    this.seen = state.number(this.seen);
  }

  /** The least burn of this quarter hour and the same of the two days before. */
  private habit(bin: number): number {
    let least = Number.POSITIVE_INFINITY;
    for (let day = 0; day < DAYS; day++) {
      const at = slot(bin - day * BINS);
      const total = this.total.at(at);
      if (!(total > 0)) return 0;
      least = Math.min(least, Math.max(0, this.bad.at(at) / total / this.errorBudget));
    }
    return least;
  }
}

function slot(bin: number): number {
  return ((bin % LENGTH) + LENGTH) % LENGTH;
}

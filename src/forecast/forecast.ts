import type { StateCarrier } from "../model/state-carrier.ts";
import { DAY, type DurationMs, HOUR, MINUTE, type UnixMs } from "../model/time.ts";
import { Calibration } from "./calibration.ts";
import { gammaQuantile, Z80, Z95 } from "./quantiles.ts";
import { DecayingRegression, SlidingRegression } from "./regression.ts";
import { Season } from "./season.ts";

// The constants were measured with a prototype, on simulated and recorded incidents and on healthy weeks:
// with them the 80 % interval held in 0.82 of cases at 1 h and in 0.89 at 24 h.

/** Minutes from which the traffic of the recent hour is told, and a regime that began in the past. */
const RECENT_MINUTES = 60;
/** A trend counts only when its slope is this many standard errors from none ... */
const TREND_PROOF = 6;
/** ... and the regime is this old. */
const TREND_MIN_AGE: DurationMs = 15 * MINUTE;
/** Habits of the day count for horizons up to this. */
const SEASON_HORIZON: DurationMs = 6 * HOUR;
/** Traffic so far ahead is told by the last hour; beyond, by the last half day. */
const LIKE_LAST_HOUR: DurationMs = 2 * HOUR;
/** Share of a regime's data that is left after one minute: half after 12 h; 4 h while the gate is closed. */
const KEEP_OPEN = 0.5 ** (1 / 720);
const KEEP_CLOSED = 0.5 ** (1 / 240);
/** A young regime is drawn to the 12 h mean as if that share of the horizon's traffic had shown it. */
const PRIOR_SHARE = 0.06;
const PRIOR_MAX: DurationMs = 1.5 * HOUR;
/** What a service is assumed to burn before it has been seen to. */
const FIRST_GUESS = 0.3;
/** Errors are never taken to be rarer than this burn, for the width of intervals. */
const SMALLEST_BURN = 0.02;
/** Standard deviation of what the burn itself drifts within an hour and within a day, relative to it. */
const DRIFT_HOUR = 0.18;
const DRIFT_DAY = 0.11;
/** Added while the gate is closed: incidents end, and get worse. */
const DRIFT_CLOSED = 0.25;
/** Effective number of minutes behind a trend: a half-life of 12 h makes it about 1000. */
const TREND_MINUTES_MAX = 1000;
const FEWEST_POINTS = 5;
/** Bad requests at burn 1 below which a horizon is as good as empty: more than a year of silence. */
const NO_TRAFFIC = 1e-200;

/** Mean burn over the coming horizon, with its 80 % and 95 % intervals. */
export interface BurnForecast {
  readonly burn: number;
  readonly lo80: number;
  readonly hi80: number;
  readonly lo95: number;
  readonly hi95: number;
}

/**
 * The burn to come of one SLO, from its minutes: the level of the present regime, and its trend only
 * where that is proven. A regime is the time since the gate last opened or closed. O(1) a minute, about
 * 4 KiB. It explains; `decide/` says what follows from it.
 */
export class Forecast {
  /** Share of requests that is bad at burn 1. */
  private readonly errorBudget: number;
  /** Through the burn of the regime's minutes. */
  private readonly trend = new DecayingRegression();
  /** The burn of the last hour's minutes, whatever the regime. */
  private readonly recent = new SlidingRegression(RECENT_MINUTES);
  private readonly calibration1h = new Calibration(HOUR, 10 * MINUTE);
  /** Forecasts of a day that are made within the hour are nearly the same one. */
  private readonly calibration24h = new Calibration(DAY, HOUR);

  private readonly season: Season;
  private closed = false;
  private phi = 1;
  private regimeSince: UnixMs | null = null;
  private lastMinute: UnixMs | null = null;
  /** Minutes with requests so far, as far as they matter. */
  private points = 0;
  /** Of the regime, decaying. "At burn 1": the bad requests that burn 1 would have made of the traffic. */
  private regimeBad = 0;
  private regimeAtBurn1 = 0;
  /** Of the last 12 h whatever the regime, decaying; in minutes with requests only. */
  private longBad = 0;
  private longAtBurn1 = 0;
  /** Requests, decaying, and the minutes in which they could have come. */
  private longRequests = 0;
  private longMinutes = 0;
  /** Minutes behind `recent`, at most 60. */
  private recentMinutes = 0;
  /** Since the beginning, for the calibration's differences. */
  private everBad = 0;
  private everAtBurn1 = 0;

  /** @param objective ratio in (0, 1) */
  constructor(objective: number) {
    this.errorBudget = 1 - objective;
    this.season = new Season(objective);
  }

  /**
   * One minute, also when it had no requests. Minutes that were left out have passed without a point.
   *
   * @param total requests of the minute
   * @param bad bad ones among them
   * @param now the minute's end
   * @param phi how much more errors vary than independent ones, from 1; see burn/dispersion.ts
   */
  minute(total: number, bad: number, now: UnixMs, phi: number): void {
    this.passUnseenMinutes(now);
    const requests = Math.max(0, total);
    const errors = Math.min(requests, Math.max(0, bad));
    const atBurn1 = requests * this.errorBudget;
    const keep = this.closed ? KEEP_CLOSED : KEEP_OPEN;
    this.regimeBad = this.regimeBad * keep + errors;
    this.regimeAtBurn1 = this.regimeAtBurn1 * keep + atBurn1;
    this.longRequests = this.longRequests * KEEP_OPEN + requests;
    this.longMinutes = this.longMinutes * KEEP_OPEN + 1;
    this.recentMinutes = Math.min(RECENT_MINUTES, this.recentMinutes + 1);
    if (requests > 0) {
      this.points = Math.min(FEWEST_POINTS, this.points + 1);
      this.longBad = this.longBad * KEEP_OPEN + errors;
      this.longAtBurn1 = this.longAtBurn1 * KEEP_OPEN + atBurn1;
      this.everBad += errors;
      this.everAtBurn1 += atBurn1;
      this.trend.push(errors / atBurn1, atBurn1, keep);
      this.recent.push(errors / atBurn1, atBurn1);
    } else {
      this.trend.skip(1, keep);
      this.recent.skip();
    }
    this.phi = phi;
    this.season.minute(errors, requests, now);
    this.lastMinute = now;
    this.regimeSince ??= now - MINUTE;
    this.keepBooks(this.calibration1h, HOUR, now);
    this.keepBooks(this.calibration24h, DAY, now);
  }

  /**
   * The gate opened or closed: what was before does not tell what comes.
   *
   * @param since when the new regime began; may lie back (the beginning of the evidence)
   * @param closed whether the gate is closed in it: it is then forgotten faster and drifts more
   * @param bad bad requests of the regime so far
   * @param atBurn1 those that burn 1 would have made of its traffic
   */
  restart(since: UnixMs, closed: boolean, bad: number, atBurn1: number): void {
    this.regimeBad = bad;
    this.regimeAtBurn1 = atBurn1;
    this.trend.clear();
    this.regimeSince = since;
    this.closed = closed;
  }

  /**
   * Null before five minutes with requests. All values are >= 0 and at most the burn of "all bad".
   *
   * @param widened by what past intervals have failed to hold
   */
  at(horizonMs: DurationMs, widened = true): BurnForecast | null {
    const perSecond = this.atBurn1PerSecond();
    const ahead = (perSecond * horizonMs) / 1000;
    if (this.points < FEWEST_POINTS || !(ahead > NO_TRAFFIC)) return null;
    const { phi } = this;
    const prior = (perSecond * Math.min(PRIOR_MAX, horizonMs * PRIOR_SHARE)) / 1000;
    const known = this.regimeAtBurn1 + prior;
    const level = (this.regimeBad + prior * this.longLevel()) / known;
    const pointVariance = phi * Math.max(level, SMALLEST_BURN);

    let mean = level;
    let slopeVariance = 0;
    const lead = this.trendLead(horizonMs, pointVariance);
    if (lead > 0) {
      const { slope } = this.trend;
      mean = Math.max(level / 4, Math.min(4 * level + 2, level + slope * lead));
      slopeVariance = (this.trend.seSlope(this.trendVariance(pointVariance)) * lead) ** 2;
    }
    // A day ahead the level holds a day's habits already.
    if (horizonMs <= SEASON_HORIZON && this.lastMinute !== null) {
      mean += this.season.ahead(this.lastMinute, horizonMs, level);
    }
    const estimation = pointVariance / known;
    const sampling = pointVariance / ahead;
    const drift = (this.driftWithin(horizonMs) * mean) ** 2;
    const widening = widened ? this.widening(horizonMs) : 1;
    const variance = (estimation + sampling + slopeVariance + drift) * widening * widening;
    return {
      burn: this.reachable(mean),
      lo80: this.reachable(gammaQuantile(mean, variance, -Z80)),
      hi80: this.reachable(gammaQuantile(mean, variance, Z80)),
      lo95: this.reachable(gammaQuantile(mean, variance, -Z95)),
      hi95: this.reachable(gammaQuantile(mean, variance, Z95)),
    };
  }

  /** Requests per second to be expected: as in the last hour, or beyond two hours as in the last half day. */
  requestRate(horizonMs: DurationMs): number {
    if (this.recentMinutes === 0) return 0;
    if (horizonMs > LIKE_LAST_HOUR) return this.atBurn1PerSecond() / this.errorBudget;
    return this.recent.weight / this.errorBudget / (this.recentMinutes * 60);
  }

  /** What its intervals are widened by, as they had not held for a day: 1 to 4. */
  widening(horizonMs: DurationMs): number {
    // Between the two that are checked, and beyond, the nearer one's.
    return (horizonMs <= 6 * HOUR ? this.calibration1h : this.calibration24h).widening();
  }

  /** Share of past 80 % intervals that held, or null before six have come due. */
  calibration80(horizon: "1h" | "24h"): number | null {
    return (horizon === "1h" ? this.calibration1h : this.calibration24h).share();
  }

  carry(state: StateCarrier): void {
    this.trend.carry(state);
    this.season.carry(state);
    this.recent.carry(state);
    this.calibration1h.carry(state);
    this.calibration24h.carry(state);
    this.closed = state.flag(this.closed);
    this.phi = state.number(this.phi);
    this.regimeSince = state.optional(this.regimeSince);
    this.lastMinute = state.optional(this.lastMinute);
    this.points = state.number(this.points);
    this.regimeBad = state.number(this.regimeBad);
    this.regimeAtBurn1 = state.number(this.regimeAtBurn1);
    this.longBad = state.number(this.longBad);
    this.longAtBurn1 = state.number(this.longAtBurn1);
    this.longRequests = state.number(this.longRequests);
    this.longMinutes = state.number(this.longMinutes);
    this.recentMinutes = state.number(this.recentMinutes);
    this.everBad = state.number(this.everBad);
    this.everAtBurn1 = state.number(this.everAtBurn1);
  }

  /**
   * Minutes from the middle of what the trend has seen to the middle of what it is carried on for, which
   * is no further than the regime is old. 0 when no trend is proven.
   */
  private trendLead(horizonMs: DurationMs, pointVariance: number): number {
    const age = this.regimeAge();
    if (age < TREND_MIN_AGE || this.trend.n < 3) return 0;
    const error = this.trend.seSlope(this.trendVariance(pointVariance));
    if (!(Math.abs(this.trend.slope) > TREND_PROOF * error)) return 0;
    return Math.min(horizonMs, age) / MINUTE / 2 - this.trend.meanX;
  }

  /** Of a minute of weight 1 about the trend: never less than counting alone makes it. */
  private trendVariance(pointVariance: number): number {
    const minutes = Math.min(TREND_MINUTES_MAX, this.regimeAge() / MINUTE);
    return Math.max(pointVariance, this.trend.residualSquares / Math.max(1, minutes - 2));
  }

  private regimeAge(): DurationMs {
    if (this.regimeSince === null || this.lastMinute === null) return 0;
    return Math.max(MINUTE, this.lastMinute - this.regimeSince);
  }

  private passUnseenMinutes(now: UnixMs): void {
    if (this.lastMinute === null) return;
    const unseen = Math.round((now - this.lastMinute) / MINUTE) - 1;
    if (!(unseen > 0)) return;
    const keep = this.closed ? KEEP_CLOSED : KEEP_OPEN;
    this.regimeBad *= keep ** unseen;
    this.regimeAtBurn1 *= keep ** unseen;
    this.trend.skip(unseen, keep);
    // Minutes in which nobody looked had requests all the same: the last hour that was seen stands for them.
    if (unseen >= RECENT_MINUTES) {
      this.recent.keepNewest(0);
      this.recentMinutes = 0;
    }
  }

  private keepBooks(calibration: Calibration, horizonMs: DurationMs, now: UnixMs): void {
    calibration.check(now, this.everBad, this.everAtBurn1);
    if (!calibration.wants(now)) return;
    const forecast = this.at(horizonMs);
    if (forecast === null) return;
    calibration.remember(now, forecast.lo80, forecast.hi80, this.everBad, this.everAtBurn1);
  }

  private atBurn1PerSecond(): number {
    if (!(this.longMinutes > 0)) return 0;
    return (this.longRequests / this.longMinutes / 60) * this.errorBudget;
  }

  private longLevel(): number {
    return this.longAtBurn1 > 0 ? this.longBad / this.longAtBurn1 : FIRST_GUESS;
  }

  /** Relative. Between an hour and a day it falls with the logarithm, beyond it grows with the root. */
  private driftWithin(horizonMs: DurationMs): number {
    let drift = DRIFT_HOUR;
    if (horizonMs >= DAY) drift = DRIFT_DAY * Math.sqrt(horizonMs / DAY);
    else if (horizonMs > HOUR) {
      drift += ((DRIFT_DAY - DRIFT_HOUR) * Math.log(horizonMs / HOUR)) / Math.log(DAY / HOUR);
    }
    return this.closed ? Math.hypot(drift, DRIFT_CLOSED) : drift;
  }

  private reachable(burn: number): number {
    return Math.min(burn, 1 / this.errorBudget);
  }
}

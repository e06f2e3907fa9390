import { DAY, type DurationMs, HOUR, MINUTE, type UnixMs } from "../model/time.ts";
import { Calibration } from "./calibration.ts";
import { Dispersion } from "./dispersion.ts";
import { gammaQuantile, Z80, Z95 } from "./quantiles.ts";
import { SlidingRegression } from "./regression.ts";

// The constants below were measured on 476 simulated and recorded service-weeks; together they made the
// 80 % interval hold in 0.82 of cases at 1 h and 0.89 at 24 h.

/** Minutes of a regime through which the trend is laid. */
const TREND_MINUTES = 1440;
/** A trend counts only when its slope is this many standard errors from none ... */
const TREND_PROOF = 6;
/** ... and the regime is this old. */
const TREND_MIN_AGE: DurationMs = 15 * MINUTE;
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
/** Mean age 1 h. */
const KEEP_RECENT = 0.5 ** (1 / 42);
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
 * 8 KiB. It explains; `decide/` says what follows from it.
 */
export class Forecast {
  /** Share of requests that is bad at burn 1. */
  private readonly errorBudget: number;
  private readonly trend = new SlidingRegression(TREND_MINUTES);
  private readonly dispersion = new Dispersion();
  private readonly calibration1h = new Calibration(HOUR, 10 * MINUTE);
  /** Forecasts of a day that are made within the hour are nearly the same one. */
  private readonly calibration24h = new Calibration(DAY, HOUR);

  private closed = false;
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
  /** Requests, decaying, and the minutes they came in: over 12 h and over an hour. */
  private longRequests = 0;
  private longMinutes = 0;
  private recentRequests = 0;
  private recentMinutes = 0;
  /** Since the beginning, for the calibration's differences. */
  private everBad = 0;
  private everAtBurn1 = 0;

  /** @param objective ratio in (0, 1) */
  constructor(objective: number) {
    this.errorBudget = 1 - objective;
  }

  /**
   * One minute, also when it had no requests. Minutes that were left out have passed without a point.
   *
   * @param total requests of the minute
   * @param bad bad ones among them
   * @param now the minute's end
   */
  minute(total: number, bad: number, now: UnixMs): void {
    this.passUnseenMinutes(now);
    const requests = Math.max(0, total);
    const errors = Math.min(requests, Math.max(0, bad));
    const atBurn1 = requests * this.errorBudget;
    const keep = this.closed ? KEEP_CLOSED : KEEP_OPEN;
    this.regimeBad = this.regimeBad * keep + errors;
    this.regimeAtBurn1 = this.regimeAtBurn1 * keep + atBurn1;
    this.longRequests = this.longRequests * KEEP_OPEN + requests;
    this.longMinutes = this.longMinutes * KEEP_OPEN + 1;
    this.recentRequests = this.recentRequests * KEEP_RECENT + requests;
    this.recentMinutes = this.recentMinutes * KEEP_RECENT + 1;
    if (requests > 0) {
      this.points = Math.min(FEWEST_POINTS, this.points + 1);
      this.longBad = this.longBad * KEEP_OPEN + errors;
      this.longAtBurn1 = this.longAtBurn1 * KEEP_OPEN + atBurn1;
      this.everBad += errors;
      this.everAtBurn1 += atBurn1;
      this.trend.push(errors / atBurn1, atBurn1);
    } else {
      this.trend.skip();
    }
    if (!this.closed) this.dispersion.minute(errors, atBurn1);
    this.lastMinute = now;
    this.regimeSince ??= now - MINUTE;
    this.keepBooks(this.calibration1h, HOUR, now);
    this.keepBooks(this.calibration24h, DAY, now);
  }

  /**
   * The gate opened or closed: what was before does not tell what comes.
   *
   * @param since when the new regime began; may lie up to 6 h back (the beginning of the evidence), minutes
   *   after it are kept
   * @param closed whether the gate is closed in it: it is then forgotten faster and drifts more
   */
  restart(since: UnixMs, closed = false): void {
    const age = this.lastMinute === null ? 0 : Math.max(0, this.lastMinute - since);
    this.trend.keepNewest(Math.floor(age / MINUTE));
    this.regimeAtBurn1 = this.trend.weight;
    this.regimeBad = this.trend.mean * this.trend.weight;
    this.regimeSince = since;
    this.closed = closed;
    this.dispersion.breakOff();
  }

  /** Null before five minutes with requests. All values are >= 0 and at most the burn of "all bad". */
  at(horizonMs: DurationMs): BurnForecast | null {
    const perSecond = this.atBurn1PerSecond();
    const ahead = (perSecond * horizonMs) / 1000;
    if (this.points < FEWEST_POINTS || !(ahead > NO_TRAFFIC)) return null;
    const phi = this.dispersion.factor;
    const prior = (perSecond * Math.min(PRIOR_MAX, horizonMs * PRIOR_SHARE)) / 1000;
    const known = this.regimeAtBurn1 + prior;
    const level = (this.regimeBad + prior * this.longLevel()) / known;
    const pointVariance = phi * Math.max(level, SMALLEST_BURN);

    let mean = level;
    let estimation = pointVariance / known;
    const reachMs = this.trendReach(horizonMs, pointVariance);
    if (reachMs > 0) {
      // The mean over the horizon of a line that goes on for `reach` is about its value halfway there.
      const halfway = reachMs / MINUTE / 2;
      mean = Math.max(level / 4, Math.min(4 * level + 2, this.trend.meanAt(halfway)));
      const variance = Math.max(pointVariance, this.trend.residualVariance);
      estimation = this.trend.seMeanAt(halfway, variance) ** 2;
    }
    const sampling = pointVariance / ahead;
    const drift = (this.driftWithin(horizonMs) * mean) ** 2;
    const variance = estimation + sampling + drift;
    return {
      burn: this.reachable(mean),
      lo80: this.reachable(gammaQuantile(mean, variance, -Z80)),
      hi80: this.reachable(gammaQuantile(mean, variance, Z80)),
      lo95: this.reachable(gammaQuantile(mean, variance, -Z95)),
      hi95: this.reachable(gammaQuantile(mean, variance, Z95)),
    };
  }

  /** Requests per second of the recent hour (a decaying mean of that age); 0 before the first. */
  requestRate(): number {
    return this.recentMinutes > 0 ? this.recentRequests / this.recentMinutes / 60 : 0;
  }

  /** Share of past 80 % intervals that held, or null before six have come due. */
  calibration80(horizon: "1h" | "24h"): number | null {
    return (horizon === "1h" ? this.calibration1h : this.calibration24h).share();
  }

  /** How far a proven trend is carried on: no further than it was seen. 0 when there is none. */
  private trendReach(horizonMs: DurationMs, pointVariance: number): DurationMs {
    const { trend } = this;
    if (trend.n < 3 || this.regimeSince === null || this.lastMinute === null) return 0;
    const age = this.lastMinute - this.regimeSince;
    if (age < TREND_MIN_AGE) return 0;
    const variance = Math.max(pointVariance, trend.residualVariance);
    if (!(Math.abs(trend.slope) > TREND_PROOF * trend.seSlope(variance))) return 0;
    return Math.min(horizonMs, age, TREND_MINUTES * MINUTE);
  }

  private passUnseenMinutes(now: UnixMs): void {
    if (this.lastMinute === null) return;
    const unseen = Math.round((now - this.lastMinute) / MINUTE) - 1;
    if (!(unseen > 0)) return;
    const keepRegime = (this.closed ? KEEP_CLOSED : KEEP_OPEN) ** unseen;
    this.regimeBad *= keepRegime;
    this.regimeAtBurn1 *= keepRegime;
    this.trend.skip(unseen);
    this.dispersion.breakOff();
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

import { exhaustion } from "../forecast/exhaustion.ts";
import { COUNT_UNIT } from "../model/delta.ts";
import type { Exhaustion, ForecastHorizon, ForecastReport } from "../model/gate.ts";
import type { StateCarrier } from "../model/state-carrier.ts";
import { DAY, type DurationMs, HOUR, MINUTE, SECOND, type UnixMs } from "../model/time.ts";
import { RollOff } from "../windows/roll-off.ts";
import type { Track } from "./track.ts";

/**
 * What the forecast says of one SLO. The forecast itself moves once a minute, and looking for the exhaustion
 * walks over all hours of the period: so a report is kept until the minute ends, the gate makes a transition
 * or the budget is spent. Ticks alone renew it: what is published must not depend on who has asked meanwhile.
 */
export class Outlook {
  private minute = Number.NaN;
  private sequence = -1;
  private spent = false;
  private kept: ForecastReport = { at: null, exhaustion: null };

  /** The report kept, or what it would be now. @param budget bad requests allowed in the period */
  report(track: Track, budget: number, now: UnixMs): ForecastReport {
    const remainingBad = budget - track.ledger.bad() / COUNT_UNIT;
    return this.isCurrent(track, remainingBad, now)
      ? this.kept
      : reportOf(track, remainingBad, now);
  }

  renew(track: Track, now: UnixMs): void {
    const remainingBad = track.budget(now).budget - track.ledger.bad() / COUNT_UNIT;
    if (this.isCurrent(track, remainingBad, now)) return;
    this.minute = Math.floor(now / MINUTE);
    this.sequence = track.gate.sequence;
    this.spent = remainingBad <= 0;
    this.kept = reportOf(track, remainingBad, now);
  }

  private isCurrent(track: Track, remainingBad: number, now: UnixMs): boolean {
    return (
      this.minute === Math.floor(now / MINUTE) &&
      this.sequence === track.gate.sequence &&
      this.spent === remainingBad <= 0
    );
  }

  carry(state: StateCarrier): void {
    this.minute = state.number(this.minute);
    this.sequence = state.number(this.sequence);
    this.spent = state.flag(this.spent);
    this.kept = state.record(this.kept);
  }
}

const ROUNDS = 3;
/** Used again for every SLO: nothing of it is kept. */
const ROLL_OFF = new RollOff();

function reportOf(track: Track, remainingBad: number, now: UnixMs): ForecastReport {
  const hour = horizon(track, "1h", HOUR);
  const day = horizon(track, "24h", DAY);
  return {
    at: hour === null || day === null ? null : { "1h": hour, "24h": day },
    exhaustion: exhaustionOf(track, remainingBad, now),
  };
}

function horizon(track: Track, label: "1h" | "24h", ms: number): ForecastHorizon | null {
  const forecast = track.forecast.at(ms);
  if (forecast === null) return null;
  const calibration80 = track.forecast.calibration80(label);
  return { ...forecast, calibration80, widened: track.forecast.widening(ms) };
}

/** The burn is forecast for as long as the budget will last, and that follows from the burn: three rounds. */
function exhaustionOf(track: Track, remainingBad: number, now: UnixMs): Exhaustion | null {
  // Without a request there is no budget either, and "spent" would be wrong.
  if (track.ledger.total() <= 0) return null;
  const nowSecond = Math.floor(now / SECOND);
  const periodMs = track.slo.period.durationMs;
  let horizonMs: DurationMs = HOUR;
  let found: Exhaustion | null = null;
  track.ledger.leaving(ROLL_OFF);
  for (let round = 0; round < ROUNDS; round++) {
    found = exhaustion({
      now,
      remainingBad,
      // The widening is for horizons of an hour and a day; the time of exhaustion holds without.
      rate: track.forecast.at(horizonMs, false),
      requestsPerSecond: track.forecast.requestRate(horizonMs),
      objective: track.slo.objective,
      rollsOff: (seconds) => ROLL_OFF.by(nowSecond + seconds) / COUNT_UNIT,
      periodEndsAt: track.periodEndsAt(),
      periodMs,
    });
    const lasts = found === null || found.expected === null ? periodMs : found.expected - now;
    horizonMs = Math.min(periodMs, Math.max(10 * MINUTE, lasts));
  }
  return found;
}

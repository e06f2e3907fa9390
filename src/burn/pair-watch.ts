import type { Evidence } from "../model/gate.ts";
import type { StateCarrier } from "../model/state-carrier.ts";
import type { DurationMs, UnixMs, UnixSecond } from "../model/time.ts";
import type { BurnWindowPair } from "../model/window.ts";
import { clearDispersion, dispersion, stepDispersion } from "./dispersion.ts";
import { burnRate } from "./rate.ts";
import { CALM_BURN, RECOVER_NATS } from "./recovery.ts";
import { ROW_LENGTH, TICK_BAD, TICK_EXPECTED } from "./row.ts";
import { TICK_S } from "./sequential.ts";
import { type Breach, type BurnWatch, FAST_BURN, type WindowSums } from "./watch.ts";

/** Log-likelihood needed to close: odds of e^8, about 3,000 to 1, for the threshold against burn 1. */
export const CLOSE_NATS = 8;
const MIN_ALTERNATIVE = 1.4;

/** Places of a pair's windows in `WindowSums`. */
export interface PairPlaces {
  readonly pair: BurnWindowPair;
  readonly short: number;
  readonly long: number;
}

/**
 * The multiwindow detector of the SRE workbook, with three things it lacks:
 *
 * - evidence: burn above the threshold closes only with `minBad` bad requests and 8 nats for it, since at
 *   ten requests a minute one error is a burn of 100 and no evidence at all;
 * - a fresh start: after the gate has opened, windows hold nothing from before, or the incident that is
 *   over would close the gate again until it has left the long window; and slower pairs wait until their short
 *   window has passed, or the first blip would look like days of burn: minutes are all that there is;
 * - recovery by evidence: enough good traffic to tell "well" from "a third as bad as the worst", unbroken.
 *
 * Counts in requests, weights included; `meanWeight` deflates evidence of sampled data (sum w^2 / sum w).
 */
export class PairWatch implements BurnWatch {
  private readonly objective: number;
  /** Only its dispersion, for the forecast. */
  private readonly spread = new Float64Array(ROW_LENGTH);
  private tick = 0;
  private readonly places: readonly PairPlaces[];
  private readonly minBad: number;
  /** Index of the window whose burn measures how bad an incident is. */
  private readonly worstWindow: number;
  /** Nats that a closing needs. */
  private readonly nats: number;
  /** Place of the pair that sees an incident first. */
  private readonly fastest: number;
  /** When evidence last began anew: at an opening, or an edit of the objective. */
  private openedAt: UnixSecond = Number.NEGATIVE_INFINITY;
  /** When anything was first counted. */
  private firstAt: UnixMs | null = null;
  private sinceTotal = 0;
  private sinceBad = 0;
  /** Since the last step. */
  private stepTotal = 0;
  private stepBad = 0;
  /** Decayed sums for the mean weight of bad requests. */
  private squares = 0;
  private weights = 0;
  private firstBadAt: UnixMs | null = null;
  /** Recovery. */
  private closed = false;
  private troubleSince: UnixMs = 0;
  private longestPause: DurationMs = 0;
  private worstBurn = 0;
  private recovery = 0;
  private calmSince: UnixMs | null = null;
  private calmTotal = 0;
  private calmBad = 0;

  /**
   * @param minBad bad requests (or slices) that closing needs at least
   * @param worstWindow place of the window that says how bad an incident is
   * @param independent false for slices: each is a verdict on many requests, so counting them as single
   *   events would ask for far too many
   */
  constructor(
    objective: number,
    places: readonly PairPlaces[],
    minBad: number,
    worstWindow: number,
    independent = true,
  ) {
    this.objective = objective;
    clearDispersion(this.spread);
    this.nats = independent ? CLOSE_NATS : 0;
    this.places = places;
    this.minBad = minBad;
    this.worstWindow = worstWindow;
    const longest = places.map(({ pair }) => pair.long.durationMs);
    this.fastest = longest.indexOf(Math.min(...longest));
  }

  /** Counts that arrived, whatever second they belong to. */
  observe(second: UnixSecond, total: number, bad: number, badSquares: number, now: UnixMs): void {
    // Of an incident that is over, late news is no evidence.
    if (second < this.openedAt) return;
    this.firstAt ??= now;
    this.sinceTotal += total;
    this.sinceBad += bad;
    this.stepTotal += total;
    this.stepBad += bad;
    if (bad > 0) {
      this.squares += badSquares;
      this.weights += bad;
      this.firstBadAt ??= now;
    }
  }

  meanWeight(): number {
    return this.weights > 0 ? Math.max(1, this.squares / this.weights) : 1;
  }

  /** The pair with the most evidence that breaches its threshold; null when none does. */
  breach(sums: WindowSums, now: UnixMs): Breach | null {
    if (this.sinceBad / this.meanWeight() < this.minBad) return null;
    let found: Breach | null = null;
    for (let i = 0; i < this.places.length; i++) {
      const { pair, short, long } = this.places[i]!;
      if (i !== this.fastest && this.watchedMs(now) < pair.short.durationMs) continue;
      const shortBad = this.badWithin(sums, short, pair.short.durationMs, now);
      if (shortBad / this.meanWeight() < this.minBad) continue;
      const shortTotal = this.totalWithin(sums, short, pair.short.durationMs, now);
      const shortBurn = burnRate(shortBad, shortTotal, this.objective);
      if (shortBurn === null || shortBurn <= pair.threshold) continue;
      const longBad = this.badWithin(sums, long, pair.long.durationMs, now);
      const longTotal = this.totalWithin(sums, long, pair.long.durationMs, now);
      const longBurn = burnRate(longBad, longTotal, this.objective);
      if (longBurn === null || longBurn <= pair.threshold) continue;
      const evidence = this.evidenceFor(pair.threshold, shortTotal, shortBad, now);
      if (evidence.nats < this.nats) continue;
      if (found === null || evidence.nats > found.evidence.nats) {
        const fast = pair.threshold >= FAST_BURN;
        const atBurn1 = shortTotal * (1 - this.objective);
        found = { fast, pair, shortBurn, longBurn, evidence, bad: shortBad, atBurn1 };
      }
    }
    return found;
  }

  /** Evidence for the first pair's threshold in its short window; null before the first bad request. */
  evidence(sums: WindowSums, now: UnixMs): Evidence | null {
    const at = this.places[0];
    if (at === undefined || this.sinceBad <= 0) return null;
    const total = this.totalWithin(sums, at.short, at.pair.short.durationMs, now);
    const bad = this.badWithin(sums, at.short, at.pair.short.durationMs, now);
    return this.evidenceFor(at.pair.threshold, total, bad, now);
  }

  /** Whether the pair's short window alone breaches, with the evidence a closing needs. */
  burning(sums: WindowSums, place: number, now: UnixMs): boolean {
    if (this.sinceBad / this.meanWeight() < this.minBad) return false;
    const { pair, short } = this.places[place]!;
    const total = this.totalWithin(sums, short, pair.short.durationMs, now);
    const bad = this.badWithin(sums, short, pair.short.durationMs, now);
    const burn = burnRate(bad, total, this.objective);
    if (burn === null || burn <= pair.threshold || bad / this.meanWeight() < this.minBad)
      return false;
    return this.evidenceFor(pair.threshold, total, bad, now).nats >= this.nats;
  }

  /** Goes on where another watch of the same objective stands: after an edit of the policy. */
  takeOver(other: PairWatch): void {
    this.openedAt = other.openedAt;
    this.spread.set(other.spread);
    this.tick = other.tick;
    this.sinceTotal = other.sinceTotal;
    this.sinceBad = other.sinceBad;
    this.stepTotal = other.stepTotal;
    this.stepBad = other.stepBad;
    this.squares = other.squares;
    this.weights = other.weights;
    this.firstBadAt = other.firstBadAt;
    this.firstAt = other.firstAt;
    this.closed = other.closed;
    this.troubleSince = other.troubleSince;
    this.longestPause = other.longestPause;
    this.worstBurn = other.worstBurn;
    this.recovery = other.recovery;
    this.calmSince = other.calmSince;
    this.calmTotal = other.calmTotal;
    this.calmBad = other.calmBad;
  }

  /**
   * Once a second, after what arrived was observed. While closed: adds the evidence of recovery,
   * ln P(counts | well) - ln P(counts | still bad) = (E (b - 1) - k ln b) / weight, where E is what burn 1
   * would give and b a third of the worst burn of the incident. No data adds nothing.
   */
  step(sums: WindowSums, now: UnixMs): void {
    this.stepSpread(now);
    const total = this.stepTotal;
    const bad = this.stepBad;
    this.stepTotal = 0;
    this.stepBad = 0;
    if (sums.bad(this.worstWindow) === 0) this.firstBadAt = null;
    if (this.weights > 1e6) {
      this.weights /= 2;
      this.squares /= 2;
    }
    // A slice that turns bad while it runs comes as a bad one without a new one.
    if (!this.closed || (total <= 0 && bad === 0)) return;
    const recent = burnRate(
      sums.bad(this.worstWindow),
      sums.total(this.worstWindow),
      this.objective,
    );
    if (recent !== null && recent > this.worstBurn) this.worstBurn = recent;
    const stillBad = this.stillBad();
    const expected = total * (1 - this.objective);
    const gain = (expected * (stillBad - 1) - bad * Math.log(stillBad)) / this.meanWeight();
    this.recovery = Math.min(this.mostRecovery(stillBad), Math.max(0, this.recovery + gain));
    if (this.recovery < RECOVER_NATS) {
      this.endCalm(now);
      return;
    }
    if (this.calmSince === null) {
      this.calmSince = now;
      this.calmTotal = 0;
      this.calmBad = 0;
    }
    this.calmTotal += total;
    this.calmBad += bad;
    const calmBurn = burnRate(this.calmBad, this.calmTotal, this.objective) ?? 0;
    // One error is never proof of trouble, however little traffic there is.
    if (this.calmBad > this.meanWeight() && calmBurn > CALM_BURN) this.endCalm(now);
  }

  dispersion(): number {
    return dispersion(this.spread);
  }

  /** Since when recovery is proven without a break; null while it is not. */
  calmSinceMs(): UnixMs | null {
    return this.closed ? this.calmSince : null;
  }

  troubleSinceMs(): UnixMs {
    return this.troubleSince;
  }

  longestPauseMs(): DurationMs {
    return this.longestPause;
  }

  /** A milder trouble has ended the calm already. */
  settled(): boolean {
    return true;
  }

  /** Nats for recovery so far; proven from RECOVER_NATS on. */
  recoveryNats(): number {
    return this.recovery;
  }

  /** Seconds of good traffic at this rate until recovery is proven; null without traffic. */
  secondsToRecover(_sums: WindowSums, requestsPerSecond: number): number | null {
    if (!(requestsPerSecond > 0)) return null;
    const gain = requestsPerSecond * (1 - this.objective) * (this.stillBad() - 1);
    return Math.max(0, (RECOVER_NATS - this.recovery) * this.meanWeight()) / gain;
  }

  /** Proven with so much to spare that one error of a calm service does not break it. */
  private mostRecovery(stillBad: number): number {
    return RECOVER_NATS + Math.max(RECOVER_NATS, 1.5 * Math.log(stillBad));
  }

  /** Burn that recovery is tested against. */
  private stillBad(): number {
    return Math.min(100, Math.max(2, 0.35 * this.worstBurn));
  }

  /** The gate has closed: recovery begins at nothing. */
  close(_sums: WindowSums, breach: Breach | null, now: UnixMs): void {
    this.closed = true;
    this.troubleSince = breach?.evidence.since ?? now;
    this.longestPause = 0;
    this.worstBurn = breach?.shortBurn ?? MIN_ALTERNATIVE;
    this.recovery = 0;
    this.calmSince = null;
  }

  /** The gate has opened: all evidence begins anew. */
  open(now: UnixMs): void {
    this.closed = false;
    this.restart(now);
  }

  /** All evidence begins anew, the state stays: after an edit of the objective. */
  restart(now: UnixMs): void {
    this.openedAt = Math.floor(now / 1000);
    this.sinceTotal = 0;
    this.sinceBad = 0;
    this.stepTotal = 0;
    this.stepBad = 0;
    this.firstBadAt = null;
    this.recovery = 0;
    this.calmSince = null;
    this.worstBurn = 0;
  }

  carry(state: StateCarrier): void {
    this.openedAt = state.number(this.openedAt);
    this.firstAt = state.optional(this.firstAt);
    this.sinceTotal = state.number(this.sinceTotal);
    this.sinceBad = state.number(this.sinceBad);
    this.stepTotal = state.number(this.stepTotal);
    this.stepBad = state.number(this.stepBad);
    this.squares = state.number(this.squares);
    this.weights = state.number(this.weights);
    this.firstBadAt = state.optional(this.firstBadAt);
    this.closed = state.flag(this.closed);
    this.troubleSince = state.number(this.troubleSince);
    this.longestPause = state.number(this.longestPause);
    this.worstBurn = state.number(this.worstBurn);
    this.recovery = state.number(this.recovery);
    this.calmSince = state.optional(this.calmSince);
    this.calmTotal = state.number(this.calmTotal);
    this.calmBad = state.number(this.calmBad);
    state.numbers(this.spread);
    this.tick = state.number(this.tick);
  }

  private endCalm(now: UnixMs): void {
    if (this.calmSince !== null)
      this.longestPause = Math.max(this.longestPause, now - this.calmSince);
    this.calmSince = null;
  }

  private stepSpread(now: UnixMs): void {
    this.spread[TICK_BAD]! += this.stepBad;
    this.spread[TICK_EXPECTED]! += this.stepTotal * (1 - this.objective);
    const tick = Math.floor(now / 1000 / TICK_S);
    if (tick === this.tick) return;
    this.tick = tick;
    stepDispersion(this.spread, !this.closed, true);
    this.spread[TICK_BAD] = this.spread[TICK_EXPECTED] = 0;
  }

  private evidenceFor(threshold: number, total: number, bad: number, now: UnixMs): Evidence {
    const alternative = Math.max(MIN_ALTERNATIVE, threshold);
    const expected = total * (1 - this.objective);
    const nats = (bad * Math.log(alternative) - expected * (alternative - 1)) / this.meanWeight();
    return { since: this.firstBadAt ?? now, nats: Math.max(0, nats), alternative };
  }

  private totalWithin(sums: WindowSums, window: number, durationMs: number, now: UnixMs): number {
    return this.startedWithin(durationMs, now) ? this.sinceTotal : sums.total(window);
  }

  private badWithin(sums: WindowSums, window: number, durationMs: number, now: UnixMs): number {
    return this.startedWithin(durationMs, now) ? this.sinceBad : sums.bad(window);
  }

  /** For how long there has been something to see since evidence last began anew. */
  private watchedMs(now: UnixMs): number {
    return this.firstAt === null ? 0 : now - Math.max(this.firstAt, this.openedAt * 1000);
  }

  private startedWithin(durationMs: number, now: UnixMs): boolean {
    return now - this.openedAt * 1000 < durationMs;
  }
}

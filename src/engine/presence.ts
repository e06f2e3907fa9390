import type { Silence } from "../decide/state.ts";
import type { StateCarrier } from "../model/state-carrier.ts";
import { MINUTE, type UnixMs } from "../model/time.ts";
import type { Hearing } from "./hearing.ts";
import { IMPROBABLE_GAPS, meanGapAfter } from "./mean-gap.ts";

/** Less data than this says nothing yet: from the first requests to the latest. */
const WARM_UP_MS = 15_000;
const SHORTEST_SILENCE_MS = MINUTE;
const LEAST_COVERAGE = 0.9;

/** When one SLO was heard of, and how often it usually is. */
export class Presence {
  firstHeardAt: UnixMs | null = null;
  lastHeardAt: UnixMs | null = null;
  /** Requests per second of the last hour in which there were some. */
  usualRate = 0;
  /** Between arrivals; null before the second one. */
  private meanGapMs: number | null = null;
  /** Enough was heard, and it did not burn: until it falls silent, the gate need not warm up again. */
  private isWarm = false;
  /** First and last arrival of requests, not of a report of none. */
  private firstRequestAt: UnixMs | null = null;
  private lastRequestAt: UnixMs | null = null;
  /** Requests arrived since `warmUp` was last asked. */
  private isFresh = false;

  /**
   * Requests arrived. When the clock was set back by more than a minute this makes the SLO stale until it has
   * caught up, and rightly: what arrives meanwhile counts in seconds that short windows have left behind.
   *
   * @param total how many; a report of none is a sign of life, and no reason to open
   */
  heard(now: UnixMs, total: number): void {
    if (this.lastHeardAt === null) this.firstHeardAt = now;
    else if (now > this.lastHeardAt) {
      this.meanGapMs = meanGapAfter(this.meanGapMs, now - this.lastHeardAt);
    }
    this.lastHeardAt = now;
    if (!(total > 0)) return;
    this.firstRequestAt ??= now;
    this.lastRequestAt = now;
    this.isFresh = true;
  }

  /** Requests were heard on both sides of 15 seconds. */
  get heardEnough(): boolean {
    const { firstRequestAt: first, lastRequestAt: last } = this;
    return first !== null && last !== null && last - first >= WARM_UP_MS;
  }

  /**
   * Once a tick. What ends the warming up is a request, never time: after some failures and then silence all that is
   * known is the failures.
   *
   * @param burns asked until it has ended, whether what was heard lately would close the gate if there were more of it
   */
  warmUp(burns: () => boolean): void {
    if (this.isWarm || !this.isFresh) return;
    this.isFresh = false;
    this.isWarm = this.heardEnough && !burns();
  }

  /** It fell silent: what is heard next must not burn, as at the beginning. */
  fellSilent(): void {
    this.isWarm = false;
  }

  /** Whoever led before knew enough: the gate need not warm up here. */
  trust(): void {
    this.isWarm = true;
  }

  /** @param lastHour requests of the last hour; only asked for while there are some */
  learnRate(lastHour: number, now: UnixMs): void {
    if (this.firstHeardAt === null || this.lastHeardAt === null) return;
    if (now - this.lastHeardAt > 1000) return;
    // At least a minute: the first request of a quiet service does not mean one every second.
    this.usualRate = lastHour / Math.min(3600, Math.max(60, (now - this.firstHeardAt) / 1000));
  }

  carry(state: StateCarrier): void {
    this.firstHeardAt = state.optional(this.firstHeardAt);
    this.lastHeardAt = state.optional(this.lastHeardAt);
    this.usualRate = state.number(this.usualRate);
    this.meanGapMs = state.optional(this.meanGapMs);
    this.isWarm = state.flag(this.isWarm);
    this.firstRequestAt = state.optional(this.firstRequestAt);
    this.lastRequestAt = state.optional(this.lastRequestAt);
    this.isFresh = state.flag(this.isFresh);
  }

  /** Why nothing can be said about the SLO now; null when it is heard as usual. */
  silence(now: UnixMs, hearing: Hearing): Silence | null {
    if (this.firstHeardAt === null || this.lastHeardAt === null) return "no-data";
    if (hearing.isStopped || hearing.coverage() < LEAST_COVERAGE) return "no-data";
    // Nobody is heard: that says nothing of this SLO, however rare its requests are.
    if (hearing.silent(now)) return "no-data";
    const silentMs = now - this.lastHeardAt;
    const stale =
      silentMs > SHORTEST_SILENCE_MS &&
      silentMs > 3 * (this.meanGapMs ?? 0) &&
      (this.usualRate * silentMs) / 1000 > IMPROBABLE_GAPS;
    // With nobody heard since, it is not this service that fell silent.
    if (stale) return hearing.heardAfter(this.lastHeardAt) ? "stale" : "no-data";
    return this.isWarm ? null : "warming-up";
  }
}

import type { StateCarrier } from "../model/state-carrier.ts";
import { type DurationMs, MINUTE, SECOND, type UnixMs, type UnixSecond } from "../model/time.ts";
import { IMPROBABLE_GAPS, meanGapAfter } from "./mean-gap.ts";

/** Seconds looked back on for coverage: 5 minutes. */
const SECONDS = 300;
/** Without a tick for longer than this the engine stood still and heard nobody; less is a busy moment. */
const LONGEST_PAUSE = 5;

/** What the whole receiver hears: tells "no requests" from "no telemetry", and how much it missed itself. */
export class Hearing {
  /** When anything was last accepted, whoever sent it; null: nothing yet. */
  heardAt: UnixMs | null = null;
  /** How long the clock has stood by now, set back and waited for. Of ticks that follow the data's clock: 0. */
  stoodMs: DurationMs = 0;
  private readonly everySecond: boolean;
  /** What the clock said last, while it is behind what it has said. */
  private saidAt: UnixMs | null = null;
  private accepted = 0;
  private turnedAway = 0;
  private meanGapMs: number | null = null;
  /** By second, 1 where requests were turned away or the engine stood still. */
  private readonly missed = new Float64Array(SECONDS);
  private missedSeconds = 0;
  private first: UnixSecond | null = null;
  private last: UnixSecond = 0;

  /**
   * @param everySecond ticks come once a second, so that a pause between them is time in which the engine
   *   was down; false where ticks follow the data's clock
   */
  constructor(everySecond = true) {
    this.everySecond = everySecond;
  }

  /**
   * How long a clock that was set back has been waited for.
   *
   * @param at what it says
   * @param reached the latest that it has said
   */
  waited(at: UnixMs, reached: UnixMs): DurationMs {
    if (!this.everySecond || at > reached) {
      this.saidAt = null;
      return 0;
    }
    // Somebody wants a tick at the engine's own time: nothing has passed.
    if (at === reached) return this.stoodMs;
    const passed = this.saidAt === null ? 0 : Math.max(0, at - this.saidAt);
    this.saidAt = at;
    return this.stoodMs + passed;
  }

  /**
   * Once a tick, with the receiver's running counters. `now` never goes back: it stands instead.
   *
   * @param accepted requests accepted so far
   * @param turnedAway requests refused so far because the receiver could not take them
   * @param stoodMs see `waited`
   */
  tick(now: UnixMs, accepted: number, turnedAway: number, stoodMs: DurationMs): void {
    this.moveTo(Math.floor(now / SECOND));
    this.stoodMs = stoodMs;
    if (turnedAway > this.turnedAway) this.mark(this.last);
    this.turnedAway = turnedAway;
    if (accepted === this.accepted) return;
    this.accepted = accepted;
    if (this.heardAt !== null && now > this.heardAt) {
      this.meanGapMs = meanGapAfter(this.meanGapMs, now - this.heardAt);
    }
    this.heardAt = now;
  }

  /** Share of the last 5 minutes, or of the time since the start, in which everything was accepted. */
  coverage(): number {
    if (this.first === null) return 1;
    return 1 - this.missedSeconds / Math.min(SECONDS, this.last - this.first + 1);
  }

  /** Whether anyone was heard later than that; two seconds are the width of a tick and its delay. */
  heardAfter(at: UnixMs): boolean {
    return this.heardAt !== null && this.heardAt - at > 2 * SECOND;
  }

  /** The clock stands: who falls silent now, or burns, is not seen before it has been caught up with. */
  get isStopped(): boolean {
    return this.stoodMs > MINUTE;
  }

  /** Nothing at all for a minute, or for several times the usual gap where that is longer. */
  silent(now: UnixMs): boolean {
    if (this.heardAt === null) return true;
    return now - this.heardAt > Math.max(MINUTE, IMPROBABLE_GAPS * (this.meanGapMs ?? 0));
  }

  /** The counters that `tick` is given begin at zero again: a new process. */
  countFromZero(): void {
    this.accepted = 0;
    this.turnedAway = 0;
  }

  carry(state: StateCarrier): void {
    this.heardAt = state.optional(this.heardAt);
    this.stoodMs = state.number(this.stoodMs);
    this.accepted = state.number(this.accepted);
    this.turnedAway = state.number(this.turnedAway);
    this.meanGapMs = state.optional(this.meanGapMs);
    state.numbers(this.missed);
    this.missedSeconds = state.number(this.missedSeconds);
    this.first = state.optional(this.first);
    this.last = state.number(this.last);
  }

  private moveTo(second: UnixSecond): void {
    if (this.first === null) {
      this.first = second;
      this.last = second;
      return;
    }
    const stoodStill = this.everySecond && second - this.last > LONGEST_PAUSE;
    for (let s = Math.max(this.last + 1, second - SECONDS + 1); s <= second; s++) {
      const slot = s % SECONDS;
      this.missedSeconds -= this.missed[slot]!;
      this.missed[slot] = 0;
      if (stoodStill && s < second) this.mark(s);
    }
    this.last = Math.max(this.last, second);
  }

  private mark(second: UnixSecond): void {
    const slot = second % SECONDS;
    this.missedSeconds += 1 - this.missed[slot]!;
    this.missed[slot] = 1;
  }
}

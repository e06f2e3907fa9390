import type { UnixMs } from "../model/time.ts";

/** Ticks looked back on for coverage: 5 minutes. */
const TICKS = 300;

/** What the whole receiver hears: tells "no requests" from "no telemetry", and how much it missed itself. */
export class Hearing {
  /** When anything was last accepted, whoever sent it; null: nothing yet. */
  heardAt: UnixMs | null = null;
  private accepted = 0;
  private refusing = 0;
  private meanGapMs = 0;
  private readonly refusedTicks = new Uint8Array(TICKS);
  private ticks = 0;
  private refused = 0;

  /**
   * Once a tick, with the receiver's running counters.
   *
   * @param accepted requests accepted so far
   * @param turnedAway requests refused so far because the receiver could not take them
   */
  tick(now: UnixMs, accepted: number, turnedAway: number): void {
    const slot = this.ticks++ % TICKS;
    this.refused -= this.refusedTicks[slot]!;
    this.refusedTicks[slot] = turnedAway > this.refusing ? 1 : 0;
    this.refused += this.refusedTicks[slot]!;
    this.refusing = turnedAway;
    if (accepted === this.accepted) return;
    this.accepted = accepted;
    if (this.heardAt !== null) {
      const gap = now - this.heardAt;
      this.meanGapMs += 0.1 * (Math.min(gap, 60_000) - this.meanGapMs);
    }
    this.heardAt = now;
  }

  /** Share of the last 5 minutes, or of the time since the start, in which everything was accepted. */
  coverage(): number {
    const ticks = Math.min(this.ticks, TICKS);
    return ticks === 0 ? 1 : 1 - this.refused / ticks;
  }

  /** Nothing at all for a minute, where three times the usual gap is less. */
  silent(now: UnixMs): boolean {
    if (this.heardAt === null) return true;
    return now - this.heardAt > Math.max(60_000, 3 * this.meanGapMs);
  }
}

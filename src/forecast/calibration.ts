import type { StateCarrier } from "../model/state-carrier.ts";
import { DAY, type DurationMs, type UnixMs } from "../model/time.ts";

/** Checks before the share means anything. */
const FEWEST_CHECKS = 6;
/** Weight of a check after the next one: about the last 200 count. */
const KEEP_PER_CHECK = 0.995;

/** Of a day, to say that its intervals have broken their promise of 80 %, or kept it with much to spare. */
const FEWEST_PER_DAY = 12;
const BROKEN_PROMISE = 0.7;
const WELL_KEPT = 0.9;
const WIDEN = 1.3;
const NARROW = 1.15;
const MOST_WIDENING = 4;

const MADE_AT = 0;
const LOW = 1;
const HIGH = 2;
const BAD_BEFORE = 3;
const EXPECTED_BEFORE = 4;
const FIELDS = 5;

/**
 * How often the intervals that were forecast held: remembers one every `everyMs` until its horizon has
 * passed, and then compares it with the burn that came. Bounded: horizon / every of them at a time.
 */
export class Calibration {
  private readonly horizonMs: DurationMs;
  private readonly everyMs: DurationMs;
  private readonly capacity: number;
  private readonly pending: Float64Array;
  private oldest = 0;
  private count = 0;
  private lastMadeAt: UnixMs = Number.NEGATIVE_INFINITY;
  private checks = 0;
  private held = 0;
  private weight = 0;
  /** Of the present day. */
  private dayStart: UnixMs | null = null;
  private dayChecks = 0;
  private dayHeld = 0;
  private factor = 1;

  constructor(horizonMs: DurationMs, everyMs: DurationMs) {
    this.horizonMs = horizonMs;
    this.everyMs = everyMs;
    this.capacity = Math.ceil(horizonMs / everyMs) + 1;
    this.pending = new Float64Array(this.capacity * FIELDS);
  }

  /** Share of the intervals checked that held, the latest 200 or so; null before six were. */
  share(): number | null {
    return this.checks < FEWEST_CHECKS ? null : this.held / this.weight;
  }

  /** What intervals are to be widened by, 1 to 4: those of a whole day have not held as often as they should. */
  widening(): number {
    return this.factor;
  }

  /** Whether it is time to remember another interval. */
  wants(now: UnixMs): boolean {
    // A clock set back must not stop the book-keeping for as long as it was ahead.
    return now >= this.lastMadeAt + this.everyMs || now < this.lastMadeAt;
  }

  /**
   * @param bad and `atBurn1`: sums since the beginning of time, of bad requests and of those that burn 1
   *   would have made of the same traffic
   */
  remember(now: UnixMs, low: number, high: number, bad: number, atBurn1: number): void {
    this.lastMadeAt = now;
    if (this.count === this.capacity) this.dropOldest();
    const at = ((this.oldest + this.count) % this.capacity) * FIELDS;
    this.pending[at + MADE_AT] = now;
    this.pending[at + LOW] = low;
    this.pending[at + HIGH] = high;
    this.pending[at + BAD_BEFORE] = bad;
    this.pending[at + EXPECTED_BEFORE] = atBurn1;
    this.count++;
  }

  /** Checks what has come due. Horizons without requests, or whose end went by unseen, are not judged. */
  check(now: UnixMs, bad: number, atBurn1: number): void {
    this.turnDay(now);
    while (this.count > 0) {
      const at = this.oldest * FIELDS;
      const overdueMs = now - this.pending[at + MADE_AT]! - this.horizonMs;
      if (overdueMs < 0) return;
      const expected = atBurn1 - this.pending[at + EXPECTED_BEFORE]!;
      if (expected > 0 && overdueMs < this.everyMs) {
        const burn = (bad - this.pending[at + BAD_BEFORE]!) / expected;
        const held = burn >= this.pending[at + LOW]! && burn <= this.pending[at + HIGH]!;
        this.checks++;
        this.weight = this.weight * KEEP_PER_CHECK + 1;
        this.held = this.held * KEEP_PER_CHECK + (held ? 1 : 0);
        this.dayChecks++;
        if (held) this.dayHeld++;
      }
      this.dropOldest();
    }
  }

  carry(state: StateCarrier): void {
    state.numbers(this.pending);
    this.oldest = state.number(this.oldest);
    this.count = state.number(this.count);
    this.lastMadeAt = state.number(this.lastMadeAt);
    this.checks = state.number(this.checks);
    this.held = state.number(this.held);
    this.weight = state.number(this.weight);
    this.dayStart = state.optional(this.dayStart);
    this.dayChecks = state.number(this.dayChecks);
    this.dayHeld = state.number(this.dayHeld);
    this.factor = state.number(this.factor);
  }

  /** A day below the promise widens, a day far above it takes some of that back. */
  private turnDay(now: UnixMs): void {
    this.dayStart ??= now;
    if (now - this.dayStart < DAY && now >= this.dayStart) return;
    if (this.dayChecks >= FEWEST_PER_DAY) {
      const share = this.dayHeld / this.dayChecks;
      if (share < BROKEN_PROMISE) this.factor = Math.min(MOST_WIDENING, this.factor * WIDEN);
      else if (share > WELL_KEPT) this.factor = Math.max(1, this.factor / NARROW);
    }
    this.dayStart = now;
    this.dayChecks = this.dayHeld = 0;
  }

  private dropOldest(): void {
    this.oldest = (this.oldest + 1) % this.capacity;
    this.count--;
  }
}

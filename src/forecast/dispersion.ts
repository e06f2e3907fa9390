import type { StateCarrier } from "../model/state-carrier.ts";

const BIN_MINUTES = 5;
/** Share of what was learned that is left after one bin: half after 12 h. */
const KEEP_PER_BIN = 0.5 ** (BIN_MINUTES / (12 * 60));
/** Share of the base level that is left after one minute with requests: half after 24 h. */
const KEEP_PER_MINUTE = 0.5 ** (1 / (24 * 60));
/** Two hours of bins that say "as Poisson", before anything was seen. */
const PRIOR_BINS = 24;
const LARGEST = 30;
/** One bin's squared residual counts as at most six standard deviations. */
const CLIP = 36;
/** A bin with this much evidence against burn 1, in nats, is an incident and says nothing about calm. */
const INCIDENT_NATS = 4;

/**
 * How much more the errors of a calm service vary than independent ones would: the quasi-Poisson factor
 * phi, sum (bad - expected)² / sum expected over 5-minute bins, the expected being the base level of
 * the last day. Retries and bursts make it large; every interval is widened by its root.
 *
 * @see https://en.wikipedia.org/wiki/Overdispersion
 */
export class Dispersion {
  private baseBad = 0;
  private baseAtBurn1 = 0;
  private binBad = 0;
  private binAtBurn1 = 0;
  private binMinutes = 0;
  private weight = PRIOR_BINS;
  private squares = PRIOR_BINS;

  /** From 1 (independent errors) to 30. */
  get factor(): number {
    return Math.min(LARGEST, Math.max(1, this.squares / this.weight));
  }

  /**
   * One minute. Only for time in which the gate is open.
   *
   * @param atBurn1 bad requests expected of the minute's traffic at burn 1; 0 when there was none
   */
  minute(bad: number, atBurn1: number): void {
    if (atBurn1 > 0) {
      this.binBad += bad;
      this.binAtBurn1 += atBurn1;
      this.baseBad = this.baseBad * KEEP_PER_MINUTE + bad;
      this.baseAtBurn1 = this.baseAtBurn1 * KEEP_PER_MINUTE + atBurn1;
    }
    if (++this.binMinutes < BIN_MINUTES) return;
    if (this.binAtBurn1 > 0) this.learn();
    this.breakOff();
  }

  /** Time has passed unseen, or the gate changed: the bin that was begun is worth nothing. */
  breakOff(): void {
    this.binBad = this.binAtBurn1 = this.binMinutes = 0;
  }

  carry(state: StateCarrier): void {
    this.baseBad = state.number(this.baseBad);
    this.baseAtBurn1 = state.number(this.baseAtBurn1);
    this.binBad = state.number(this.binBad);
    this.binAtBurn1 = state.number(this.binAtBurn1);
    this.binMinutes = state.number(this.binMinutes);
    this.weight = state.number(this.weight);
    this.squares = state.number(this.squares);
  }

  private learn(): void {
    const phi = this.factor;
    if (natsAgainstBurn1(this.binBad, this.binAtBurn1) / phi >= INCIDENT_NATS) return;
    const expected = Math.max(0.02, this.baseBad / this.baseAtBurn1) * this.binAtBurn1;
    const square = Math.min((this.binBad - expected) ** 2, CLIP * phi * Math.max(expected, 0.25));
    // Where next to no error is expected, a bin says next to nothing.
    const weight = expected / (expected + 0.5);
    this.weight = this.weight * KEEP_PER_BIN + weight;
    this.squares =
      this.squares * KEEP_PER_BIN + (expected > 0.05 ? (weight * square) / expected : weight);
  }
}

/** Poisson log-likelihood of the rate seen over that of burn 1; 0 when burn was no higher. */
function natsAgainstBurn1(bad: number, atBurn1: number): number {
  return bad > atBurn1 ? bad * Math.log(bad / atBurn1) - (bad - atBurn1) : 0;
}

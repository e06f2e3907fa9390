import {
  BAD,
  BAD_TICKS,
  EXPECTED,
  MOST_ALTERNATIVES,
  NATS,
  NOW,
  SINCE,
  TICK_BAD,
  TICK_EXPECTED,
} from "./row.ts";
import { DEFAULT_TUNING } from "./tuning.ts";

/** More proves nothing more, and would take longer to forget. */
export const MOST_NATS = 60;

/** Burn rates r tested against burn 1, with what one bad and one expected request are worth: ln r and r - 1. */
export class Alternatives {
  /** Those of the tuning that nobody has changed: ten thousand SLOs share them. */
  static readonly default = new Alternatives(DEFAULT_TUNING.alternatives);

  readonly count: number;
  readonly burn: Float64Array;
  readonly gain: Float64Array;
  readonly cost: Float64Array;

  static of(burns: readonly number[]): Alternatives {
    const isDefault = `${burns}` === `${DEFAULT_TUNING.alternatives}`;
    return isDefault ? Alternatives.default : new Alternatives(burns);
  }

  /** @throws RangeError without an alternative, or with more than a row holds */
  constructor(burns: readonly number[]) {
    if (burns.length === 0 || burns.length > MOST_ALTERNATIVES) {
      throw new RangeError(`1 to ${MOST_ALTERNATIVES} alternatives, found ${burns.length}`);
    }
    this.count = burns.length;
    this.burn = Float64Array.from(burns);
    this.gain = Float64Array.from(burns, Math.log);
    this.cost = Float64Array.from(burns, (burn) => burn - 1);
  }
}

/**
 * One tick of the bank of sequential tests (CUSUM): for each alternative r the log-likelihood ratio of
 * Poisson counts at burn r against burn 1, never below nothing, divided by the dispersion phi:
 *
 *     S = max(0, S + (bad ln r - expected (r - 1)) / phi)
 *
 * Where S falls to nothing, the sums of bad and expected begin anew: they span exactly the time the evidence
 * speaks of.
 *
 * @see Page, Continuous inspection schemes, Biometrika 41 (1954)
 */
export function stepEvidence(row: Float64Array, alternatives: Alternatives, phi: number): void {
  const bad = row[TICK_BAD]!;
  const expected = row[TICK_EXPECTED]!;
  for (let r = 0; r < alternatives.count; r++) {
    const nats =
      row[NATS + r]! + (bad * alternatives.gain[r]! - expected * alternatives.cost[r]!) / phi;
    if (!(nats > 0)) {
      clearEvidence(row, r);
      continue;
    }
    row[NATS + r] = Math.min(MOST_NATS, nats);
    row[BAD + r]! += bad;
    row[EXPECTED + r]! += expected;
    if (bad > 0) row[BAD_TICKS + r]! += 1;
  }
}

export function clearEvidence(row: Float64Array, r: number): void {
  row[NATS + r] = 0;
  row[BAD + r] = 0;
  row[EXPECTED + r] = 0;
  row[SINCE + r] = row[NOW]!;
  row[BAD_TICKS + r] = 0;
}

/** The most that any alternative has, nats. */
export function mostNats(row: Float64Array, alternatives: Alternatives): number {
  let most = 0;
  for (let r = 0; r < alternatives.count; r++) most = Math.max(most, row[NATS + r]!);
  return most;
}

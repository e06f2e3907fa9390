import type { StateCarrier } from "../model/state-carrier.ts";
import { isPoint, LeastSquares } from "./least-squares.ts";

/**
 * The line through the points of the last `capacity` steps, one point a step at most, at O(1) a step and
 * without allocation. What rounding is left by adding and taking away is cleared by summing anew at least
 * once every `capacity` points.
 */
export class SlidingRegression extends LeastSquares {
  private readonly capacity: number;
  private readonly ys: Float64Array;
  /** 0: no point at this step. */
  private readonly weights: Float64Array;
  /** Where the newest step stands. */
  private newest = 0;
  private sinceSummed = 0;
  /** Largest since the last summing anew. */
  private peakW = 0;
  private peakYY = 0;
  /** How many points in a row had the newest y. */
  private lastY = Number.NaN;
  private run = 0;

  /** @param capacity steps that count, at least 3 */
  constructor(capacity: number) {
    super();
    this.capacity = capacity;
    this.ys = new Float64Array(capacity);
    this.weights = new Float64Array(capacity);
  }

  /** One step on, with a point. A weight that is not positive, or a y that is not finite, is no point. */
  push(y: number, weight = 1): void {
    this.step();
    if (!isPoint(y, weight)) return;
    if (this.points === 0) this.anchor = y;
    this.run = y === this.lastY ? this.run + 1 : 1;
    this.lastY = y;
    this.ys[this.newest] = y;
    this.weights[this.newest] = weight;
    this.accumulate(weight, 0, y - this.anchor);
  }

  /** `steps` steps on without a point: time passes, nothing was measured. */
  skip(steps = 1): void {
    if (steps >= this.capacity) this.keepNewest(0);
    else for (let i = 0; i < steps; i++) this.step();
  }

  /** Forgets all but the newest `steps` steps. */
  keepNewest(steps: number): void {
    for (let age = Math.max(0, steps); age < this.capacity; age++) {
      this.weights[this.slotOf(age)] = 0;
    }
    this.sumAnew();
  }

  override carry(state: StateCarrier): void {
    super.carry(state);
    state.numbers(this.ys);
    state.numbers(this.weights);
    this.newest = state.number(this.newest);
    this.sinceSummed = state.number(this.sinceSummed);
    this.peakW = state.number(this.peakW);
    this.peakYY = state.number(this.peakYY);
    this.lastY = state.number(this.lastY);
    this.run = state.number(this.run);
  }

  private step(): void {
    this.shift();
    this.newest = this.newest + 1 === this.capacity ? 0 : this.newest + 1;
    this.sinceSummed++;
    const weight = this.weights[this.newest]!;
    if (weight > 0) {
      this.peakW = Math.max(this.peakW, this.sumW);
      this.peakYY = Math.max(this.peakYY, this.sumYY);
      this.weights[this.newest] = 0;
      this.accumulate(-weight, -this.capacity, this.ys[this.newest]! - this.anchor);
      // Taking a giant away leaves its rounding, which may be all there is beside the dwarfs that stay.
      const giantLeft = this.sumW < 1e-6 * this.peakW || this.sumYY < 1e-9 * this.peakYY;
      const constant = this.run >= this.points && this.anchor !== this.lastY;
      if (giantLeft || constant || this.sinceSummed >= this.capacity) this.sumAnew();
    }
  }

  private sumAnew(): void {
    this.anchor = this.anchorOfPoints();
    this.sinceSummed = 0;
    this.clearSums();
    for (let age = 0; age < this.capacity; age++) {
      const slot = this.slotOf(age);
      const weight = this.weights[slot]!;
      if (weight > 0) this.accumulate(weight, -age, this.ys[slot]! - this.anchor);
    }
    this.peakW = this.sumW;
    this.peakYY = this.sumYY;
  }

  /** Their mean; when they all are equal exactly that, so that a constant y stays exact. */
  private anchorOfPoints(): number {
    let lowest = Number.POSITIVE_INFINITY;
    let highest = Number.NEGATIVE_INFINITY;
    let sumW = 0;
    let sumWY = 0;
    for (let slot = 0; slot < this.capacity; slot++) {
      const weight = this.weights[slot]!;
      if (!(weight > 0)) continue;
      const y = this.ys[slot]!;
      if (y < lowest) lowest = y;
      if (y > highest) highest = y;
      sumW += weight;
      sumWY += weight * y;
    }
    if (!(sumW > 0)) return 0;
    return lowest === highest ? lowest : sumWY / sumW;
  }

  private slotOf(age: number): number {
    const slot = this.newest - age;
    return slot < 0 ? slot + this.capacity : slot;
  }
}

/**
 * The line through all points since `clear`, each step's weight `keep` times what it was a step before:
 * no memory of the points, and none of old rounding either.
 */
export class DecayingRegression extends LeastSquares {
  /** One step on, with a point if `weight` is positive. @param keep in (0, 1] */
  push(y: number, weight: number, keep: number): void {
    this.skip(1, keep);
    if (!isPoint(y, weight)) return;
    if (this.points === 0) this.anchor = y;
    this.accumulate(weight, 0, y - this.anchor);
  }

  skip(steps: number, keep: number): void {
    // x moves by all the steps at once: (x - s)² = x² - 2sx + s²
    const kept = keep ** steps;
    this.sumXX = (this.sumXX - 2 * steps * this.sumX + steps * steps * this.sumW) * kept;
    this.sumXY = (this.sumXY - steps * this.sumY) * kept;
    this.sumX = (this.sumX - steps * this.sumW) * kept;
    this.sumW *= kept;
    this.sumY *= kept;
    this.sumYY *= kept;
  }

  clear(): void {
    this.clearSums();
  }
}

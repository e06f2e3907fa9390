/**
 * Weighted least squares through the points of the last `capacity` steps, one point a step at most, at
 * O(1) a step and without allocation.
 *
 * x is the age of a point in steps, negative, the newest being 0: the origin moves along, because with
 * x counted from any fixed time n*Sxx - Sx*Sx soon cancels to noise. y is summed from an anchor near its
 * values, so that a constant y gives exactly slope 0 and residual 0. What rounding is left by adding and
 * taking away is cleared by summing anew at least once every `capacity` points.
 *
 * Weights are inverse variances up to a factor: a point's variance is `residualVariance` / weight.
 *
 * @see https://en.wikipedia.org/wiki/Weighted_least_squares
 */
export class SlidingRegression {
  private readonly capacity: number;
  private readonly ys: Float64Array;
  /** 0: no point at this step. */
  private readonly weights: Float64Array;
  /** Where the newest step stands. */
  private newest = 0;
  private sinceSummed = 0;
  private points = 0;
  private anchor = 0;
  /** Sums of weight times 1, x, x², (y - anchor), x (y - anchor), (y - anchor)². */
  private sumW = 0;
  private sumX = 0;
  private sumXX = 0;
  private sumY = 0;
  private sumXY = 0;
  private sumYY = 0;
  /** Largest since the last summing anew. */
  private peakW = 0;
  private peakYY = 0;

  /** @param capacity steps that count, at least 3 */
  constructor(capacity: number) {
    this.capacity = capacity;
    this.ys = new Float64Array(capacity);
    this.weights = new Float64Array(capacity);
  }

  /** One step on, with a point. A weight that is not positive, or a y that is not finite, is no point. */
  push(y: number, weight = 1): void {
    this.step();
    if (!(weight > 0 && weight < Number.POSITIVE_INFINITY && Number.isFinite(y))) return;
    if (this.points === 0) this.anchor = y;
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

  /** Number of points within the last `capacity` steps. */
  get n(): number {
    return this.points;
  }

  /** Sum of the weights. */
  get weight(): number {
    return this.sumW;
  }

  /** Weighted mean of y; 0 without points. */
  get mean(): number {
    return this.sumW > 0 ? this.anchor + this.sumY / this.sumW : 0;
  }

  /** Per step. 0 when fewer than two steps have points: nothing is known of a trend. */
  get slope(): number {
    const spread = this.spreadX();
    if (!(spread > 0)) return 0;
    return (this.sumXY - (this.sumX * this.sumY) / this.sumW) / spread;
  }

  /** The line at x = 0, the newest step; 0 without points. */
  get intercept(): number {
    return this.meanAt(0);
  }

  /** Weighted sum of squared residuals over n - 2: the variance of a point of weight 1. 0 below three points. */
  get residualVariance(): number {
    if (this.points < 3) return 0;
    const spreadY = this.sumYY - (this.sumY * this.sumY) / this.sumW;
    const slope = this.slope;
    return Math.max(0, spreadY - slope * slope * this.spreadX()) / (this.points - 2);
  }

  /** The line at x steps after the newest. */
  meanAt(x: number): number {
    return this.sumW > 0 ? this.mean + this.slope * (x - this.sumX / this.sumW) : 0;
  }

  /**
   * Standard error of the slope; 0 when fewer than two steps have points.
   *
   * @param variance of a point of weight 1, where the caller knows better than the residuals
   */
  seSlope(variance = this.residualVariance): number {
    const spread = this.spreadX();
    return spread > 0 ? Math.sqrt(variance / spread) : 0;
  }

  /** Standard error of `meanAt(x)`, that of the line and not of a point; 0 without points. */
  seMeanAt(x: number, variance = this.residualVariance): number {
    if (!(this.sumW > 0)) return 0;
    const fromSlope = this.seSlope(variance) * (x - this.sumX / this.sumW);
    return Math.sqrt(variance / this.sumW + fromSlope * fromSlope);
  }

  /** Weighted sum of squared distances of x from its mean. */
  private spreadX(): number {
    if (this.points < 2) return 0;
    return this.sumXX - (this.sumX * this.sumX) / this.sumW;
  }

  private step(): void {
    // (x - 1)² = x² - 2x + 1
    this.sumXX += this.sumW - 2 * this.sumX;
    this.sumXY -= this.sumY;
    this.sumX -= this.sumW;
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
      if (giantLeft || this.sinceSummed >= this.capacity) this.sumAnew();
    }
  }

  /** A negative weight takes a point away. */
  private accumulate(weight: number, x: number, dy: number): void {
    this.points += weight > 0 ? 1 : -1;
    this.sumW += weight;
    this.sumX += weight * x;
    this.sumXX += weight * x * x;
    this.sumY += weight * dy;
    this.sumXY += weight * x * dy;
    this.sumYY += weight * dy * dy;
  }

  private sumAnew(): void {
    this.anchor = this.anchorOfPoints();
    this.sinceSummed = 0;
    this.points = 0;
    this.sumW = this.sumX = this.sumXX = this.sumY = this.sumXY = this.sumYY = 0;
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

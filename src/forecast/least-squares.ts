import type { StateCarrier } from "../model/state-carrier.ts";

/**
 * Weighted least squares from running sums. x is the age of a point in steps, negative, the newest being
 * 0: the origin moves along, because with x counted from any fixed time n*Sxx - Sx*Sx soon cancels to
 * noise. y is summed from an anchor near its values, so that a constant y gives exactly slope 0 and
 * residual 0.
 *
 * Weights are inverse variances up to a factor: a point's variance is `residualVariance` / weight.
 *
 * @see https://en.wikipedia.org/wiki/Weighted_least_squares
 */
export abstract class LeastSquares {
  protected points = 0;
  protected anchor = 0;
  /** Sums of weight times 1, x, x², (y - anchor), x (y - anchor), (y - anchor)². */
  protected sumW = 0;
  protected sumX = 0;
  protected sumXX = 0;
  protected sumY = 0;
  protected sumXY = 0;
  protected sumYY = 0;

  /** Number of points summed. */
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

  /** Weighted mean of x, 0 or negative; 0 without points. */
  get meanX(): number {
    return this.sumW > 0 ? this.sumX / this.sumW : 0;
  }

  /** The line at x = 0, the newest step; 0 without points. */
  get intercept(): number {
    return this.meanAt(0);
  }

  /** Weighted sum of squared residuals. */
  get residualSquares(): number {
    if (this.points < 3) return 0;
    const spreadY = this.sumYY - (this.sumY * this.sumY) / this.sumW;
    const slope = this.slope;
    return Math.max(0, spreadY - slope * slope * this.spreadX());
  }

  /** Over n - 2: the variance of a point of weight 1. 0 below three points. */
  get residualVariance(): number {
    return this.points < 3 ? 0 : this.residualSquares / (this.points - 2);
  }

  /** The line at x steps after the newest. */
  meanAt(x: number): number {
    return this.sumW > 0 ? this.mean + this.slope * (x - this.meanX) : 0;
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
    const fromSlope = this.seSlope(variance) * (x - this.meanX);
    return Math.sqrt(variance / this.sumW + fromSlope * fromSlope);
  }

  carry(state: StateCarrier): void {
    this.points = state.number(this.points);
    this.anchor = state.number(this.anchor);
    this.sumW = state.number(this.sumW);
    this.sumX = state.number(this.sumX);
    this.sumXX = state.number(this.sumXX);
    this.sumY = state.number(this.sumY);
    this.sumXY = state.number(this.sumXY);
    this.sumYY = state.number(this.sumYY);
  }

  /** Weighted sum of squared distances of x from its mean. */
  protected spreadX(): number {
    if (this.points < 2) return 0;
    return this.sumXX - (this.sumX * this.sumX) / this.sumW;
  }

  /** Moves the origin one step on: (x - 1)² = x² - 2x + 1. */
  protected shift(): void {
    this.sumXX += this.sumW - 2 * this.sumX;
    this.sumXY -= this.sumY;
    this.sumX -= this.sumW;
  }

  /** A negative weight takes a point away. */
  protected accumulate(weight: number, x: number, dy: number): void {
    this.points += weight > 0 ? 1 : -1;
    this.sumW += weight;
    this.sumX += weight * x;
    this.sumXX += weight * x * x;
    this.sumY += weight * dy;
    this.sumXY += weight * x * dy;
    this.sumYY += weight * dy * dy;
  }

  protected clearSums(): void {
    this.points = 0;
    this.sumW = this.sumX = this.sumXX = this.sumY = this.sumXY = this.sumYY = 0;
  }
}

/** Whether least squares can take it: a positive finite weight, a finite y. */
export function isPoint(y: number, weight: number): boolean {
  return weight > 0 && weight < Number.POSITIVE_INFINITY && Number.isFinite(y);
}

/** Reproducible draws: the same seed gives the same scenario on every machine. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 0;
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    // mulberry32
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** Uniform in the logarithm. */
  scale(low: number, high: number): number {
    return Math.exp(this.between(Math.log(low), Math.log(high)));
  }

  normal(): number {
    const u = 1 - this.uniform();
    return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * this.uniform());
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.uniform());
  }

  poisson(mean: number): number {
    if (!(mean > 0)) return 0;
    if (mean > 50) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.normal()));
    const limit = Math.exp(-mean);
    let product = this.uniform();
    let count = 0;
    for (; product > limit; count++) product *= this.uniform();
    return count;
  }

  /** Of `n` requests that each are bad with probability p. */
  binomial(n: number, p: number): number {
    if (p >= 1) return n;
    if (!(p > 0) || n === 0) return 0;
    if (n <= 20) {
      let count = 0;
      for (let i = 0; i < n; i++) if (this.uniform() < p) count++;
      return count;
    }
    const mean = n * p;
    if (mean < 50 && p < 0.1) return Math.min(n, this.poisson(mean));
    if (n * (1 - p) < 50) return n - Math.min(n, this.poisson(n * (1 - p)));
    const drawn = Math.round(mean + Math.sqrt(mean * (1 - p)) * this.normal());
    return Math.min(n, Math.max(0, drawn));
  }
}

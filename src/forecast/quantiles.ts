/** Standard normal quantile of the upper end of an 80 % interval. */
export const Z80 = 1.2816;
/**
 * The same for a 95 % interval. Wider than the normal 1.96: burn that is to come has heavier tails than
 * the gamma distribution, and this value made the 95 % intervals hold in simulated and recorded incidents.
 */
export const Z95 = 2.6;

/** Below this shape Wilson-Hilferty goes wrong; burn is then almost always 0, and seldom large. */
const SMALLEST_SHAPE = 0.15;

/**
 * Quantile of a gamma distribution by the cube-root approximation of Wilson and Hilferty: the cube root
 * of a gamma variable is nearly normal. Within 1 % for shapes above 5;
 * at shape 1 the 10 % quantile is 7 % off, the 90 % quantile 1 %.
 *
 * @param mean of the distribution, >= 0
 * @param variance of the distribution, >= 0; zero gives the mean
 * @param z standard normal quantile, for example 1.2816 for 0.9 and -1.2816 for 0.1
 * @returns >= 0; grows with `z`
 * @see https://en.wikipedia.org/wiki/Chi-squared_distribution#Cube-root_and_other_transformations
 * @see https://doi.org/10.1073/pnas.17.12.684 Wilson and Hilferty, 1931
 */
export function gammaQuantile(mean: number, variance: number, z: number): number {
  if (!(mean > 0)) return 0;
  if (!(variance > 0)) return mean;
  const shape = (mean * mean) / variance;
  if (shape < SMALLEST_SHAPE) {
    // All mass at 0 with a long tail: a straight line in z that meets the above where they change places.
    return z < 0 ? 0 : mean * (0.2 + (1.08 * z) / Math.sqrt(Math.max(shape, 0.02)));
  }
  return mean * Math.max(0, 1 - 1 / (9 * shape) + z / (3 * Math.sqrt(shape))) ** 3;
}

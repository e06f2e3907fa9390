/**
 * Burn rate: how many times faster than "exactly spent at the end of the period" the error budget
 * is being spent. 1 spends it exactly; 14.4 spends 2 % of a 30-day budget in one hour.
 *
 * @param bad bad requests of the window, in the unit of `total`
 * @param total all requests of the window
 * @param objective ratio in (0, 1), for example 0.999
 * @returns a ratio >= 0, or `null` when the window saw no request: no traffic is not good traffic
 * @see https://sre.google/workbook/alerting-on-slos/
 */
export function burnRate(bad: number, total: number, objective: number): number | null {
  if (!(total > 0)) return null;
  // Corrections may take away more errors than a window still holds.
  return Math.max(0, bad / total) / (1 - objective);
}

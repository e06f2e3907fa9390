import type { Complain } from "./period.ts";

/** Below it more requests may fail than not: almost surely a slip. */
const UNLIKELY = 0.5;

/** `target` or `targetPercent` of an objective as a ratio in (0, 1); null after a complaint. */
export function toTarget(
  raw: { readonly target?: number | undefined; readonly targetPercent?: number | undefined },
  complain: Complain,
  warn: Complain,
): number | null {
  const { target, targetPercent } = raw;
  if (target !== undefined && targetPercent !== undefined) {
    complain([], "must have target or targetPercent, found both");
    return null;
  }
  // 99.9 / 100 is 0.9990000000000001 in binary.
  const ratio =
    targetPercent === undefined ? target : Number((targetPercent / 100).toPrecision(12));
  if (ratio === undefined) {
    complain(["target"], "is missing; for example 0.999");
    return null;
  }
  const key = target === undefined ? "targetPercent" : "target";
  if (ratio > 0 && ratio <= 1 - 1e-9) {
    if (ratio < UNLIKELY) warn([key], unlikely(ratio, key));
    return ratio;
  }
  complain(
    [key],
    ratio > 0
      ? `must leave a budget of at least one request in a billion, found ${ratio}`
      : "must be above 0: a target of 0 lets every request fail",
  );
  return null;
}

/** A ratio where a percentage belongs, or the share that may fail where the share that must succeed belongs. */
function unlikely(ratio: number, key: "target" | "targetPercent"): string {
  const scale = key === "target" ? 1 : 100;
  const written = (value: number) => Number((value * scale).toPrecision(12));
  const asRatio = ratio * 100;
  const meant = asRatio >= UNLIKELY && asRatio < 1 ? asRatio : 1 - ratio;
  const guess = meant > 0.9 ? `; did you mean ${written(meant)}?` : "";
  const percent = Number((ratio * 100).toPrecision(12));
  return `is ${percent} %: more requests may fail than must succeed${guess}`;
}

import type { GateDecision } from "../../model/gate.ts";
import { SECOND, type UnixMs } from "../../model/time.ts";

/** Seconds on the data's clock. */
interface BurnLine {
  readonly t: number;
  readonly horizon_s: number;
  readonly burn: number;
  readonly lo: number;
  readonly hi: number;
  readonly level: number;
}

/** `tte_s`: seconds until the budget is spent; null: not within the period. */
interface ExhaustionLine {
  readonly t: number;
  readonly tte_s: number | null;
  readonly lo: number | null;
  readonly hi: number | null;
  readonly level: number;
}

/** What a decision forecasts: a line per horizon and level, and one per level for the exhaustion. */
export function forecastLines(decision: GateDecision): (BurnLine | ExhaustionLine)[] {
  const lines: (BurnLine | ExhaustionLine)[] = [];
  const now = decision.decidedAt;
  const t = now / SECOND;
  const { at, exhaustion } = decision.forecast;
  for (const [horizon_s, label] of [
    [3_600, "1h"],
    [86_400, "24h"],
  ] as const) {
    const f = at?.[label];
    if (f === undefined) continue;
    const { burn } = f;
    lines.push({ t, horizon_s, burn, lo: f.lo80, hi: f.hi80, level: 0.8 });
    lines.push({ t, horizon_s, burn, lo: f.lo95, hi: f.hi95, level: 0.95 });
  }
  if (exhaustion === null) return lines;
  const left = (at: UnixMs | null) => (at === null ? null : Math.max(0, at - now) / SECOND);
  const { expected, earliest, latest, earliest95, latest95 } = exhaustion;
  const tte_s = left(expected);
  lines.push({ t, tte_s, lo: left(earliest), hi: left(latest), level: 0.8 });
  lines.push({ t, tte_s, lo: left(earliest95), hi: left(latest95), level: 0.95 });
  return lines;
}

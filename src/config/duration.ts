import { DAY, type DurationMs, HOUR, MINUTE, SECOND } from "../model/time.ts";

export type DurationUnit = "ms" | "s" | "m" | "h" | "d" | "w" | "M" | "Q" | "Y";

/** `ms` is null for M, Q and Y, whose length depends on the calendar. */
export interface ParsedDuration {
  readonly count: number;
  readonly unit: DurationUnit;
  readonly ms: DurationMs | null;
}

export interface DurationFault {
  /** What is wrong, without the value: "must be a duration such as 300ms, 5m or 28d". */
  readonly fault: string;
}

/** Case matters as in OpenSLO: m is minutes, M months. */
const UNIT_MS: Readonly<Record<DurationUnit, DurationMs | null>> = {
  ms: 1,
  s: SECOND,
  m: MINUTE,
  h: HOUR,
  d: DAY,
  w: 7 * DAY,
  M: null,
  Q: null,
  Y: null,
};

/** At most 9 digits before the point, so that no length leaves the exact integers. */
export const DURATION_PATTERN = "^\\d{1,9}(\\.\\d{1,6})?(ms|s|m|h|d|w|M|Q|Y)$";
const DURATION = new RegExp(DURATION_PATTERN);

/**
 * Reads `300ms`, `5m`, `1.5h`, `28d`, `1M`. M, Q and Y take whole numbers only.
 *
 * @see https://github.com/OpenSLO/OpenSLO (durations are postfixed, case-sensitively)
 */
export function parseDuration(text: string): ParsedDuration | DurationFault {
  const match = DURATION.exec(text);
  if (match === null) return { fault: `must be a duration such as 300ms, 5m or 28d${hint(text)}` };
  const unit = match[2] as DurationUnit;
  // `match[1]` is the fraction inside the count, so the count is everything before the unit.
  const count = Number(text.slice(0, text.length - unit.length));
  const unitMs = UNIT_MS[unit];
  if (unitMs !== null) return { count, unit, ms: tidy(count * unitMs) };
  if (!Number.isInteger(count)) return { fault: `must be a whole number of ${unit}` };
  return { count, unit, ms: null };
}

/** As `parseDuration`, for places that need a length in milliseconds: M, Q and Y are faults. */
export function parseFixedDuration(text: string): { readonly ms: DurationMs } | DurationFault {
  const parsed = parseDuration(text);
  if ("fault" in parsed) return parsed;
  if (parsed.ms !== null) return { ms: parsed.ms };
  const minutes = parsed.unit === "M" ? `; ${parsed.count} minutes are ${parsed.count}m` : "";
  return { fault: `must have a fixed length: ms, s, m, h, d or w (M is months${minutes})` };
}

/** The shortest exact way to write a length: 3600000 -> "1h", 90000 -> "90s". */
export function formatDuration(ms: DurationMs): string {
  for (const unit of ["d", "h", "m", "s"] as const) {
    const unitMs = UNIT_MS[unit] as number;
    if (ms !== 0 && ms % unitMs === 0) return `${ms / unitMs}${unit}`;
  }
  return `${ms}ms`;
}

/** 0.1 h is 360000 ms and not 360000.00000000006. */
function tidy(ms: number): DurationMs {
  return Number(ms.toPrecision(15));
}

function hint(text: string): string {
  const trimmed = text.replace(/\s+/g, "");
  if (trimmed !== text && DURATION.test(trimmed)) return ` without blanks (${trimmed})`;
  if (/^\d+(\.\d+)?$/.test(trimmed)) return " (the unit is missing)";
  if (/^(\d+[a-zA-Z]+){2,}$/.test(trimmed)) return " with one unit (1h30m is 90m)";
  const lower = trimmed.toLowerCase();
  if (trimmed !== lower && DURATION.test(lower)) return ` (units are case-sensitive: ${lower})`;
  return "";
}

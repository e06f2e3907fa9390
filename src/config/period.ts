import { DateTime, IANAZone } from "luxon";
import type { z } from "zod";
import type { Budgeting, Period } from "../model/slo.ts";
import { DAY, type DurationMs } from "../model/time.ts";
import {
  DEFAULT_PERIOD,
  MAX_CALENDAR_PERIOD,
  MAX_ROLLING_PERIOD,
  MAX_SLICE,
  MIN_ROLLING_PERIOD,
  SLICE_STEP,
} from "./defaults.ts";
import { formatDuration, parseDuration, parseFixedDuration } from "./duration.ts";
import type { KeyPath } from "./problem.ts";
import { show } from "./problem.ts";
import type { METHODS, objective, timeWindow } from "./schema.ts";

type RawWindow = z.infer<typeof timeWindow>;
type RawObjective = z.infer<typeof objective>;
type CalendarPeriod = Extract<Period, { kind: "calendar" }>;

/** Reports a problem at a path below the part being read. */
export type Complain = (path: KeyPath, message: string) => void;

/** Nominal lengths, for thresholds and projections; real ones come from the calendar. */
const CALENDAR_UNITS: Readonly<Record<string, { unit: CalendarPeriod["unit"]; ms: DurationMs }>> = {
  d: { unit: "day", ms: DAY },
  w: { unit: "week", ms: 7 * DAY },
  M: { unit: "month", ms: 30 * DAY },
  Q: { unit: "quarter", ms: 91 * DAY },
  Y: { unit: "year", ms: 365 * DAY },
};

/** `spec.timeWindow[0]` as a period; null after a complaint. Absent: the default period. */
export function toPeriod(raw: RawWindow | null, complain: Complain): Period | null {
  if (raw === null) {
    const parsed = parseFixedDuration(DEFAULT_PERIOD);
    if ("fault" in parsed) throw new Error("unreachable: the default period is a duration");
    return { kind: "rolling", durationMs: parsed.ms, text: DEFAULT_PERIOD };
  }
  if (raw.calendar === undefined) return rolling(raw, complain);
  if (raw.isRolling === true) {
    complain(["calendar"], "must be absent when isRolling is true");
    return null;
  }
  return calendar(raw, raw.calendar, complain);
}

function rolling(raw: RawWindow, complain: Complain): Period | null {
  if (raw.isRolling === false) {
    complain(
      ["calendar"],
      "is missing: a window with isRolling false needs startTime and timeZone",
    );
    return null;
  }
  const parsed = parseFixedDuration(raw.duration);
  if ("fault" in parsed) {
    complain(
      ["duration"],
      `must have a fixed length when rolling, found ${show(raw.duration)}; write 28d or 30d, or a calendar`,
    );
    return null;
  }
  if (parsed.ms > MAX_ROLLING_PERIOD) {
    complain(
      ["duration"],
      `must be at most 31d, found ${raw.duration}: a rolling window forgets each hour exactly, and the hours of 31 days are kept; use a calendar window for longer periods`,
    );
    return null;
  }
  if (parsed.ms < MIN_ROLLING_PERIOD) {
    complain(["duration"], `must be at least 10m, found ${raw.duration}${monthTrap(raw.duration)}`);
    return null;
  }
  if (parsed.ms % SLICE_STEP !== 0) {
    complain(["duration"], `must be a multiple of 10s, found ${raw.duration}`);
    return null;
  }
  return { kind: "rolling", durationMs: parsed.ms, text: raw.duration };
}

function calendar(
  raw: RawWindow,
  { startTime, timeZone }: NonNullable<RawWindow["calendar"]>,
  complain: Complain,
): Period | null {
  const parsed = parseDuration(raw.duration);
  if ("fault" in parsed) return null;
  const length = CALENDAR_UNITS[parsed.unit];
  let sound = true;
  if (length === undefined || !Number.isInteger(parsed.count) || parsed.count < 1) {
    complain(
      ["duration"],
      `must be whole days, weeks, months, quarters or years (1d, 1w, 1M, 1Q, 1Y), found ${show(raw.duration)}`,
    );
    sound = false;
  } else if (parsed.count * length.ms > MAX_CALENDAR_PERIOD) {
    complain(["duration"], `must be at most a year, found ${raw.duration}`);
    sound = false;
  }
  const startLocal = localStart(startTime);
  if (startLocal === null) {
    complain(
      ["calendar", "startTime"],
      `must be a local time without zone such as "2026-01-01 00:00:00", found ${show(startTime)}`,
    );
  }
  if (!IANAZone.isValidZone(timeZone)) {
    complain(
      ["calendar", "timeZone"],
      `must be a time zone such as Europe/Berlin or UTC, found ${show(timeZone)}`,
    );
    sound = false;
  }
  if (!sound || length === undefined || startLocal === null) return null;
  return {
    kind: "calendar",
    count: parsed.count,
    unit: length.unit,
    startLocal,
    timeZone,
    durationMs: parsed.count * length.ms,
    text: raw.duration,
  };
}

/** "2026-01-01 00:00:00" -> "2026-01-01T00:00:00"; null when it is no such time or carries a zone. */
function localStart(text: string): string | null {
  const match = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2})(:\d{2})?)?$/.exec(text.trim());
  if (match === null) return null;
  const iso = `${match[1]}T${match[2] ?? "00:00"}${match[3] ?? ":00"}`;
  return DateTime.fromISO(iso, { zone: "utc" }).isValid ? iso : null;
}

/** How the budget is counted; null after a complaint. */
export function toBudgeting(
  method: (typeof METHODS)[number],
  raw: RawObjective,
  complain: Complain,
): Budgeting | null {
  const { timeSliceTarget, timeSliceWindow } = raw;
  if (method !== "Timeslices" && timeSliceTarget !== undefined) {
    complain(["timeSliceTarget"], `must be absent with budgetingMethod ${method}`);
    return null;
  }
  if (method === "Occurrences") {
    if (timeSliceWindow === undefined) return { method: "occurrences" };
    complain(["timeSliceWindow"], "must be absent with budgetingMethod Occurrences");
    return null;
  }
  const sliceMs = sliceLength(method, timeSliceWindow, complain);
  if (method === "RatioTimeslices") {
    return sliceMs === null ? null : { method: "ratio-timeslices", sliceMs };
  }
  if (timeSliceTarget === undefined) {
    complain(
      ["timeSliceTarget"],
      "is missing; budgetingMethod Timeslices needs the good ratio of a good slice, for example 0.95",
    );
    return null;
  }
  return sliceMs === null ? null : { method: "timeslices", sliceMs, sliceTarget: timeSliceTarget };
}

function sliceLength(
  method: string,
  text: string | undefined,
  complain: Complain,
): DurationMs | null {
  if (text === undefined) {
    complain(["timeSliceWindow"], `is missing; budgetingMethod ${method} needs it, for example 1m`);
    return null;
  }
  const parsed = parseFixedDuration(text);
  if ("fault" in parsed) {
    complain(["timeSliceWindow"], `${parsed.fault}, found ${show(text)}`);
    return null;
  }
  const { ms } = parsed;
  if (ms < SLICE_STEP || ms % SLICE_STEP !== 0 || ms > MAX_SLICE || MAX_SLICE % ms !== 0) {
    complain(
      ["timeSliceWindow"],
      `must be a multiple of 10s that divides the hour evenly (10s, 30s, 1m, 5m, 1h), found ${formatDuration(ms)}`,
    );
    return null;
  }
  return ms;
}

/** `1m` where a month was meant is the classic slip. */
function monthTrap(text: string): string {
  return text.endsWith("m") && !text.endsWith("ms") ? " (m is minutes; months are M)" : "";
}

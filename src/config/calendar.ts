import { DateTime } from "luxon";
import type { Period } from "../model/slo.ts";
import type { UnixMs } from "../model/time.ts";
import type { Calendar } from "../ports/calendar.ts";

type CalendarPeriod = Extract<Period, { kind: "calendar" }>;

/** Luxon's name and size of a step; a quarter is three months, so that month ends are kept alike. */
const STEPS = {
  day: { key: "days", size: 1, nominalDays: 1 },
  week: { key: "weeks", size: 1, nominalDays: 7 },
  month: { key: "months", size: 1, nominalDays: 30.436875 },
  quarter: { key: "months", size: 3, nominalDays: 91.310625 },
  year: { key: "months", size: 12, nominalDays: 365.2425 },
} as const;

const DAY_MS = 86_400_000;

/**
 * Calendar periods with luxon: boundaries are local times, so a day may have 23 or 25 hours, and a
 * period that starts on the 31st starts on the last day of shorter months. Before `startLocal` the
 * periods go on backwards. The last answer per period is remembered: engines ask every second.
 */
export function luxonCalendar(): Calendar {
  const last = new WeakMap<CalendarPeriod, { start: UnixMs; end: UnixMs }>();
  return {
    periodAt(period, now) {
      const known = last.get(period);
      if (known !== undefined && known.start <= now && now < known.end) return known;
      const found = findPeriod(period, now);
      last.set(period, found);
      return found;
    },
  };
}

function findPeriod(period: CalendarPeriod, now: UnixMs): { start: UnixMs; end: UnixMs } {
  const origin = DateTime.fromISO(period.startLocal, { zone: period.timeZone });
  if (!origin.isValid) throw new Error("unreachable: the start and zone were checked when read");
  const step = STEPS[period.unit];
  // Always counted from the origin: a month after Feb 28 would be Mar 28, two after Jan 31 is Mar 31.
  const boundary = (index: number): UnixMs =>
    origin.plus({ [step.key]: index * step.size * period.count }).toMillis();
  const lengthMs = step.nominalDays * period.count * DAY_MS;
  // The estimate is off by one period at most: months differ by days, summed from the origin they do not drift.
  let index = Math.floor((now - origin.toMillis()) / lengthMs);
  while (boundary(index) > now) index--;
  while (boundary(index + 1) <= now) index++;
  return { start: boundary(index), end: boundary(index + 1) };
}

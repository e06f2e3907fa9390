import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { luxonCalendar } from "../../../src/config/calendar.ts";
import type { Period } from "../../../src/model/slo.ts";
import { HOUR } from "../../../src/model/time.ts";

type CalendarPeriod = Extract<Period, { kind: "calendar" }>;

function period(
  unit: CalendarPeriod["unit"],
  startLocal: string,
  timeZone = "Europe/Berlin",
  count = 1,
): CalendarPeriod {
  return { kind: "calendar", unit, count, startLocal, timeZone, durationMs: 0, text: "" };
}

function at(calendarPeriod: CalendarPeriod, now: string): [string, string] {
  const { start, end } = luxonCalendar().periodAt(calendarPeriod, Date.parse(now));
  return [new Date(start).toISOString(), new Date(end).toISOString()];
}

describe("luxonCalendar", () => {
  it("begins months at local midnight, in summer and winter", () => {
    const month = period("month", "2026-01-01T00:00:00");
    // Berlin is UTC+1 until 2026-03-29, then UTC+2
    expect(at(month, "2026-03-15T00:00:00Z")).toEqual([
      "2026-02-28T23:00:00.000Z",
      "2026-03-31T22:00:00.000Z",
    ]);
  });

  it("has days of 23 and 25 hours when the clocks change", () => {
    const day = period("day", "2026-01-01T00:00:00");
    const hours = (now: string) => {
      const { start, end } = luxonCalendar().periodAt(day, Date.parse(now));
      return (end - start) / HOUR;
    };
    expect(hours("2026-03-29T12:00:00Z")).toBe(23);
    expect(hours("2026-10-25T12:00:00Z")).toBe(25);
    expect(hours("2026-06-01T12:00:00Z")).toBe(24);
  });

  it("keeps the last day of the month as the boundary, however short February is", () => {
    const month = period("month", "2026-01-31T00:00:00", "UTC");
    expect(at(month, "2026-02-10T00:00:00Z")).toEqual([
      "2026-01-31T00:00:00.000Z",
      "2026-02-28T00:00:00.000Z",
    ]);
    expect(at(month, "2026-03-10T00:00:00Z")).toEqual([
      "2026-02-28T00:00:00.000Z",
      "2026-03-31T00:00:00.000Z",
    ]);
  });

  it("counts several units from the start", () => {
    const fortnight = period("week", "2026-01-05T00:00:00", "UTC", 2);
    expect(at(fortnight, "2026-01-20T00:00:00Z")).toEqual([
      "2026-01-19T00:00:00.000Z",
      "2026-02-02T00:00:00.000Z",
    ]);
    const quarter = period("quarter", "2026-01-01T00:00:00", "UTC");
    expect(at(quarter, "2026-05-05T00:00:00Z")).toEqual([
      "2026-04-01T00:00:00.000Z",
      "2026-07-01T00:00:00.000Z",
    ]);
    const year = period("year", "2024-02-29T00:00:00", "UTC");
    expect(at(year, "2027-06-01T00:00:00Z")).toEqual([
      "2027-02-28T00:00:00.000Z",
      "2028-02-29T00:00:00.000Z",
    ]);
  });

  it("goes on backwards before the start", () => {
    const month = period("month", "2026-01-01T00:00:00", "UTC");
    expect(at(month, "2025-11-15T00:00:00Z")).toEqual([
      "2025-11-01T00:00:00.000Z",
      "2025-12-01T00:00:00.000Z",
    ]);
  });

  it("includes the start and excludes the end, also when the answer is remembered", () => {
    const month = period("month", "2026-01-01T00:00:00", "UTC");
    const calendar = luxonCalendar();
    const january = calendar.periodAt(month, Date.parse("2026-01-01T00:00:00Z"));
    expect(calendar.periodAt(month, january.end - 1)).toEqual(january);
    expect(calendar.periodAt(month, january.end).start).toBe(january.end);
  });

  it("covers all time without gap or overlap, in every unit and zone", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("day", "week", "month", "quarter", "year" as const),
        fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: Date.parse("2015-01-01"), max: Date.parse("2040-01-01") }),
        (unit, zone, count, now) => {
          const calendarPeriod = period(unit, "2026-01-31T02:30:00", zone, count);
          const { start, end } = luxonCalendar().periodAt(calendarPeriod, now);
          expect(start).toBeLessThanOrEqual(now);
          expect(end).toBeGreaterThan(now);
          expect(luxonCalendar().periodAt(calendarPeriod, end).start).toBe(end);
          expect(luxonCalendar().periodAt(calendarPeriod, start - 1).end).toBe(start);
        },
      ),
      { numRuns: 300 },
    );
  });
});

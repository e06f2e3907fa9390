import { DAY, SECOND, type UnixMs } from "../../model/time.ts";
import { measured } from "../../publish/message.ts";
import { spell } from "../words.ts";
import type { ReplaySummary } from "./player.ts";

/** Times and counts are what they are, also where they are no whole numbers. */
const EXACT: readonly string[] = ["t", "firstClosedAt", "total", "bad"];
/** September 2001: counts from before are taken for counts on a clock of their own, that begins at zero. */
const EARLIEST_DATE = 1e9 * SECOND;

/** A line for pipes: measured numbers with six significant digits, as the API gives them. */
export function jsonLine(value: object): string {
  return JSON.stringify(value, (key, field: unknown) =>
    typeof field !== "number" || Number.isInteger(field) || EXACT.includes(key)
      ? field
      : measured(field),
  );
}

/** A time of the data for people: `2026-05-04 10:00:37Z`, or `day 0 10:00:37Z` of counts that do not say their date. */
export function timeText(at: UnixMs): string {
  const time = new Date(at).toISOString();
  const day = at < EARLIEST_DATE ? `day ${Math.floor(at / DAY)}` : time.slice(0, 10);
  return `${day} ${time.slice(11, 19)}Z`;
}

/** What a replay comes to, in a sentence. */
export function summaryLine(summary: Omit<ReplaySummary, "remainingAtFirstClosing">): string {
  const { rows, duplicates, closings, firstClosedAt, budgetRemaining } = summary;
  const parts = [
    `${named(rows, "row")}${duplicates === 0 ? "" : `, ${named(duplicates, "duplicate")}`}`,
    `${count(summary.bad)} bad of ${count(summary.total)}`,
    firstClosedAt === null
      ? "never closed"
      : `closed ${closings === 1 ? "once" : `${closings} times`} for ${spell(summary.closedSeconds * SECOND)}, first at ${timeText(firstClosedAt * SECOND)}`,
    ...(budgetRemaining === null
      ? []
      : [`${Number((100 * budgetRemaining).toPrecision(3))} % of the error budget is left`]),
    `${summary.state} at the end`,
  ];
  return `${summary.slo}: ${parts.join("; ")}`;
}

function named(many: number, what: string): string {
  return `${count(many)} ${what}${many === 1 ? "" : "s"}`;
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

import type { DecisionMessage, Rfc3339 } from "../model/decision-message.ts";
import type { GateStateName } from "../model/gate.ts";
import type { DurationMs, UnixMs } from "../model/time.ts";
import { singleLine } from "../publish/sentence.ts";

/** How states look on a terminal: a shape for those who see no colour, and in pipes. */
export const STATE_SHAPE: Readonly<Record<GateStateName, string>> = {
  open: "○",
  closed: "■",
  unknown: "?",
};
export const STATE_COLOUR: Readonly<Record<GateStateName, string>> = {
  open: "\u001b[32m",
  closed: "\u001b[31m",
  unknown: "\u001b[33m",
};
export const RESET = "\u001b[0m";

/** A length for people: `45 s`, `12 min`, `1 h 19 min`, `3 d 4 h`; nothing negative. */
export function spell(ms: DurationMs): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return hours % 24 === 0 ? `${hours / 24} d` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** NaN-free: null for what is no time. */
export function instant(text: Rfc3339 | null): UnixMs | null {
  const at = Date.parse(text ?? "");
  return Number.isNaN(at) ? null : at;
}

/** A decision past its time, or without one, says nothing any more. */
export function isExpired(d: DecisionMessage, now: UnixMs): boolean {
  const validUntil = instant(d.validUntil);
  return validUntil === null || validUntil <= now;
}

/**
 * What comes next: `; expected to open in 1 h 19 min (11:20:00Z)` of a closed gate whose message does not say it, `; the override
 * ends in 2 h (12:00:00Z)`, or nothing.
 */
function whatIsNext(d: DecisionMessage, now: UnixMs): string {
  if (d.override !== null && d.reason === "override") {
    return inWhich("the override ends", d.override.expiresAt, now);
  }
  const expected = d.reopen?.expected ?? null;
  if (d.state !== "closed" || expected === null) return "";
  return d.message.includes(`opens at ${timeOfDay(expected)}`)
    ? ""
    : inWhich("expected to open", expected, now);
}

function inWhich(what: string, text: Rfc3339 | null, now: UnixMs): string {
  const at = instant(text);
  return at === null || text === null ? "" : `; ${what} in ${spell(at - now)} (${timeOfDay(text)})`;
}

/** `11:20:00Z`, of UTC. */
function timeOfDay(text: Rfc3339): string {
  return `${text.slice(11, 19)}Z`;
}

/** `payment-availability: closed (fast-burn): burn rate 41.2 over 5m ...; expected to open in ...`. */
export function gateLine(d: DecisionMessage, now: UnixMs): string {
  const notes: string[] = [];
  if (d.mode === "shadow" && d.state !== "open") notes.push("shadow mode: allowed all the same");
  else if (d.allowed && d.state !== "open") notes.push("allowed");
  else if (!d.allowed && d.state !== "closed") notes.push("not allowed");
  const note = notes.length === 0 ? "" : `, ${notes.join(", ")}`;
  return `${d.slo}: ${d.state} (${singleLine(d.reason)}${note}): ${singleLine(d.message)}${whatIsNext(d, now)}`;
}

import { type DurationMs, HOUR, MINUTE, SECOND } from "../model/time.ts";
import { type BurnWindow, type BurnWindowPair, SRE_WORKBOOK_PAIRS } from "../model/window.ts";
import { MAX_BURN_WINDOW, MIN_BURN_WINDOW, MIN_DEFAULT_THRESHOLD } from "./defaults.ts";
import { formatDuration, parseFixedDuration } from "./duration.ts";
import { show } from "./problem.ts";

/** More pairs than the workbook has conditions add cost, not safety. */
const MAX_PAIRS = 8;

export interface PairsResult {
  readonly pairs: readonly BurnWindowPair[];
  /** One sentence per pair left out or not usable. */
  readonly notes: readonly string[];
}

/**
 * The workbook's pairs for this period. A pair is left out, with a note, when its threshold cannot be
 * reached, its long window does not fit the period, or the period is so short that its threshold would
 * forbid a burn the budget can bear.
 *
 * @param objective ratio in (0, 1)
 */
export function defaultPairs(periodMs: DurationMs, objective: number): PairsResult {
  const pairs: BurnWindowPair[] = [];
  const notes: string[] = [];
  for (const { short, long, budgetShare } of SRE_WORKBOOK_PAIRS) {
    // 2 % of 28 d within 1 h: 0.02 * 672 = 13.44; rounded, as 0.02 * 672 is not 13.44 in binary.
    const threshold = rounded((budgetShare * periodMs) / long.durationMs);
    const name = `the default burn windows ${short.label}/${long.label} are left out`;
    if (long.durationMs > periodMs) {
      notes.push(`${name}: ${long.label} is longer than the period`);
    } else if (threshold < MIN_DEFAULT_THRESHOLD) {
      notes.push(
        `${name}: their threshold ${threshold.toPrecision(3)} would forbid a burn this period can bear`,
      );
    } else if (threshold > maxBurn(objective)) {
      notes.push(
        `${name}: burn ${threshold} cannot be reached, all requests failing is ${maxBurn(objective)}`,
      );
    } else pairs.push({ short, long, threshold });
  }
  if (pairs.length === 0) {
    notes.push(
      "no burn windows are left, so only an exhausted budget closes this gate; " +
        'set the annotation slogate.dev/windows, for example "5m/1h>2"',
    );
  }
  return { pairs, notes };
}

/**
 * Reads `5m/1h>14.4, 30m/6h>6`.
 *
 * @returns the pairs, and in `notes` every fault
 */
export function parsePairs(text: string, periodMs: DurationMs, objective: number): PairsResult {
  const pairs: BurnWindowPair[] = [];
  const notes: string[] = [];
  const seen = new Set<string>();
  const parts = text.split(",");
  if (parts.length > MAX_PAIRS) {
    return { pairs, notes: [`must be at most ${MAX_PAIRS} pairs, found ${parts.length}`] };
  }
  for (const part of parts) {
    const match = /^\s*([^/>\s]+)\s*\/\s*([^/>\s]+)\s*>\s*(\d+(?:\.\d+)?)\s*$/.exec(part);
    if (match === null) {
      notes.push(`must be pairs such as "5m/1h>14.4, 30m/6h>6", found ${show(part.trim())}`);
      continue;
    }
    const short = burnWindow(match[1] ?? "");
    const long = burnWindow(match[2] ?? "");
    if (typeof short === "string") notes.push(short);
    if (typeof long === "string") notes.push(long);
    if (typeof short === "string" || typeof long === "string") continue;
    const pair = { short, long, threshold: Number(match[3]) };
    const fault = pairFault(pair, periodMs, objective);
    const name = `${short.label}/${long.label}`;
    if (fault !== null) notes.push(fault);
    else if (seen.has(name)) notes.push(`must name each pair once, found ${name} twice`);
    else pairs.push(pair);
    seen.add(name);
  }
  return { pairs, notes };
}

/**
 * The pair an OpenSLO burn-rate condition stands for: its `lookbackWindow` is the long window, the short
 * one a twelfth of it, as in the workbook.
 */
export function pairForLookback(lookback: string, threshold: number): BurnWindowPair | string {
  const long = burnWindow(lookback);
  if (typeof long === "string") return long;
  const twelfth = long.durationMs / 12;
  const step = stepOf(twelfth);
  const shortMs = Math.max(MIN_BURN_WINDOW, Math.round(twelfth / step) * step);
  return { short: { label: formatDuration(shortMs), durationMs: shortMs }, long, threshold };
}

/** Why a pair the user wrote cannot work, or null. */
export function pairFault(
  pair: BurnWindowPair,
  periodMs: DurationMs,
  objective: number,
): string | null {
  const { short, long, threshold } = pair;
  const name = `${short.label}/${long.label}`;
  if (short.durationMs >= long.durationMs) {
    return `must have the shorter window first, found ${name}`;
  }
  if (long.durationMs > periodMs) {
    return `must have windows within the period, found ${long.label} in ${formatDuration(periodMs)}`;
  }
  if (!(threshold > 0)) return `must have thresholds above 0, found ${threshold}`;
  if (threshold > maxBurn(objective)) {
    return (
      `must have thresholds that can be reached, found ${threshold}: with objective ${objective} ` +
      `all requests failing is burn ${maxBurn(objective)}`
    );
  }
  return null;
}

/** The burn rate at which every request fails. */
function maxBurn(objective: number): number {
  return rounded(1 / (1 - objective));
}

/** A window by its shortest name ("60m" is "1h"), or what is wrong with it. */
function burnWindow(text: string): BurnWindow | string {
  const parsed = parseFixedDuration(text);
  if ("fault" in parsed) return `${parsed.fault}, found ${show(text)}`;
  const { ms } = parsed;
  if (ms < MIN_BURN_WINDOW || ms > MAX_BURN_WINDOW) {
    return `must have windows from 10s to 3d, found ${text}`;
  }
  const step = stepOf(ms);
  if (ms % step !== 0) {
    return `must have windows in whole steps of ${formatDuration(step)} at this length, found ${text}`;
  }
  return { label: formatDuration(ms), durationMs: ms };
}

/** The rings keep 300 x 1 s, 360 x 10 s, 360 x 1 min and 864 x 5 min; a window moves in its ring's step. */
function stepOf(ms: DurationMs): DurationMs {
  if (ms <= 5 * MINUTE) return SECOND;
  if (ms <= HOUR) return 10 * SECOND;
  return ms <= 6 * HOUR ? MINUTE : 5 * MINUTE;
}

function rounded(ratio: number): number {
  return Number(ratio.toPrecision(15));
}

import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** More than requests hold outside the heap at any one time. */
const ROOM_BYTES = 48 * 1024 * 1024;
/** Of what the heap holds: with less room plain requests cost a tenth more, with more of it memory grows for nothing. */
const MOST_PERCENT = 80;
const LEAST_PERCENT = 15;

/** To be called before the program is loaded: loading it lets the young generation grow, and it does not shrink again. */
export function setHeapFlags(): void {
  // Requests are garbage as soon as they are counted. A young generation that grows leaves the CPU's cache: kept at
  // its first size, bench/receive.bench.ts takes in two thirds more spans per CPU second.
  setFlagsFromString("--semi-space-growth-factor=1");
}

/**
 * To be called once everything stored is back: what it was read from, and what it was made of on the way, is a third of the
 * memory of a start with thousands of SLOs, and would be there until the heap has grown by as much again.
 */
export function dropGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("globalThis.gc");
  if (typeof collect === "function") collect();
  setFlagsFromString("--no-expose-gc");
}

/**
 * To be called once everything is loaded. What requests hold outside the heap counts as growth of the old generation: a
 * small heap would be looked at as a whole for every ten megabytes received. It gets room for that, and no more, since a
 * large heap has thousands of SLOs to look at.
 */
export function giveHeapRoom(): void {
  const { used_heap_size: used } = getHeapStatistics();
  const percent = Math.min(MOST_PERCENT, Math.max(LEAST_PERCENT, (100 * ROOM_BYTES) / used));
  setFlagsFromString(`--heap-growing-percent=${Math.round(percent)}`);
}

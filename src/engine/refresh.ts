import type { UnixSecond } from "../model/time.ts";

/** Every SLO's state is sent again this often, so that readers see it well before `validUntil`. */
const REFRESH_S = 10;
/** A tick must not take long: of more SLOs than this, a new term sends the first decisions over some seconds. */
const AT_ONCE = 1_000;

/** When an SLO's state is sent again after `second`. Each has its own second of ten, so that none has to send them all. */
export function nextRefresh(second: UnixSecond, column: number): UnixSecond {
  return second + REFRESH_S - ((second + column) % REFRESH_S);
}

/** When a term that begins in `second` sends an SLO's state first: at once, or its second of the first ones. */
export function firstRefresh(second: UnixSecond, column: number, columns: number): UnixSecond {
  const seconds = Math.min(REFRESH_S, Math.ceil(columns / AT_ONCE));
  return second + ((nextRefresh(second - 1, column) - second) % seconds);
}

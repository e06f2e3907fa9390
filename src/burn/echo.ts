import { ECHO, ECHO_BINS, ECHO_SINCE } from "./row.ts";

const DAY_S = 86_400;
/** A quarter of an hour. */
const BIN_S = DAY_S / ECHO_BINS;
/** Share that is left after a day: half after four. */
const KEEP_PER_DAY = 0.5 ** (1 / 4);
/** What healed yesterday may come a little larger today. */
const LARGER = 1.6;
/** No excuse is worth more than this, burn-minutes: 0.15 % of a 28-day budget. */
export const MOST_ECHO = 60;

/**
 * A batch at night comes again at the same time: what has healed by itself, and was not worth a closing, raises the floor of
 * that time of day, a quarter of an hour either way, and of no other. It is forgotten by half in four days.
 */
export function echo(row: Float64Array, second: number): number {
  const bin = binOf(second);
  return isOfAnotherDay(row, bin, second) ? row[ECHO + bin]! : 0;
}

/** Trouble from `since` to `until` has cost so many burn-minutes, and is over. */
export function rememberEcho(
  row: Float64Array,
  since: number,
  until: number,
  burnMinutes: number,
): void {
  if (!(burnMinutes > 0) || burnMinutes > MOST_ECHO) return;
  const floor = Math.min(MOST_ECHO, LARGER * burnMinutes);
  const from = Math.floor(since / BIN_S) - 1;
  const to = Math.min(from + ECHO_BINS - 1, Math.floor(until / BIN_S) + 1);
  for (let quarter = from; quarter <= to; quarter++) {
    const bin = ((quarter % ECHO_BINS) + ECHO_BINS) % ECHO_BINS;
    const stands = row[ECHO + bin]! > 0 && isOfAnotherDay(row, bin, until);
    if (!stands) row[ECHO_SINCE + bin] = until;
    row[ECHO + bin] = Math.max(row[ECHO + bin]!, floor);
  }
}

/** Once a tick: the quarter of an hour that ends has been lived through once more. */
export function fadeEcho(row: Float64Array, before: number, second: number): void {
  if (binOf(before) !== binOf(second)) row[ECHO + binOf(before)]! *= KEEP_PER_DAY;
}

/** What was learned today says nothing of today: a trouble that comes and goes is not its own excuse. */
function isOfAnotherDay(row: Float64Array, bin: number, second: number): boolean {
  return second - row[ECHO_SINCE + bin]! > DAY_S / 2;
}

function binOf(second: number): number {
  return Math.floor((((second % DAY_S) + DAY_S) % DAY_S) / BIN_S);
}

import type { UnixMs } from "../model/time.ts";

/** The wall clock; only the commands build the real one. */
export interface Clock {
  now(): UnixMs;
}

import type { UnixMs } from "../model/time.ts";

/** The wall clock; only `main.ts` builds the real one. */
export interface Clock {
  now(): UnixMs;
}

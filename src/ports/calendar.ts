import type { Period } from "../model/slo.ts";
import type { UnixMs } from "../model/time.ts";

/** Calendar arithmetic with time zones, which the pure folders must not do themselves. */
export interface Calendar {
  /** The calendar period that contains `now`: start inclusive, end exclusive. */
  periodAt(
    period: Extract<Period, { kind: "calendar" }>,
    now: UnixMs,
  ): { start: UnixMs; end: UnixMs };
}

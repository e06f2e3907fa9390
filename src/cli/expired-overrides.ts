import type { Override } from "../model/gate.ts";
import type { ChangeLog } from "../ports/change-log.ts";
import type { Log } from "../ports/log.ts";

/** What the log needs to know of the gates. */
interface OverrideSource {
  readonly leads: boolean;
  overrides(): readonly Override[];
}

/**
 * Says in the log that an override has ended by its expiry, as its beginning is said by whoever asks for it. Only the
 * leader does: it alone hears that an override was cleared.
 *
 * @param next is told of everything
 */
export function logsExpiredOverrides(next: ChangeLog, gates: OverrideSource, log: Log): ChangeLog {
  const inForce = new Map(gates.overrides().map((override) => [override.slo, override]));
  return {
    ticked: (now, ...heard) => {
      next.ticked(now, ...heard);
      for (const { slo, state, author, reason, expiresAt } of inForce.values()) {
        if (now < expiresAt) continue;
        inForce.delete(slo);
        if (gates.leads) log.warn("override expired", { slo, state, author, reason });
      }
    },
    placed: (placements, now) => next.placed(placements, now),
    overridden: (slo, override) => {
      next.overridden(slo, override);
      if (override === null) inForce.delete(slo);
      else inForce.set(slo, override);
    },
  };
}

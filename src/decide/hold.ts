import type { GatePolicy } from "../model/gate.ts";
import { type DurationMs, HOUR, MINUTE, type UnixMs } from "../model/time.ts";
import type { Findings, GateState } from "./state.ts";

/** A closing this soon after the last opening is a relapse: the gate had opened in a pause of the same trouble. */
const RELAPSE_MS = 2 * HOUR;
/** A pause that had passed for recovery must be outlasted so many times. */
const OUTLAST_PAUSE = 3;
/** Trouble of up to so long is left after `keep-closed-for`; after twice as long recovery must last twice as long. */
const LONG_TROUBLE_MS = 30 * MINUTE;
const MOST_FOR_LENGTH = 2;
/** Beyond this a gate would stand in the way of work rather than of trouble. */
const MAX_HOLD_MS = 45 * MINUTE;

/** How long recovery must last when burn closes the gate at `now`, as far as that is known then. */
export function holdAfterClosing(
  state: Pick<GateState, "lastOpenedAt" | "holdMs">,
  policy: Pick<GatePolicy, "keepClosedForMs">,
  now: UnixMs,
): DurationMs {
  const { lastOpenedAt, holdMs } = state;
  if (lastOpenedAt === null || now - lastOpenedAt >= RELAPSE_MS) return policy.keepClosedForMs;
  // What looked like recovery began one hold before the opening.
  return bounded(OUTLAST_PAUSE * (now - lastOpenedAt + holdMs), policy);
}

/**
 * How long recovery must last by what has been seen of the trouble when it seems over. What comes and goes is told from
 * what is over by outlasting its pauses, whether the gate had opened in them or not; what went on for long may come back later
 * than a blip does. Silence counts as trouble: nobody knew whether it was over.
 *
 * @param calmSince when it began to seem over
 */
export function holdAfterTrouble(
  trouble: Pick<Findings, "troubleSince" | "longestPauseMs">,
  calmSince: UnixMs,
  policy: Pick<GatePolicy, "keepClosedForMs">,
): DurationMs {
  const longer = Math.min(MOST_FOR_LENGTH, (calmSince - trouble.troubleSince) / LONG_TROUBLE_MS);
  return bounded(
    Math.max(longer * policy.keepClosedForMs, OUTLAST_PAUSE * trouble.longestPauseMs),
    policy,
  );
}

/** The longest pause that such a hold is to outlast; 0 when it is not there for a pause. */
export function seemedWellMs(
  holdMs: DurationMs,
  { keepClosedForMs }: Pick<GatePolicy, "keepClosedForMs">,
): DurationMs {
  return holdMs > MOST_FOR_LENGTH * keepClosedForMs ? holdMs / OUTLAST_PAUSE : 0;
}

/** From `keep-closed-for` to 45 minutes. */
function bounded(
  holdMs: DurationMs,
  { keepClosedForMs }: Pick<GatePolicy, "keepClosedForMs">,
): DurationMs {
  return Math.min(Math.max(holdMs, keepClosedForMs), Math.max(MAX_HOLD_MS, keepClosedForMs));
}

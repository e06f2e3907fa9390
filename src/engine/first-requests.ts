import { burnRate } from "../burn/rate.ts";
import { tuningFor } from "../burn/tuning.ts";
import type { GatePolicy } from "../model/gate.ts";
import { HOUR, MINUTE } from "../model/time.ts";
import type { Track } from "./track.ts";
import { placeOf } from "./watch-for.ts";

/**
 * Whether what was heard lately burns so much that more of it would close the gate: too few requests to close on are
 * too few to open on, too. Not of data whose ratio is not trusted, and not once burn has closed the gate: from then
 * on recovery is to be proven.
 */
export function burnsSoFar(track: Track): boolean {
  const { slo, gate, burnWindows } = track;
  if (slo.sampledUpstream || gate.burnClosed !== null) return false;
  const short = placeOf(burnWindows, 5 * MINUTE);
  // A long time slice lies before the last five minutes.
  const window = track.total(short) > 0 ? short : placeOf(burnWindows, HOUR);
  const burn = burnRate(track.bad(window), track.total(window), slo.objective);
  return burn !== null && burn >= closingBurn(slo.policy);
}

/** The least burn that closes the gate in its first minutes; by windows the fastest pair speaks for them. */
function closingBurn(policy: GatePolicy): number {
  if (policy.detector === "sequential") return Math.min(...tuningFor(policy).alternatives);
  const fastest = Math.min(...policy.pairs.map(({ long }) => long.durationMs));
  const pairs = policy.pairs.filter(({ long }) => long.durationMs === fastest);
  return Math.min(...pairs.map(({ threshold }) => threshold));
}

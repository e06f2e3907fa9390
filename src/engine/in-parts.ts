import type { GateDecision } from "../model/gate.ts";
import type { GateReader } from "../ports/gate-reader.ts";

/** A part takes some milliseconds: to decide, and for the caller to put it into words. */
const PART = 100;

/** Every SLO's present decision, in order of name; see `GateReader.inParts`. One that is removed meanwhile is left out. */
export async function* inParts(
  gates: Pick<GateReader, "names" | "get">,
): AsyncGenerator<readonly GateDecision[]> {
  const names = gates.names();
  for (let from = 0; from < names.length; from += PART) {
    yield names.slice(from, from + PART).flatMap((name) => gates.get(name) ?? []);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

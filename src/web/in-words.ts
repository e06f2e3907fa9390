import type { DecisionMessage } from "../model/decision-message.ts";
import type { GateDecision } from "../model/gate.ts";
import type { GateReader } from "../ports/gate-reader.ts";

/** Every SLO's present decision as JSON, part by part: thousands of them must hold up neither ticks nor requests. */
export async function allInWords({
  reader,
  message,
}: {
  readonly reader: Pick<GateReader, "inParts">;
  readonly message: (decision: GateDecision) => DecisionMessage;
}): Promise<{ slo: string; json: string }[]> {
  const present: { slo: string; json: string }[] = [];
  for await (const decisions of reader.inParts()) {
    for (const d of decisions) present.push({ slo: d.slo, json: JSON.stringify(message(d)) });
  }
  return present;
}

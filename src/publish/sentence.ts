import type { DecisionMessage } from "../model/decision-message.ts";

/** A decision in one line for people: `10:00:07Z payment-availability CLOSED (fast-burn): burn rate ...`. */
export function decisionSentence(d: DecisionMessage): string {
  const time = d.decidedAt === null ? "" : `${d.decidedAt.slice(11)} `;
  return `${time}${d.slo} ${d.state.toUpperCase()} (${d.reason})${remark(d)}: ${singleLine(d.message)}`;
}

/** Control characters (an override's reason may hold any) must neither break the line nor drive the terminal. */
export function singleLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: taking them out is the purpose
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ");
}

/** What `allowed` says, where the state alone would mislead. */
function remark(d: DecisionMessage): string {
  if (d.mode === "shadow" && d.state !== "open") return " [shadow: allowed all the same]";
  if (d.state === "unknown") return d.allowed ? " [allowed]" : " [not allowed]";
  if (d.state === "closed" && d.allowed) return " [allowed]";
  return "";
}

import type { GateDecision, GateStateName } from "../model/gate.ts";

const STATES: readonly GateStateName[] = ["open", "closed", "unknown"];

interface Family {
  readonly name: string;
  readonly help: string;
  text: string;
}

/**
 * The gauges of all gates in the text format 0.0.4, straight from the present decisions: a removed SLO
 * leaves no series behind, and a gauge is absent, not 0, while its value is unknown. Rendered here and not
 * through the metrics library: ten thousand SLOs have some 150,000 series, whose objects would be made and
 * thrown away at every scrape.
 */
export async function gateExposition(
  parts: AsyncIterable<readonly GateDecision[]>,
): Promise<string> {
  const open = family("slogate_gate_open", "1 while the gate is open, 0 while closed or unknown.");
  const allowed = family("slogate_gate_allowed", "1 while a rollout may go on.");
  const state = family("slogate_gate_state", "1 for the gate's present state, 0 for the others.");
  const shadow = family("slogate_gate_shadow", "1 when the gate decides without enforcing.");
  const since = family("slogate_gate_since_seconds", "Unix time of the last change of state.");
  const sequence = family("slogate_decision_sequence", "Number of the last transition.");
  const validUntil = family(
    "slogate_decision_valid_until_seconds",
    "Unix time after which the decision counts as unknown.",
  );
  const burn = family("slogate_burn_rate", "Burn rate over the window; absent without requests.");
  const remaining = family(
    "slogate_error_budget_remaining_ratio",
    "Share of the period's error budget that is left; negative when overspent.",
  );
  const exhaustion = family(
    "slogate_error_budget_exhaustion_seconds",
    "Unix time at which the budget is expected to be spent; absent when not within the period.",
  );
  const addOne = (d: GateDecision): void => {
    const labels = `slo="${escaped(d.slo)}",service="${escaped(d.service)}"`;
    add(open, labels, d.state === "open" ? 1 : 0);
    add(allowed, labels, d.allowed ? 1 : 0);
    for (const name of STATES) add(state, `${labels},state="${name}"`, d.state === name ? 1 : 0);
    add(shadow, labels, d.mode === "shadow" ? 1 : 0);
    add(since, labels, d.since / 1000);
    add(sequence, labels, d.sequence);
    add(validUntil, labels, d.validUntil / 1000);
    for (const [window, rate] of Object.entries(d.burn))
      add(burn, `${labels},window="${escaped(window)}"`, rate);
    add(remaining, labels, d.budget.remaining);
    const expected = d.forecast.exhaustion?.expected ?? null;
    add(exhaustion, labels, expected === null ? null : expected / 1000);
  };
  for await (const decisions of parts) for (const decision of decisions) addOne(decision);
  return [open, allowed, state, shadow, since, sequence, validUntil, burn, remaining, exhaustion]
    .map((f) => `# HELP ${f.name} ${f.help}\n# TYPE ${f.name} gauge\n${f.text}`)
    .join("");
}

/**
 * An exposition in OpenMetrics 1.0: a counter's family is named without `_total`, and there are no empty lines; `# EOF`
 * is to follow the last one. Every counter of the input must end in `_total`.
 *
 * @see https://prometheus.io/docs/specs/om/open_metrics_spec/
 */
export function toOpenMetrics(text: string): string {
  const counters = new Set<string>();
  for (const [, name] of text.matchAll(/^# TYPE (\S+)_total counter$/gm)) counters.add(name ?? "");
  const lines = text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const match = /^(# (?:HELP|TYPE) )(\S+)_total /.exec(line);
      if (match === null || !counters.has(match[2] ?? "")) return line;
      return `${match[1]}${match[2]} ${line.slice(match[0].length)}`;
    });
  return `${lines.join("\n")}\n`;
}

function family(name: string, help: string): Family {
  return { name, help, text: "" };
}

function add(f: Family, labels: string, value: number | null): void {
  if (value === null || !Number.isFinite(value)) return;
  f.text += `${f.name}{${labels}} ${value}\n`;
}

function escaped(value: string): string {
  return value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}

import { DAY_S, type Incident, type Scenario, type Span, TICK_S } from "./scenario.ts";

/** A closing so soon after a trouble belongs to it. */
const GRACE_S = 600;

/** The gate was closed from `closed` to `opened`; seconds on the scenario's clock. */
export interface Closing {
  readonly closed: number;
  readonly opened: number;
}

/** What one gate did in one incident. */
export interface IncidentScore {
  readonly missed: boolean;
  /** From its start, and from true burn 2, to the closing; to its end when there was none. */
  readonly delayS: number;
  readonly actionableDelayS: number;
  /** Share of its errors that were served while the gate was open. */
  readonly servedOpen: number;
  readonly reopenings: number;
  readonly longerThanADay: boolean;
}

export interface ScenarioScore {
  readonly scenario: Scenario;
  readonly incidents: readonly IncidentScore[];
  readonly falseClosings: number;
  readonly healthyS: number;
  readonly blips: number;
  /** Time closed after blips have ended. */
  readonly blipOverhangS: number;
}

/** Compares what a gate did with the truth. The first six hours are not judged. */
export function judge(scenario: Scenario, all: readonly Closing[]): ScenarioScore {
  const { durationS, warmUpS, incidents, blips, gaps } = scenario;
  const closings = all
    .filter(({ closed, opened }) => opened > warmUpS && closed < durationS)
    .map((c) => ({ closed: Math.max(c.closed, warmUpS), opened: Math.min(c.opened, durationS) }));
  const neutral = [...blips, ...gaps];
  const belongs = (c: Closing, spans: readonly Span[]) =>
    spans.filter(({ start, end }) => c.closed >= start && c.closed < end + GRACE_S);
  let falseClosings = 0;
  let blipOverhangS = 0;
  for (const closing of closings) {
    if (belongs(closing, incidents).length > 0) continue;
    const spans = belongs(closing, neutral);
    if (spans.length === 0) {
      falseClosings++;
      continue;
    }
    const end = Math.max(...spans.map((span) => span.end));
    const next = Math.min(
      durationS,
      ...[...incidents, ...neutral].map(({ start }) => start).filter((start) => start > end),
    );
    blipOverhangS += Math.max(0, Math.min(closing.opened, next) - Math.max(closing.closed, end));
  }
  const bad = cumulativeBad(scenario);
  return {
    scenario,
    incidents: incidents.map((incident) => judgeIncident(incident, closings, bad)),
    falseClosings,
    healthyS: healthySeconds(scenario),
    blips: blips.filter(({ start }) => start >= warmUpS).length,
    blipOverhangS,
  };
}

function judgeIncident(
  { start, end, actionable }: Incident,
  closings: readonly Closing[],
  bad: Float64Array,
): IncidentScore {
  const badBetween = (from: number, to: number) =>
    bad[Math.floor(to / TICK_S)]! - bad[Math.floor(from / TICK_S)]!;
  const during = closings.filter(({ closed, opened }) => opened > start && closed < end);
  const first = during[0];
  const until = first === undefined ? end : Math.max(first.closed, start);
  const whole = badBetween(start, end);
  const whileClosed = during.reduce(
    (sum, c) => sum + badBetween(Math.max(c.closed, start), Math.min(c.opened, end)),
    0,
  );
  return {
    missed: first === undefined,
    delayS: until - start,
    actionableDelayS: Math.max(0, until - Math.max(actionable, start)),
    servedOpen: whole > 0 ? Math.min(1, Math.max(0, (whole - whileClosed) / whole)) : 0,
    reopenings: closings.filter(({ opened }) => opened > start && opened < end).length,
    longerThanADay: end - start > DAY_S,
  };
}

/** By event time, each batch once. */
export function cumulativeBad(scenario: Scenario): Float64Array {
  return cumulative(scenario, ({ bad }) => bad);
}

export function cumulative(
  { rows, durationS }: Scenario,
  of: (row: Scenario["rows"][number]) => number,
): Float64Array {
  const sums = new Float64Array(durationS / TICK_S + 1);
  const seen = new Set<string>();
  for (const row of rows) {
    if (row.id !== null) {
      if (seen.has(row.id)) continue;
      seen.add(row.id);
    }
    sums[row.t / TICK_S + 1]! += of(row);
  }
  for (let i = 1; i < sums.length; i++) sums[i]! += sums[i - 1]!;
  return sums;
}

function healthySeconds({ durationS, warmUpS, incidents, blips, gaps }: Scenario): number {
  const troubled = [...incidents, ...blips, ...gaps]
    .map(({ start, end }) => ({ start, end: end + GRACE_S }))
    .sort((a, b) => a.start - b.start);
  let healthy = durationS - warmUpS;
  let last = warmUpS;
  for (const { start, end } of troubled) {
    const from = Math.max(start, last);
    const to = Math.min(end, durationS);
    if (to <= from) continue;
    healthy -= to - from;
    last = to;
  }
  return healthy;
}

/** The figures of one draw of all kinds. */
export interface Figures {
  readonly incidents: number;
  readonly missed: number;
  readonly delayS: number;
  readonly actionableDelayS: number;
  readonly servedOpenPercent: number;
  readonly falsePerWeek: number;
  readonly reopenings: number;
  readonly blipOverhangS: number;
}

export function figuresOf(scores: readonly ScenarioScore[]): Figures {
  const incidents = scores.flatMap((score) => score.incidents);
  const sum = (of: (score: ScenarioScore) => number) => scores.reduce((a, s) => a + of(s), 0);
  return {
    incidents: incidents.length,
    missed: incidents.filter(({ missed }) => missed).length,
    delayS: median(incidents.map(({ delayS }) => delayS)),
    actionableDelayS: median(incidents.map(({ actionableDelayS }) => actionableDelayS)),
    servedOpenPercent: 100 * mean(incidents.map(({ servedOpen }) => servedOpen)),
    falsePerWeek: sum((s) => s.falseClosings) / (sum((s) => s.healthyS) / (7 * DAY_S)),
    reopenings: mean(incidents.filter((i) => !i.longerThanADay).map((i) => i.reopenings)),
    blipOverhangS:
      sum((s) => s.blipOverhangS) /
      Math.max(
        1,
        sum((s) => s.blips),
      ),
  };
}

export function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
}

export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}

import type { CountsRow } from "../../src/cli/counts-file.ts";
import { Random } from "./random.ts";

export const TICK_S = 10;
export const HOUR_S = 3600;
export const DAY_S = 86_400;
/** The beginning is not judged: a gate may know a service first. */
const WARM_UP_S = 6 * HOUR_S;

export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Trouble that must close the gate. Seconds on the scenario's clock. */
export interface Incident extends Span {
  /** When the true burn first is 2 or more. */
  readonly actionable: number;
}

/** A made-up service, what it delivers, and the truth about it. */
export interface Scenario {
  readonly kind: string;
  readonly name: string;
  readonly objective: number;
  readonly durationS: number;
  readonly warmUpS: number;
  /** Requests of 28 days. */
  readonly planned: number;
  readonly budgetSpent: number;
  /** In order of arrival. */
  readonly rows: readonly CountsRow[];
  readonly incidents: readonly Incident[];
  /** Short troubles: whether the gate closes for them is not judged, how long it stays closed is. */
  readonly blips: readonly Span[];
  readonly gaps: readonly Span[];
}

/** What a service is like when nothing happens. */
export interface Service {
  readonly objective: number;
  readonly perSecond: number;
  /** Burn of its everyday errors. */
  readonly base: number;
  /** How much the traffic swings over a day, as a share. */
  readonly daily: number;
  /** Standard deviation of the logarithm of an hour's error rate (1: heavy); 0: constant. */
  readonly noise: number;
  /** Errors come in clusters of this mean size. */
  readonly cluster: number;
}

/** What happens to it. Functions of seconds since the scenario began. */
export interface Course {
  readonly durationS: number;
  /** Burn besides the everyday one. */
  readonly burn: (t: number) => number;
  /** Factor on the traffic; 1 when left out. */
  readonly traffic?: (t: number) => number;
  readonly incidents?: readonly Span[];
  readonly blips?: readonly Span[];
  /** No telemetry in these: neither rows nor later deliveries. */
  readonly gaps?: readonly Span[];
  /** Share of a tick's counts that comes late, and by how much at most. */
  readonly late?: { readonly share: number; readonly mostS: number };
  /** Share of batches that are delivered twice. */
  readonly twice?: number;
  readonly budgetSpent?: number;
}

/** Plays a service's course; the same seed gives the same rows. */
export function play(
  kind: string,
  name: string,
  service: Service,
  course: Course,
  seed: number,
): Scenario {
  const random = new Random(seed);
  const rows: CountsRow[] = [];
  const errorBudget = 1 - service.objective;
  let wander = service.noise * random.normal();
  let firstBad = Number.POSITIVE_INFINITY;
  const incidents = course.incidents ?? [];
  const actionable = incidents.map(() => Number.POSITIVE_INFINITY);
  for (let t = 0; t < course.durationS; t += TICK_S) {
    wander = 0.997 * wander + service.noise * Math.sqrt(1 - 0.997 ** 2) * random.normal();
    const swing = 1 + service.daily * Math.sin((2 * Math.PI * (t - 9 * HOUR_S)) / DAY_S);
    const mean = service.perSecond * TICK_S * swing * (course.traffic?.(t) ?? 1);
    const total = random.poisson(mean);
    const base = service.base * Math.exp(wander - service.noise ** 2 / 2);
    const added = course.burn(t);
    incidents.forEach(({ start, end }, i) => {
      if (t < start || t >= end || base + added < 2) return;
      if (actionable[i] === Number.POSITIVE_INFINITY) actionable[i] = t;
    });
    const bad = badOf(random, total, (base + added) * errorBudget, service.cluster);
    if (added > 0) firstBad = Math.min(firstBad, t);
    if (course.gaps?.some(({ start, end }) => t >= start && t < end)) continue;
    deliver(rows, random, course, t, total, bad);
  }
  rows.sort((a, b) => a.t + (a.lag ?? 0) - b.t - (b.lag ?? 0));
  return {
    kind,
    name,
    objective: service.objective,
    durationS: course.durationS,
    warmUpS: WARM_UP_S,
    planned: service.perSecond * 28 * DAY_S,
    budgetSpent: course.budgetSpent ?? 0.2,
    rows,
    incidents: incidents.map((span, i) => ({
      ...span,
      actionable: Math.min(actionable[i]!, span.end),
    })),
    blips: course.blips ?? [],
    gaps: course.gaps ?? [],
  };
}

function badOf(random: Random, total: number, rate: number, cluster: number): number {
  if (cluster <= 1) return random.binomial(total, Math.min(1, rate));
  const clusters = random.poisson((total * Math.min(1, rate)) / cluster);
  let bad = 0;
  for (let i = 0; i < clusters; i++) bad += 1 + random.poisson(cluster - 1);
  return Math.min(total, bad);
}

/** One tick as one batch, or as several with some of them late or sent again. */
function deliver(
  rows: CountsRow[],
  random: Random,
  { late, twice }: Course,
  t: number,
  total: number,
  bad: number,
): void {
  const id = late === undefined && twice === undefined ? null : `${t}`;
  let restTotal = total;
  let restBad = bad;
  if (late !== undefined && total > 0) {
    const lateBad = random.binomial(bad, late.share);
    const lateTotal = lateBad + random.binomial(total - bad, late.share);
    restTotal -= lateTotal;
    restBad -= lateBad;
    const lag = TICK_S * Math.ceil(random.between(1, late.mostS / TICK_S));
    rows.push({ t, lag, total: lateTotal, bad: lateBad, version: "", id: `${t}.late` });
  }
  const row = { t, lag: TICK_S, total: restTotal, bad: restBad, version: "", id };
  rows.push(row);
  if (twice !== undefined && random.uniform() < twice) {
    rows.push({ ...row, lag: TICK_S * Math.ceil(random.between(1, 12)) });
  }
}

import { Random } from "./random.ts";
import {
  type Course,
  DAY_S,
  HOUR_S,
  play,
  type Scenario,
  type Service,
  type Span,
} from "./scenario.ts";

/** A kind of scenario: what is drawn for one of it. */
export interface Kind {
  readonly kind: string;
  readonly name: string;
  readonly draw: (random: Random) => { readonly service: Service; readonly course: Course };
}

const service = (r: Random, over: Partial<Service> = {}): Service => ({
  objective: 0.999,
  perSecond: r.scale(10, 500),
  base: r.between(0.15, 0.4),
  daily: r.between(0.1, 0.5),
  noise: 0.1,
  cluster: 1,
  ...over,
});

const within = ({ start, end }: Span, t: number) => t >= start && t < end;

/** Calm, then one trouble of `hours`, then calm. `burn` is given the seconds since it began. */
function incident(
  r: Random,
  hours: number,
  burn: (since: number) => number,
  over: (start: number) => Partial<Course> = () => ({}),
): Course {
  const start = 10 * Math.round((r.between(8, 13) * HOUR_S) / 10);
  const end = start + hours * HOUR_S;
  return {
    durationS: end + 6 * HOUR_S,
    burn: (t) => (t >= start && t < end ? burn(t - start) : 0),
    incidents: [{ start, end }],
    ...over(start),
  };
}

const one = (
  kind: string,
  name: string,
  hours: number,
  burnOf: (r: Random) => (since: number) => number,
  over: (r: Random) => Partial<Service> = () => ({}),
  courseOver: (start: number) => Partial<Course> = () => ({}),
): Kind => ({
  kind,
  name,
  draw: (r) => {
    const made = service(r, over(r));
    return { service: made, course: incident(r, hours, burnOf(r), courseOver) };
  },
});

const step = (burn: number, hours: number): Kind =>
  one("step", `burn ${burn}`, hours, (r) => {
    const level = burn * r.between(0.9, 1.1);
    return () => level;
  });

/** On and off: exponential lengths with these means, starting on. */
function telegraph(r: Random, onS: number, offS: number, level: number) {
  const edges: number[] = [0];
  for (let t = 0, on = true; t < DAY_S; on = !on) {
    t += Math.max(20, r.exponential(on ? onS : offS));
    edges.push(t);
  }
  return (since: number) => {
    let i = 0;
    while (edges[i + 1]! <= since) i++;
    return i % 2 === 0 ? level : 0;
  };
}

const flaps: readonly Kind[] = [
  one("flap", "two minutes of ten", 3, (r) => {
    const level = r.between(18, 35);
    return (s) => (s % 600 < 120 ? level : 0);
  }),
  one("flap", "telegraph", 4, (r) => telegraph(r, 400, 700, r.between(15, 35))),
  one(
    "flap",
    "bursts at low traffic",
    4,
    (r) => telegraph(r, 60, 180, r.between(4, 8)),
    (r) => ({
      perSecond: r.between(10, 25),
    }),
  ),
  one(
    "flap",
    "bursts of 40 s",
    4,
    (r) => telegraph(r, 40, 240, r.between(7, 12)),
    (r) => ({
      perSecond: r.between(150, 400),
    }),
  ),
  one("flap", "one replica of twenty", 4, (r) => telegraph(r, 240, 600, r.between(30, 50))),
  one("flap", "leak with recoveries", 4, (r) => {
    const on = telegraph(r, 900, 400, 1);
    const top = r.between(150, 300);
    return (s) => on(s) * top * Math.min(1, 0.1 + s / 14_400);
  }),
];

const leaks: readonly Kind[] = [
  one("leak", "exponential, 20 min", 3, () => (s) => 0.05 * 2 ** Math.min(s / 1200, 10)),
  one("leak", "exponential, 75 min", 9, () => (s) => 0.1 * 2 ** (s / 4500)),
  one("leak", "linear, 4 h", 5, (r) => {
    const top = r.between(10, 15);
    return (s) => top * Math.min(1, s / 14_400);
  }),
  one("leak", "linear, 16 h", 16, (r) => {
    const top = r.between(4, 6);
    return (s) => (top * s) / 57_600;
  }),
  one("leak", "saw of restarts", 5, (r) => {
    const top = r.between(12, 20);
    const period = r.between(3000, 4500);
    return (s) => (top * (s % period)) / period;
  }),
];

const rollouts: readonly Kind[] = [
  one("canary", "1 %, then 10 %, then all", 4, (r) => {
    const level = r.between(8, 12);
    return (s) => level * (s < 1800 ? 0.1 : s < 3600 ? 0.5 : 1);
  }),
  one("canary", "5 % errors", 4, (r) => {
    const level = r.between(40, 60);
    return (s) => level * (s < 1800 ? 0.01 : s < 3600 ? 0.3 : 1);
  }),
  one("canary", "half of all fails", 3, () => (s) => 500 * (s < 1800 ? 0.05 : s < 3600 ? 0.3 : 1)),
  one(
    "canary",
    "half fails at low traffic",
    2,
    () => (s) => 500 * (s < 900 ? 0.1 : 1),
    (r) => ({ perSecond: r.between(2, 4) }),
  ),
];

const outages: readonly Kind[] = [
  one("outage", "total", 0.7, () => () => 1000),
  one(
    "outage",
    "traffic collapses",
    1,
    () => () => 1000,
    undefined,
    (start) => ({
      traffic: (t) => (t >= start && t < start + HOUR_S ? 0.15 : 1),
    }),
  ),
  one("retry", "storm", 1.5, (r) => {
    const level = r.between(300, 600);
    return (s) => level * Math.min(1, 0.05 + s / 900);
  }),
  one("retry", "metastable", 2.5, (r) => {
    const level = r.between(250, 350);
    return () => level;
  }),
];

const lowTraffic: readonly Kind[] = [
  one(
    "low traffic",
    "outage",
    3,
    () => () => 100,
    (r) => ({
      objective: 0.99,
      perSecond: r.between(0.04, 0.08),
    }),
  ),
  one(
    "low traffic",
    "half fails",
    4,
    () => () => 100,
    (r) => ({
      objective: 0.995,
      perSecond: r.between(0.08, 0.15),
    }),
  ),
  one(
    "low traffic",
    "a tenth fails",
    6,
    () => () => 100,
    (r) => ({
      perSecond: r.between(0.4, 0.7),
    }),
  ),
  {
    kind: "low traffic",
    name: "single errors",
    draw: (r) => ({
      service: service(r, { perSecond: 0.02, base: 0.6 }),
      course: { durationS: 4 * DAY_S, burn: () => 0 },
    }),
  },
];

const latency: readonly Kind[] = [
  one(
    "latency",
    "shift",
    4,
    (r) => {
      const level = r.between(5, 9);
      return () => level;
    },
    () => ({ objective: 0.99 }),
  ),
  one(
    "latency",
    "slow query",
    8,
    (r) => {
      const level = r.between(1.9, 2.4);
      return () => level;
    },
    (r) => ({ objective: 0.99, perSecond: r.between(20, 60) }),
  ),
  one(
    "latency",
    "collector pauses",
    4,
    (r) => {
      const level = r.between(10, 16);
      return (s) => (s % 420 < 60 ? level : 0.2);
    },
    () => ({ objective: 0.99 }),
  ),
];

const broken: readonly Kind[] = [
  one(
    "no data",
    "gap in the incident",
    3,
    () => () => 40,
    undefined,
    (start) => ({
      gaps: [{ start: start + 1800, end: start + 5400 }],
    }),
  ),
  one(
    "no data",
    "no requests in the incident",
    2.5,
    () => () => 300,
    undefined,
    (start) => ({
      traffic: (t) => (t >= start + 2400 && t < start + 4200 ? 0 : 1),
    }),
  ),
  {
    kind: "no data",
    name: "healthy gap",
    draw: (r) => ({
      service: service(r),
      course: {
        durationS: 36 * HOUR_S,
        burn: () => 0,
        gaps: [
          { start: 36_000, end: 43_200 },
          { start: 72_000, end: 73_080 },
        ],
      },
    }),
  },
  one(
    "late",
    "late step",
    3,
    (r) => {
      const level = r.between(12, 18);
      return () => level;
    },
    undefined,
    () => ({ late: { share: 0.25, mostS: 240 } }),
  ),
  {
    kind: "late",
    name: "late and healthy",
    draw: (r) => ({
      service: service(r),
      course: { durationS: 2 * DAY_S, burn: () => 0, late: { share: 0.3, mostS: 300 } },
    }),
  },
  one(
    "twice",
    "step with batches sent twice",
    3,
    (r) => {
      const level = r.between(6, 10);
      return () => level;
    },
    undefined,
    () => ({ twice: 0.2 }),
  ),
  {
    kind: "twice",
    name: "healthy, batches sent twice",
    draw: (r) => ({
      service: service(r, { base: 0.6 }),
      course: { durationS: 3 * DAY_S, burn: () => 0, twice: 0.15 },
    }),
  },
];

const healthy = (name: string, over: (r: Random) => Partial<Service>, days = 7): Kind => ({
  kind: "healthy",
  name,
  draw: (r) => ({
    service: service(r, over(r)),
    course: { durationS: days * DAY_S, burn: () => 0 },
  }),
});

const calm: readonly Kind[] = [
  healthy("3,000/s, a week", () => ({ perSecond: 3000, objective: 0.9995 })),
  healthy("800/s in clusters", () => ({ perSecond: 800, cluster: 4 })),
  healthy("50,000/s in clusters", () => ({ perSecond: 50_000, objective: 0.9999, cluster: 8 }), 4),
  healthy("150/s", () => ({ perSecond: 150 })),
  healthy("30/s in clusters", () => ({ perSecond: 30, cluster: 3 })),
  healthy("5/s", () => ({ perSecond: 5, base: 0.5 })),
  healthy("1/s", () => ({ perSecond: 1, base: 0.4 })),
  healthy("0.2/s", () => ({ perSecond: 0.2, base: 0.3 })),
  healthy("0.05/s", () => ({ perSecond: 0.05, objective: 0.99 })),
  healthy("near the limit", () => ({ perSecond: 100, base: 0.8, noise: 0.05 })),
  healthy("noisy", () => ({ perSecond: 80, noise: 0.4 })),
  healthy("very noisy", () => ({ perSecond: 150, noise: 0.6, base: 0.3 })),
  {
    kind: "healthy",
    name: "short spikes each hour",
    draw: (r) => {
      const spikes = Array.from({ length: 168 }, () => {
        const start = 10 * Math.round(r.between(0, 6.9 * 8640));
        return { start, end: start + 10 * Math.ceil(r.between(1, 3)) };
      });
      const level = r.between(18, 28);
      return {
        service: service(r, { perSecond: 60 }),
        course: {
          durationS: 7 * DAY_S,
          burn: (t) => (spikes.some((span) => within(span, t)) ? level : 0),
        },
      };
    },
  },
  {
    kind: "healthy",
    name: "a cron job's minute each hour",
    draw: (r) => ({
      service: service(r, { perSecond: 35 }),
      course: { durationS: 5 * DAY_S, burn: (t) => (t % HOUR_S < 60 ? 4 : 0) },
    }),
  },
  {
    kind: "healthy",
    name: "flash crowd",
    draw: (r) => ({
      service: service(r, { perSecond: 40 }),
      course: {
        durationS: 3 * DAY_S,
        burn: (t) => (t > DAY_S && t < DAY_S + 3600 ? 0.3 : 0),
        traffic: (t) => (t > DAY_S && t < DAY_S + 3600 ? 8 : 1),
      },
    }),
  },
];

/** Troubles of `lengthS` at these hours. */
function blips(hours: readonly number[], lengthS: number, burn: (since: number) => number): Course {
  const spans = hours.map((hour) => ({
    start: Math.round(hour * 360) * 10,
    end: Math.round(hour * 360) * 10 + lengthS,
  }));
  return {
    durationS: spans.at(-1)!.end + 6 * HOUR_S,
    blips: spans,
    burn: (t) => {
      const span = spans.find((candidate) => within(candidate, t));
      return span === undefined ? 0 : burn(t - span.start);
    },
  };
}

const blip = (name: string, make: (r: Random) => Course, over: Partial<Service> = {}): Kind => ({
  kind: "blip",
  name,
  draw: (r) => ({ service: service(r, over), course: make(r) }),
});

const shortTroubles: readonly Kind[] = [
  blip("30 s at deployments", (r) => {
    const level = r.between(40, 80);
    return blips([9, 14.3, 21, 30], 30, () => level);
  }),
  blip("two minutes", (r) => {
    const level = r.between(10, 25);
    return blips([10, 18, 27], 120, () => level);
  }),
  blip("five minutes", (r) => {
    const level = r.between(8, 12);
    return blips([9.5, 16.2, 22], 300, () => level);
  }),
  blip("decaying", (r) => {
    const level = r.between(40, 70);
    return blips([11, 20], 600, (s) => level * Math.exp(-s / 90));
  }),
];

/** A batch at two each night. */
function nightly(days: number, lengthS: number, burn: number): Course {
  return {
    durationS: days * DAY_S,
    burn: (t) => (t % DAY_S >= 2 * HOUR_S && t % DAY_S < 2 * HOUR_S + lengthS ? burn : 0),
  };
}

const nights: readonly Kind[] = [
  {
    kind: "nightly",
    name: "a mild batch, healthy",
    draw: (r) => ({
      service: service(r, { perSecond: r.scale(50, 400) }),
      course: nightly(5, 1500, r.between(1.6, 1.9)),
    }),
  },
  {
    kind: "nightly",
    name: "a heavy batch",
    draw: (r) => ({
      service: service(r),
      course: {
        ...nightly(5, 1500, r.between(6, 9)),
        blips: Array.from({ length: 5 }, (_, d) => ({
          start: d * DAY_S + 7200,
          end: d * DAY_S + 8700,
        })),
      },
    }),
  },
  {
    kind: "nightly",
    name: "a batch, and an incident by day",
    draw: (r) => {
      const batch = nightly(2, 1200, r.between(4, 8));
      const trouble = { start: DAY_S + 10 * Math.round(r.between(3000, 3600)), end: 0 };
      const span = { start: trouble.start, end: trouble.start + 4 * HOUR_S };
      const level = r.between(5, 8);
      return {
        service: service(r),
        course: {
          durationS: span.end + 2 * HOUR_S,
          burn: (t) => (within(span, t) ? level : batch.burn(t)),
          incidents: [span],
          blips: [0, 1].map((d) => ({ start: d * DAY_S + 7200, end: d * DAY_S + 8400 })),
        },
      };
    },
  },
];

const several: readonly Kind[] = [
  {
    kind: "several",
    name: "relapses",
    draw: (r) => {
      const first = 10 * Math.round(r.between(3600, 4300));
      const spans = [0, 5400, 18_000].map((after) => ({
        start: first + after,
        end: first + after + HOUR_S,
      }));
      const level = r.between(12, 25);
      return {
        service: service(r),
        course: {
          durationS: first + 12 * HOUR_S,
          burn: (t) => (spans.some((span) => within(span, t)) ? level : 0),
          incidents: spans,
        },
      };
    },
  },
  one("several", "slow recovery", 3, (r) => {
    const level = r.between(40, 60);
    return (s) => level * Math.exp(-s / 3000);
  }),
];

const drain = (name: string, burn: (r: Random) => (t: number) => number): Kind => ({
  kind: "chronic",
  name,
  draw: (r) => {
    const start = DAY_S;
    const end = 10 * DAY_S;
    const level = burn(r);
    return {
      service: service(r, { perSecond: r.between(10, 60) }),
      course: {
        durationS: end + DAY_S,
        burn: (t) => (t >= start && t < end ? level(t - start) : 0),
        incidents: [{ start, end }],
        budgetSpent: 0.1,
      },
    };
  },
});

const chronic: readonly Kind[] = [
  drain("steady", (r) => {
    const level = r.between(2.3, 3);
    return () => level;
  }),
  drain("drift", (r) => {
    const top = r.between(5, 6.5);
    return (t) => (top * t) / (9 * DAY_S);
  }),
  drain("noisy", (r) => {
    const levels = Array.from({ length: 9 * 24 }, () => 3.2 * Math.exp(0.3 * r.normal()));
    return (t) => levels[Math.floor(t / HOUR_S)] ?? 3.2;
  }),
];

/** Everything that is judged: kinds as they are met in service, healthy weeks among them. */
export const KINDS: readonly Kind[] = [
  ...[2, 3, 5, 8, 10, 20, 50, 100, 500].map((burn) => step(burn, burn < 5 ? 8 : burn < 50 ? 4 : 2)),
  ...leaks,
  ...flaps,
  ...rollouts,
  ...outages,
  ...lowTraffic,
  ...latency,
  ...broken,
  ...calm,
  ...shortTroubles,
  ...nights,
  ...several,
  ...chronic,
];

/** The same seed gives the same scenario. */
export function drawScenario({ kind, name, draw }: Kind, seed: number): Scenario {
  const own = [...`${kind} ${name}`].reduce((hash, c) => Math.imul(hash, 31) + c.charCodeAt(0), 7);
  const random = new Random(seed ^ own);
  const { service: made, course } = draw(random);
  return play(kind, name, made, course, seed ^ Math.imul(own, 17));
}

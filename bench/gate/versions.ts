import { luxonCalendar } from "../../src/config/calendar.ts";
import { Gates } from "../../src/engine/gates.ts";
import { COUNT_UNIT, type RequestDelta } from "../../src/model/delta.ts";
import { newReceiverCounters } from "../../src/ports/metrics.ts";
import { sloOf } from "./gates.ts";
import { Random } from "./random.ts";

/** Before the rollout the old version has the traffic alone for half an hour. */
const BEFORE_S = 1800;
const OLD = 2;
const NEW = 3;

/** A rollout: what share the new version gets, and how often requests fail in it. */
export interface Rollout {
  readonly name: string;
  readonly perSecond: number;
  /** Of the new version, by seconds since the rollout began. */
  readonly share: (since: number) => number;
  /** Probability that a request of the old and the new version fails. */
  readonly fails: (since: number, isNew: boolean) => number;
  /** Mean number of retries that a failed call makes, all of which fail too, on the same version. */
  readonly cluster?: number;
  readonly lengthS: number;
}

const BASE = 0.0003;

/** The new version is to blame. */
export const BAD_CANARY: Rollout = {
  name: "canary at 1 % of 1,000/s, 5 % of its requests fail",
  perSecond: 1000,
  share: () => 0.01,
  fails: (since, isNew) => (isNew && since >= 0 ? 0.05 : BASE),
  lengthS: 180,
};

/** Nobody, or everybody, is to blame. */
export const INNOCENT: readonly Rollout[] = [0.01, 0.1, 0.5, 0.9].flatMap((share) => {
  const at = `${share * 100} %`;
  const common = { perSecond: 1000, share: () => share, lengthS: 3600 };
  return [
    {
      ...common,
      name: `dependency fails for an hour, canary at ${at}`,
      fails: (since: number) => (since >= 300 ? 0.05 : BASE),
    },
    {
      ...common,
      name: `dependency fails for 20 s, canary at ${at}`,
      fails: (since: number) => (since >= 300 && since % 900 < 20 ? 0.2 : BASE),
    },
    { ...common, name: `retry clusters, canary at ${at}`, fails: () => 2 * BASE, cluster: 6 },
    {
      ...common,
      name: `traffic twice as error-prone, canary at ${at}`,
      fails: (_since: number, isNew: boolean) => (isNew ? 2 : 1) * 2 * BASE,
    },
    {
      ...common,
      name: `dependency fails, traffic twice as error-prone, canary at ${at}`,
      fails: (since: number, isNew: boolean) => (isNew ? 2 : 1) * (since >= 300 ? 0.02 : BASE),
    },
  ];
});

export interface RolloutOutcome {
  /** Seconds from the rollout's begin until the gate closed for the new version; null: never. */
  readonly blamedAfterS: number | null;
}

/** Plays it second by second; every version's telemetry has its own delay, the new one's the shorter. */
export function playRollout(rollout: Rollout, seed: number): RolloutOutcome {
  const random = new Random(seed);
  const objective = 0.999;
  const start = 1_750_000_000 + Math.floor(random.between(0, 600));
  const planned = rollout.perSecond * 28 * 86_400;
  const counters = newReceiverCounters();
  const gates = new Gates({
    calendar: luxonCalendar(),
    epoch: 1,
    counters,
    now: start * 1000,
    live: false,
    versionName: (id) => ["", "other", "old", "new"][id] ?? "other",
  });
  gates.use([sloOf({ objective, planned }, {})]);
  // Batches of telemetry: what waits to be sent, by version.
  const waiting: {
    readonly at: number;
    readonly version: number;
    readonly second: number;
    readonly total: number;
    readonly bad: number;
  }[] = [];
  const began = start + BEFORE_S;
  for (let now = start; now < began + rollout.lengthS; now++) {
    const since = now - began;
    const share = since < 0 ? 0 : rollout.share(since);
    for (const [version, part] of [
      [OLD, 1 - share],
      [NEW, share],
    ] as const) {
      const total = random.poisson(rollout.perSecond * part);
      if (total === 0) continue;
      const bad = failures(
        random,
        total,
        rollout.fails(since, version === NEW),
        rollout.cluster ?? 1,
      );
      // The old version's exporters send every five seconds, the new one's every second.
      const at = version === OLD ? 5 * (Math.floor(now / 5) + 1) + 1 : now + 1;
      waiting.push({ at, version, second: now, total, bad });
    }
    counters.requestsAccepted++;
    for (let i = 0; i < waiting.length; ) {
      const batch = waiting[i]!;
      if (batch.at > now) {
        i++;
        continue;
      }
      waiting.splice(i, 1);
      gates.add(deltaOf(batch, now));
    }
    gates.tick((now + 1) * 1000);
    if (since < 0) continue;
    const decision = gates.get("judged")!;
    if (decision.versions.some(({ version, suspect }) => suspect && version === "new")) {
      return { blamedAfterS: now + 1 - began };
    }
  }
  return { blamedAfterS: null };
}

function failures(random: Random, total: number, probability: number, cluster: number): number {
  if (cluster <= 1) return random.binomial(total, probability);
  const calls = random.poisson((total * probability) / cluster);
  let bad = 0;
  for (let i = 0; i < calls; i++) bad += 1 + random.poisson(cluster - 1);
  return Math.min(total, bad);
}

function deltaOf(
  { version, second, total, bad }: { version: number; second: number; total: number; bad: number },
  now: number,
): RequestDelta {
  const one = (value: number) => Float64Array.of(value);
  return {
    fingerprint: new Uint32Array(5),
    receivedAt: now * 1000 + 500,
    producer: 0,
    length: 1,
    slo: Int32Array.of(0),
    version: Int32Array.of(version),
    second: one(second),
    total: one(total * COUNT_UNIT),
    bad: one(bad * COUNT_UNIT),
    rawBad: one(bad),
    badSquares: one(bad),
  };
}

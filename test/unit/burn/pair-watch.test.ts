import { describe, expect, it } from "vitest";
import { CLOSE_NATS, PairWatch } from "../../../src/burn/pair-watch.ts";
import { RECOVER_NATS } from "../../../src/burn/recovery.ts";
import type { Breach, WindowSums } from "../../../src/burn/watch.ts";
import { HOUR, MINUTE, SECOND } from "../../../src/model/time.ts";
import type { BurnWindowPair } from "../../../src/model/window.ts";

const NOW = Date.UTC(2026, 4, 4, 10);
const OBJECTIVE = 0.999;
const FAST: BurnWindowPair = {
  short: { label: "5m", durationMs: 5 * MINUTE },
  long: { label: "1h", durationMs: HOUR },
  threshold: 14.4,
};
const SLOW: BurnWindowPair = {
  short: { label: "30m", durationMs: 30 * MINUTE },
  long: { label: "6h", durationMs: 6 * HOUR },
  threshold: 6,
};
const PLACES = [
  { pair: FAST, short: 0, long: 1 },
  { pair: SLOW, short: 2, long: 3 },
];

/** [total, bad] of 5m, 1h, 30m, 6h. */
class Sums implements WindowSums {
  readonly counts: [number, number][];
  constructor(...counts: [number, number][]) {
    this.counts = counts;
  }
  total(window: number): number {
    return this.counts[window]?.[0] ?? 0;
  }
  bad(window: number): number {
    return this.counts[window]?.[1] ?? 0;
  }
}

function watch(
  options: { minBad?: number; independent?: boolean; objective?: number } = {},
): PairWatch {
  const { minBad = 4, independent = true, objective = OBJECTIVE } = options;
  return new PairWatch(objective, PLACES, minBad, 0, independent);
}

/** One observation of everything in the windows, by one who has watched for an hour. */
function seen(total: number, bad: number, options: Parameters<typeof watch>[0] = {}): PairWatch {
  const made = watch(options);
  made.observe(NOW / SECOND - 3600, 0, 0, 0, NOW - HOUR);
  made.observe(NOW / SECOND, total, bad, bad, NOW);
  return made;
}

const QUIET = new Sums([0, 0], [0, 0], [0, 0], [0, 0]);

describe("PairWatch: breach", () => {
  it("wants both windows above the threshold", () => {
    // 600 / 30 000 / 0.001 = 20; 3 000 / 360 000 / 0.001 = 8.3; 5 500 / 360 000 / 0.001 = 15.3
    const shortOnly = new Sums([30_000, 600], [360_000, 3000]);
    const longOnly = new Sums([30_000, 60], [360_000, 5500]);
    const both = new Sums([30_000, 600], [360_000, 5500]);
    expect(seen(30_000, 600).breach(shortOnly, NOW)).toBeNull();
    expect(seen(30_000, 600).breach(longOnly, NOW)).toBeNull();
    const breach = seen(30_000, 600).breach(both, NOW);
    expect(breach?.pair).toBe(FAST);
    expect(breach?.shortBurn).toBeCloseTo(20, 9);
    expect(breach?.longBurn).toBeCloseTo(15.2778, 3);
  });

  it("is silent when the windows saw no request", () => {
    expect(seen(100, 100).breach(QUIET, NOW)).toBeNull();
    expect(watch().breach(QUIET, NOW)).toBeNull();
  });

  it("has no pairs to breach when the policy has none", () => {
    const none = new PairWatch(OBJECTIVE, [], 4, 0);
    none.observe(NOW / SECOND, 100, 100, 100, NOW);
    expect(none.breach(new Sums([100, 100], [100, 100]), NOW)).toBeNull();
    expect(none.evidence(new Sums([100, 100]), NOW)).toBeNull();
  });

  it("wants as many bad requests as the policy says", () => {
    const sums = (bad: number) => new Sums([50, bad], [50, bad]);
    // 3 bad in 50 are a burn of 60; 3 ln 14.4 - 0.05 x 13.4 = 7.3 nats, and 4 make 10.0.
    expect(seen(50, 3, { minBad: 3 }).breach(sums(3), NOW)).toBeNull();
    expect(seen(50, 4, { minBad: 4 }).breach(sums(4), NOW)).not.toBeNull();
    expect(seen(50, 4, { minBad: 5 }).breach(sums(4), NOW)).toBeNull();
  });

  it("wants 8 nats of evidence", () => {
    // E = total x 0.001; nats = bad ln 14.4 - E x 13.4, ln 14.4 = 2.667.
    // 7 of 470: burn 14.9, 18.67 - 6.30 = 12.4. 6 of 410: burn 14.6, 16.00 - 5.49 = 10.5.
    const seven = seen(470, 7).breach(new Sums([470, 7], [470, 7]), NOW);
    expect(seven?.evidence.nats).toBeCloseTo(12.37, 1);
    expect(seven?.evidence.alternative).toBe(14.4);
    // 4 of 230: burn 17.4, 10.67 - 3.08 = 7.6: not enough. 4 of 100: 10.67 - 1.34 = 9.3.
    expect(seen(230, 4).breach(new Sums([230, 4], [230, 4]), NOW)).toBeNull();
    expect(seen(100, 4).breach(new Sums([100, 4], [100, 4]), NOW)).not.toBeNull();
    expect(CLOSE_NATS).toBe(8);
  });

  it("names the pair with the most evidence", () => {
    // Fast: 60 ln 14.4 - 3 x 13.4 = 119.8. Slow: 360 ln 6 - 30 x 5 = 495.
    const sums = new Sums([3000, 60], [6000, 120], [30_000, 360], [30_000, 360]);
    expect(seen(30_000, 360).breach(sums, NOW)?.pair).toBe(SLOW);
  });

  it("divides sampled evidence by the mean weight", () => {
    // Two bad spans that stand for 100 requests each: 2 x 100^2 / 200 = 100; 2 raw errors of the 4 wanted.
    const sampled = watch();
    sampled.observe(NOW / SECOND, 1000, 200, 2 * 100 ** 2, NOW);
    expect(sampled.meanWeight()).toBe(100);
    expect(sampled.breach(new Sums([1000, 200], [1000, 200]), NOW)).toBeNull();
    // 2 000 bad are 20 spans: (2000 ln 14.4 - 10 x 13.4) / 100 = 52.0 nats.
    sampled.observe(NOW / SECOND, 9000, 1800, 18 * 100 ** 2, NOW);
    const breach = sampled.breach(new Sums([10_000, 2000], [10_000, 2000]), NOW);
    expect(breach?.evidence.nats).toBeCloseTo(52, 1);
  });

  it("counts slices as verdicts: no nats, only the number of bad ones", () => {
    // 2 bad minutes of 5 at 99 %: burn 40, but 2 ln 14.4 - 0.05 x 13.4 = 4.7 nats.
    const sums = new Sums([5, 2], [10, 2]);
    const slices = { objective: 0.99, minBad: 2 };
    expect(seen(5, 2, slices).breach(sums, NOW)).toBeNull();
    expect(seen(5, 2, { ...slices, independent: false }).breach(sums, NOW)).not.toBeNull();
  });

  it("says since when there are errors, and forgets it when the short window is clean", () => {
    const made = seen(100, 4);
    const later = NOW + 40 * SECOND;
    made.observe(later / SECOND, 100, 4, 4, later);
    const sums = new Sums([200, 8], [200, 8]);
    expect(made.breach(sums, later)?.evidence.since).toBe(NOW);
    made.step(QUIET, later);
    made.observe(later / SECOND, 100, 4, 4, later);
    expect(made.evidence(sums, later)?.since).toBe(later);
  });
});

describe("PairWatch: a fresh start after opening", () => {
  const old = new Sums([30_000, 600], [360_000, 5500]);

  it("does not close again on what its windows still hold", () => {
    const made = seen(30_000, 600);
    expect(made.breach(old, NOW)).not.toBeNull();
    made.close(new Sums(), null, NOW);
    made.open(NOW + SECOND);
    made.observe(NOW / SECOND + 2, 100, 4, 4, NOW + 2 * SECOND);
    // 4 of 100 since it opened: burn 40 in both windows, by themselves enough.
    const relapse = made.breach(old, NOW + 2 * SECOND);
    expect(relapse?.shortBurn).toBeCloseTo(40, 9);
    expect(relapse?.longBurn).toBeCloseTo(40, 9);
  });

  it("wants the new errors in both windows, not the old ones in the long one", () => {
    const made = watch();
    made.open(NOW);
    const later = NOW + 10 * MINUTE;
    made.observe(later / SECOND - 400, 50_000, 0, 0, later);
    made.observe(later / SECOND, 1000, 60, 60, later);
    // Ten minutes after opening the 5m window is itself again: 60 / 1 000 -> 60. The hour has seen 51 000 since: 1.2.
    expect(made.breach(new Sums([1000, 60], [360_000, 5500]), later)).toBeNull();
    made.observe(later / SECOND, 1000, 900, 900, later);
    // 960 / 52 000 / 0.001 = 18.5
    expect(made.breach(new Sums([2000, 960], [360_000, 6400]), later)?.longBurn).toBeCloseTo(
      18.46,
      1,
    );
  });

  it("takes late news of an incident that is over for no evidence", () => {
    const made = watch();
    made.open(NOW);
    made.observe(NOW / SECOND - 1, 1000, 1000, 1000, NOW + SECOND);
    expect(made.breach(new Sums([1000, 1000], [1000, 1000]), NOW + SECOND)).toBeNull();
    made.observe(NOW / SECOND, 1000, 1000, 1000, NOW + SECOND);
    expect(made.breach(new Sums([2000, 2000], [2000, 2000]), NOW + SECOND)).not.toBeNull();
  });

  it("begins anew, closed or open, when the objective was edited", () => {
    const made = seen(30_000, 600);
    made.restart(NOW + SECOND);
    expect(made.breach(old, NOW + SECOND)).toBeNull();
    expect(made.evidence(old, NOW + SECOND)).toBeNull();
  });

  it("goes on where another watch stands after an edit of the policy", () => {
    const made = watch();
    made.takeOver(seen(100, 4));
    expect(made.breach(new Sums([100, 4], [100, 4]), NOW)).not.toBeNull();
  });
});

describe("PairWatch: little history", () => {
  // 12 bad of 1 000: burn 12, beyond 6 and not beyond 14.4; 12 ln 6 - 1 x 5 = 16.5 nats.
  const blip = new Sums([1000, 12], [1000, 12], [1000, 12], [1000, 12]);

  it("does not take a blip of the first minutes for hours of burn", () => {
    const made = watch();
    made.observe(NOW / SECOND, 1000, 12, 12, NOW);
    expect(made.breach(blip, NOW + 30 * MINUTE - 1)).toBeNull();
    expect(made.breach(blip, NOW + 30 * MINUTE)?.pair).toBe(SLOW);
  });

  it("begins to wait anew when the gate opens", () => {
    const made = seen(1000, 12);
    made.open(NOW);
    made.observe(NOW / SECOND, 1000, 12, 12, NOW);
    expect(made.breach(blip, NOW + MINUTE)).toBeNull();
    expect(made.breach(blip, NOW + 30 * MINUTE)?.pair).toBe(SLOW);
  });

  it("never waits with the fastest pair, whichever that is", () => {
    const slowOnly = new PairWatch(OBJECTIVE, PLACES.slice(1), 4, 0);
    slowOnly.observe(NOW / SECOND, 1000, 12, 12, NOW);
    expect(slowOnly.breach(blip, NOW)?.pair).toBe(SLOW);
  });
});

describe("PairWatch: recovery", () => {
  const BREACH: Breach = {
    fast: true,
    pair: FAST,
    shortBurn: 100,
    longBurn: 50,
    bad: 500,
    atBurn1: 5,
    evidence: { since: NOW, nats: 20, alternative: 14.4 },
  };

  function closed(breach: Breach | null = BREACH): PairWatch {
    const made = watch();
    made.close(new Sums(), breach, NOW);
    return made;
  }

  /** Steps seconds of the same traffic; answers since when it is calm, in seconds after NOW. */
  function play(
    made: PairWatch,
    steps: readonly (readonly [seconds: number, total: number, bad: number])[],
    sums: WindowSums = QUIET,
  ): (number | null)[] {
    let now = NOW;
    return steps.map(([seconds, total, bad]) => {
      for (let i = 0; i < seconds; i++) {
        now += SECOND;
        made.observe(now / SECOND, total, bad, bad, now);
        made.step(sums, now);
      }
      const since = made.calmSinceMs();
      return since === null ? null : (since - NOW) / SECOND;
    });
  }

  it("is proven by enough good traffic, not by time", () => {
    // b = 0.35 x 100 = 35; 10 requests a second: E = 0.01, 0.01 x 34 = 0.34 nats a second; 3 / 0.34 = 8.8 s.
    expect(play(closed(), [[8, 10, 0]])).toEqual([null]);
    expect(play(closed(), [[9, 10, 0]])).toEqual([9]);
    // A hundredth of the traffic takes a hundred times as long: 882.4 s.
    expect(play(closed(), [[882, 0.1, 0]])).toEqual([null]);
    expect(play(closed(), [[883, 0.1, 0]])).toEqual([883]);
  });

  it("tells how long that takes at the usual rate", () => {
    expect(closed().secondsToRecover(new Sums(), 10)).toBeCloseTo(RECOVER_NATS / 0.34, 6);
    expect(closed().secondsToRecover(new Sums(), 0)).toBeNull();
  });

  it("is not moved by silence", () => {
    const made = closed();
    expect(
      play(made, [
        [5, 10, 0],
        [100_000, 0, 0],
      ]),
    ).toEqual([null, null]);
    const before = made.recoveryNats();
    expect(before).toBeCloseTo(5 * 0.34, 6);
    expect(play(made, [[1000, 0, 0]])).toEqual([null]);
    expect(made.recoveryNats()).toBe(before);
  });

  it("is undone by errors like those of the incident", () => {
    // 0.34 - 0.35 x ln 35 = -0.9 nats a second at a burn of 35.
    expect(
      play(closed(), [
        [20, 10, 0],
        [20, 10, 0.35],
      ]),
    ).toEqual([9, null]);
  });

  it("tells the longest pause of a trouble that comes and goes, and since when there is trouble", () => {
    const made = closed({ ...BREACH, evidence: { ...BREACH.evidence, since: NOW - 60 * SECOND } });
    const pause = [60, 10, 0] as const;
    const burst = [20, 10, 0.35] as const;
    play(made, [pause, burst]);
    // Calm from the ninth second to the third of the burst, whose errors are then more than one, at a burn above 1.5.
    expect(made.longestPauseMs()).toBe((60 + 3 - 9) * SECOND);
    expect(made.troubleSinceMs()).toBe(NOW - 60 * SECOND);
    made.close(new Sums(), null, NOW + 90 * SECOND);
    expect([made.longestPauseMs(), made.troubleSinceMs()]).toEqual([0, NOW + 90 * SECOND]);
  });

  it("is not broken by one error of a calm service", () => {
    // At most 3 + 1.5 ln 35 = 8.3 nats are kept; one error takes ln 35 = 3.6 and leaves more than 3.
    expect(
      play(closed(), [
        [60, 10, 0],
        [1, 10, 1],
        [60, 10, 0],
      ]),
    ).toEqual([9, 9, 9]);
  });

  it("does not take a milder trouble for recovery", () => {
    // Burn 3 for ever: well below 35, so nats come, but calm means less than 1.5.
    const steps = Array.from({ length: 30 }, () => [60, 1000, 3] as const);
    const since = play(closed(), steps);
    expect(new Set(since)).toEqual(new Set([null]));
    const mild = play(
      closed(),
      Array.from({ length: 30 }, () => [60, 1000, 1] as const),
    );
    expect(new Set(mild)).toEqual(new Set([1]));
  });

  it("measures against the worst burn of the incident, not the first", () => {
    // It closed at 20 (b = 7) and grew to 100 (b = 35): less traffic is needed than to tell "well" from 7.
    const made = closed({ ...BREACH, shortBurn: 20 });
    expect(made.secondsToRecover(new Sums(), 10)).toBeCloseTo(3 / 0.06, 6);
    play(made, [[1, 10, 1]], new Sums([1000, 100]));
    expect(made.secondsToRecover(new Sums(), 10)).toBeCloseTo(3 / 0.34, 6);
  });

  it("hears of a slice that turns bad without a new one", () => {
    const made = new PairWatch(0.99, PLACES, 2, 0, false);
    made.close(new Sums(), BREACH, NOW);
    made.observe(NOW / SECOND, 20, 0, 0, NOW);
    made.step(QUIET, NOW);
    // 20 x 0.01 x 34 = 6.8; then one of them flips: - ln 35 = -3.6
    expect(made.recoveryNats()).toBeCloseTo(6.8, 6);
    made.observe(NOW / SECOND, 0, 1, 1, NOW + SECOND);
    made.step(QUIET, NOW + SECOND);
    expect(made.recoveryNats()).toBeCloseTo(6.8 - Math.log(35), 6);
  });

  it("needs as much more sampled traffic as its weight", () => {
    const made = watch();
    made.observe(NOW / SECOND, 100, 100, 100 * 10, NOW);
    made.close(new Sums(), BREACH, NOW);
    made.step(QUIET, NOW);
    expect(made.meanWeight()).toBe(10);
    expect(made.secondsToRecover(new Sums(), 10)).toBeCloseTo((RECOVER_NATS * 10) / 0.34, 6);
  });

  it("says nothing of recovery while the gate is not closed by burn", () => {
    expect(play(watch(), [[1000, 100, 0]])).toEqual([null]);
  });
});

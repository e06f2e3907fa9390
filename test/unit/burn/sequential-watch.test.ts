import { describe, expect, it } from "vitest";
import { SequentialWatch } from "../../../src/burn/sequential-watch.ts";
import { DEFAULT_TUNING, tuningFor } from "../../../src/burn/tuning.ts";
import type { WindowSums } from "../../../src/burn/watch.ts";
import { SECOND } from "../../../src/model/time.ts";

const START = Date.UTC(2026, 4, 4, 10);
/** Bad requests a minute at burn 1: 100 requests a second at 99.9 %. */
const PER_MINUTE = 6;

class Sums implements WindowSums {
  private readonly counts: readonly [number, number];
  constructor(total = 0, bad = 0) {
    this.counts = [total, bad];
  }
  total = () => this.counts[0];
  bad = () => this.counts[1];
}

function watch(tuning = DEFAULT_TUNING): SequentialWatch {
  return new SequentialWatch(0.999, tuning, 0, 1, START);
}

/** So many seconds of the same traffic from `from`; stops when it is to close. Answers the second it stopped at. */
function play(made: SequentialWatch, from: number, seconds: number, total: number, bad: number) {
  for (let s = from; s < from + seconds; s++) {
    made.observe(START / SECOND + s, total, bad, bad, START + s * SECOND);
    made.step(new Sums(300 * total, 300 * bad), START + (s + 1) * SECOND, PER_MINUTE);
    if (made.breach(new Sums()) !== null) return s + 1;
  }
  return null;
}

describe("SequentialWatch", () => {
  it("closes for evidence, impact and three seconds with errors, before the tick has ended", () => {
    const made = watch();
    expect(play(made, 0, 600, 100, 0)).toBeNull();
    // The floor is 5 burn-minutes, 30 bad; 29.7 more than allowed for in three seconds are not enough, 39.6 are.
    expect(play(made, 600, 60, 100, 10)).toBe(604);
    const breach = made.breach(new Sums(30_000, 40));
    expect(breach).toMatchObject({ fast: true, bad: 40, evidence: { alternative: 20 } });
    // 40 ln 20 - 0.4 x 19 = 112.2
    expect(breach?.evidence.nats).toBeCloseTo(112.2, 1);
    expect(breach?.evidence.since).toBe(START + 600 * SECOND);
  });

  it("does not close for a lone burst, however certain, but for one that has cost hours", () => {
    const made = watch();
    play(made, 0, 600, 100, 0);
    expect(play(made, 600, 1, 100, 100)).toBeNull();
    expect(play(made, 601, 60, 100, 0)).toBeNull();
    // 1 300 bad of 6 a minute: 216 burn-minutes
    expect(play(made, 661, 1, 1300, 1300)).toBe(662);
  });

  it("does not store what it sees between ticks", () => {
    const [once, often] = [watch(), watch()];
    for (let tick = 0; tick < 50; tick++) {
      for (let s = 0; s < 10; s++) {
        const second = START / SECOND + 10 * tick + s;
        for (const made of [once, often])
          made.observe(second, 100, s === 3 ? 1 : 0, 1, second * SECOND);
        if (s < 9) often.step(new Sums(), (second + 1) * SECOND, PER_MINUTE);
      }
      for (const made of [once, often]) {
        made.step(new Sums(), START + (tick + 1) * 10 * SECOND, PER_MINUTE);
      }
    }
    expect(once.evidence()).toEqual(often.evidence());
    expect(once.dispersion()).toBe(often.dispersion());
  });

  it("takes late news of an incident that is over for no evidence", () => {
    const made = watch();
    play(made, 0, 60, 100, 0);
    made.open(START + 60 * SECOND, 360 * SECOND);
    for (let s = 60; s < 90; s++) {
      made.observe(START / SECOND + s - 30, 100, 50, 50, START + s * SECOND);
      made.step(new Sums(), START + (s + 1) * SECOND, PER_MINUTE);
    }
    expect(made.evidence()).toBeNull();
  });

  it("wants more of sampled data", () => {
    const sampled = watch();
    for (let s = 0; s < 3; s++) {
      sampled.observe(START / SECOND + s * 10, 200, 16, 256, START + s * 10 * SECOND);
      sampled.step(new Sums(), START + (s + 1) * 10 * SECOND, PER_MINUTE);
    }
    // 4 ln 20 - 0.05 x 19 = 11 nats after the fourth. Three errors that stand for 16 each are three errors.
    expect(sampled.breach(new Sums())).toBeNull();
    sampled.observe(START / SECOND + 30, 200, 16, 256, START + 30 * SECOND);
    sampled.step(new Sums(), START + 40 * SECOND, PER_MINUTE);
    expect(sampled.breach(new Sums())).not.toBeNull();
  });

  it("is calm when good traffic has proven it, and not settled while five minutes still burn", () => {
    const made = watch();
    play(made, 0, 600, 100, 0);
    const at = play(made, 600, 60, 100, 10) ?? 0;
    made.close(new Sums(30_000, 110), made.breach(new Sums()), START + at * SECOND);
    expect(made.calmSinceMs()).toBeNull();
    play(made, at, 60, 100, 0);
    // Within a short hold only what came since recovery counts.
    expect(made.settled(new Sums(30_000, 60))).toBe(true);
    play(made, at + 60, 300, 100, 0);
    expect(made.calmSinceMs()).toBeLessThanOrEqual(START + (at + 30) * SECOND);
    expect([made.settled(new Sums(30_000, 60)), made.settled(new Sums(30_000, 40))]).toEqual([
      false,
      true,
    ]);
    // One error is never proof of trouble.
    expect(made.settled(new Sums(1, 1))).toBe(true);
  });

  /** Closed at second 604 after good traffic, by errors from 600 on. */
  function closed(): SequentialWatch {
    const made = watch();
    play(made, 0, 600, 100, 0);
    const at = play(made, 600, 60, 100, 10) ?? 0;
    made.close(new Sums(30_000, 110), made.breach(new Sums()), START + at * SECOND);
    play(made, at, 620 - at, 100, 10);
    return made;
  }

  it("tells the longest pause of a trouble that comes and goes, and since when there is trouble", () => {
    const made = closed();
    expect([made.longestPauseMs(), made.troubleSinceMs()]).toEqual([0, START + 600 * SECOND]);
    for (const [from, pause] of [
      [620, 120],
      [760, 200],
      [980, 50],
    ] as const) {
      play(made, from, pause, 100, 0);
      expect(made.calmSinceMs(), `${from}`).not.toBeNull();
      play(made, from + pause, 20, 100, 10);
      expect(made.calmSinceMs(), `${from}`).toBeNull();
    }
    expect(made.longestPauseMs()).toBe(200 * SECOND);
    made.close(new Sums(), null, START + 1100 * SECOND);
    expect([made.longestPauseMs(), made.troubleSinceMs()]).toEqual([0, START + 1100 * SECOND]);
  });

  it("does not take silence for a pause", () => {
    const made = closed();
    play(made, 620, 600, 0, 0);
    play(made, 1220, 60, 100, 0);
    play(made, 1280, 20, 100, 10);
    expect(made.longestPauseMs()).toBe(60 * SECOND);
  });

  it("begins its calm anew while a milder trouble goes on", () => {
    const made = closed();
    // It closed at a burn of 100: burn 3 is far from 35, and still trouble.
    play(made, 620, 600, 1000, 3);
    const since = made.calmSinceMs();
    expect(since).not.toBeNull();
    expect(since).toBeGreaterThan(START + 1190 * SECOND);
    const calm = closed();
    play(calm, 620, 600, 1000, 1);
    expect(calm.calmSinceMs()).toBeLessThan(START + 650 * SECOND);
  });

  it("keeps what it has learned when the policy is edited, and its evidence when that still means the same", () => {
    const before = watch();
    play(before, 0, 10, 100, 1);
    expect(before.evidence()?.nats).toBeGreaterThan(0);
    const same = watch({ ...DEFAULT_TUNING, closeNats: 5 });
    same.takeOver(before, START);
    expect(same.evidence()).toEqual(before.evidence());
    const other = watch({ ...DEFAULT_TUNING, alternatives: [4, 8] });
    other.takeOver(before, START);
    expect(other.evidence()).toBeNull();
  });
});

describe("the words of the policy", () => {
  const policy = { sensitivity: "normal", smallestBurn: null, minBad: 4 } as const;

  it("double the floors or lower the evidence", () => {
    expect(tuningFor(policy)).toEqual(DEFAULT_TUNING);
    const low = tuningFor({ ...policy, sensitivity: "low" });
    expect([low.floorStart, low.closeNats]).toEqual([10.08, 8]);
    const high = tuningFor({ ...policy, sensitivity: "high" });
    expect([high.floorStart, high.closeNats]).toEqual([5.04, 5]);
  });

  it("drop alternatives below the smallest burn", () => {
    expect(tuningFor({ ...policy, smallestBurn: 4 }).alternatives).toEqual([4, 8, 20]);
    expect(tuningFor({ ...policy, smallestBurn: 50 }).alternatives).toEqual([50]);
  });
});

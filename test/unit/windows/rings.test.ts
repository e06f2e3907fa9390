import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BurnWindow } from "../../../src/model/window.ts";
import { SloWindows } from "../../../src/windows/rings.ts";
import { SLO_TIERS, tierFor } from "../../../src/windows/tiers.ts";

const SECONDS = [1, 60, 300, 301, 1800, 3600, 21_600, 259_200, 28 * 86_400, 31 * 86_400];
const WINDOWS: readonly BurnWindow[] = SECONDS.map((seconds) => ({
  label: `${seconds}s`,
  durationMs: seconds * 1000,
}));
const START = 1_750_000_000;

/** The same semantics, recomputed from every event ever added. */
class Naive {
  now: number;
  readonly events: { second: number; total: number; bad: number }[] = [];

  constructor(now: number) {
    this.now = now;
  }

  advance(now: number): void {
    this.now = Math.max(this.now, now);
  }

  add(second: number, total: number, bad: number): boolean {
    if (Math.floor(this.now / 3600) - Math.floor(second / 3600) >= 744) return false;
    this.events.push({ second: Math.min(second, this.now), total, bad });
    return true;
  }

  sum(seconds: number, of: "total" | "bad"): number {
    const { stepSeconds } = SLO_TIERS[
      tierFor(SLO_TIERS, seconds * 1000)
    ] as (typeof SLO_TIERS)[number];
    const edge = Math.floor(this.now / stepSeconds) - Math.ceil(seconds / stepSeconds);
    const inside = this.events.filter(({ second }) => Math.floor(second / stepSeconds) > edge);
    return inside.reduce((sum, event) => sum + event[of], 0);
  }
}

const step = fc.record({
  // Mostly seconds; sometimes hours, weeks, or back.
  jump: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 3 }) },
    { weight: 2, arbitrary: fc.integer({ min: 4, max: 4000 }) },
    { weight: 1, arbitrary: fc.integer({ min: -5000, max: 0 }) },
    { weight: 1, arbitrary: fc.integer({ min: 4000, max: 40 * 86_400 }) },
  ),
  late: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 10 }) },
    { weight: 3, arbitrary: fc.integer({ min: -20, max: 30_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 30_000, max: 33 * 86_400 }) },
  ),
  total: fc.oneof(fc.integer({ min: -512, max: 100_000 }), fc.integer({ min: 0, max: 2 ** 40 })),
  bad: fc.integer({ min: -512, max: 100_000 }),
});

describe("SloWindows", () => {
  it("equals a recomputation from all events, for late, out-of-order, corrected data and jumping clocks", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 80 }), (steps) => {
        const windows = new SloWindows(WINDOWS, START);
        const naive = new Naive(START);
        let clock = START;
        for (const { jump, late, total, bad } of steps) {
          clock += jump;
          windows.advance(clock);
          naive.advance(clock);
          const second = naive.now - late;
          expect(windows.add(second, total, bad)).toBe(naive.add(second, total, bad));
          SECONDS.forEach((seconds, w) => {
            expect(windows.totalOf(w)).toBe(naive.sum(seconds, "total"));
            expect(windows.badOf(w)).toBe(naive.sum(seconds, "bad"));
          });
        }
      }),
      { numRuns: 200 },
    );
  });

  it("leaves no residue after days of counts that are not powers of two", () => {
    const windows = new SloWindows(WINDOWS, START);
    for (let second = START; second < START + 4 * 86_400; second += 7) {
      windows.advance(second);
      windows.add(second, 1e12 + (second % 1013), second % 89);
    }
    windows.advance(START + 40 * 86_400);
    SECONDS.forEach((_, w) => {
      expect(windows.totalOf(w)).toBe(0);
      expect(windows.badOf(w)).toBe(0);
    });
  });

  it("moves the edge of a window in the step of the tier that serves it", () => {
    const at = 1_750_000_000 - (1_750_000_000 % 3600);
    const windows = new SloWindows(WINDOWS, at);
    windows.add(at, 256, 0);
    // 5 min is served by seconds: the newest 300 of them hold `at` until at + 299.
    windows.advance(at + 299);
    expect(windows.totalOf(2)).toBe(256);
    windows.advance(at + 300);
    expect(windows.totalOf(2)).toBe(0);
    // 1 h is served by 10 s buckets: the newest 360 hold `at` until at + 3599.
    windows.advance(at + 3599);
    expect(windows.totalOf(5)).toBe(256);
    windows.advance(at + 3600);
    expect(windows.totalOf(5)).toBe(0);
    expect(windows.totalOf(6)).toBe(256);
  });

  it("does not add what is older than every tier, and says so", () => {
    const windows = new SloWindows(WINDOWS, START);
    expect(windows.add(START - 32 * 86_400, 256, 256)).toBe(false);
    expect(windows.add(START - 30 * 86_400, 256, 256)).toBe(true);
    expect(windows.totalOf(SECONDS.length - 1)).toBe(256);
    expect(windows.totalOf(0)).toBe(0);
  });

  it("counts a second ahead of the clock in the newest bucket", () => {
    const windows = new SloWindows(WINDOWS, START);
    windows.add(START + 3000, 256, 0);
    windows.advance(START - 100);
    expect(windows.totalOf(0)).toBe(256);
    expect(windows.latestSecond()).toBe(START);
    windows.advance(START + 1);
    expect(windows.totalOf(0)).toBe(0);
    expect(windows.totalOf(1)).toBe(256);
  });

  it("remembers the newest second with a request, which corrections do not move", () => {
    const windows = new SloWindows(WINDOWS, START);
    expect(windows.latestSecond()).toBeNull();
    windows.add(START - 50, 256, 0);
    windows.add(START - 70, 256, 0);
    windows.add(START - 10, -256, 0);
    windows.add(START - 5, 0, 256);
    expect(windows.latestSecond()).toBe(START - 50);
  });

  it("gives the minutes of the last 6 h, oldest first", () => {
    const at = START - (START % 60);
    const windows = new SloWindows(WINDOWS, at);
    windows.add(at - 61, 512, 256);
    windows.advance(at + 59);
    windows.add(at + 59, 256, 0);
    const minutes: [number, number, number][] = [];
    windows.eachMinute((second, total, bad) => minutes.push([second, total, bad]));
    expect(minutes).toHaveLength(360);
    expect(minutes[0]).toEqual([at - 359 * 60, 0, 0]);
    expect(minutes[357]).toEqual([at - 120, 512, 256]);
    expect(minutes[359]).toEqual([at, 256, 0]);
  });

  it("keeps its counts, and adds and forgets them, under other windows", () => {
    const before = new SloWindows(WINDOWS.slice(0, 3), START);
    before.advance(START + 4000);
    before.add(START + 4000, 512, 256);
    before.add(START + 1000, 256, 0);
    const windows = before.withWindows(WINDOWS.slice(5));
    // 1 h; 6 h
    expect([windows.totalOf(0), windows.totalOf(1)]).toEqual([768, 768]);
    expect(windows.latestSecond()).toBe(START + 4000);
    windows.advance(START + 5000);
    windows.add(START + 5000, 1024, 0);
    expect([windows.totalOf(0), windows.totalOf(1)]).toEqual([1536, 1792]);
    expect(windows.badOf(0)).toBe(256);
  });

  it("refuses a window that no tier holds, and an index that is none", () => {
    const of = (durationMs: number) => [{ label: "x", durationMs }];
    expect(() => new SloWindows(of(31 * 86_400_000 + 1), START)).toThrow(RangeError);
    expect(() => new SloWindows(of(0), START)).toThrow(RangeError);
    expect(() => new SloWindows(of(1000), START).totalOf(1)).toThrow(RangeError);
  });

  it("serves windows from whatever tiers there are", () => {
    const tiers = SLO_TIERS.filter(({ stepSeconds }) => stepSeconds === 10 || stepSeconds === 3600);
    const windows = new SloWindows(WINDOWS.slice(4), START, tiers);
    windows.add(START, 256, 256);
    windows.advance(START + 3600);
    expect(windows.badOf(0)).toBe(0);
    expect(windows.badOf(5)).toBe(256);
    windows.eachMinute(() => expect.unreachable("no minutes are kept"));
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { everySecond } from "../../../src/cli/ticks.ts";

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(10_400);
});
afterEach(() => vi.useRealTimers());

function start(onTick: (at: number) => void = () => {}) {
  const ticks: number[] = [];
  const observed: (readonly [duration: number, lag: number])[] = [];
  const subscription = everySecond(
    () => Date.now(),
    (duration, lag) => observed.push([duration, lag]),
  ).subscribe((at) => {
    ticks.push(at);
    onTick(at);
  });
  return { ticks, observed, subscription };
}

describe("everySecond", () => {
  it("ticks at the clock's seconds", () => {
    const { ticks, observed } = start();
    vi.advanceTimersByTime(3_000);
    expect(ticks).toEqual([11_000, 12_000, 13_000]);
    expect(observed.map(([, lag]) => lag)).toEqual([0, 0, 0]);
  });

  it("ticks once a second when the timer fires a little early", () => {
    const { ticks } = start();
    vi.advanceTimersByTime(599);
    vi.setSystemTime(10_998);
    vi.advanceTimersByTime(1);
    expect(ticks).toEqual([]);
    vi.advanceTimersByTime(1_001);
    expect(ticks).toEqual([11_000, 12_000]);
  });

  it("leaves out what it was too busy for, and says how late it was", () => {
    const { ticks, observed } = start((at) => {
      // Handling the first tick takes two and a half seconds.
      if (at === 11_000) vi.setSystemTime(13_500);
    });
    vi.advanceTimersByTime(600);
    vi.advanceTimersByTime(500);
    expect(ticks).toEqual([11_000, 14_000]);
    expect(observed).toHaveLength(2);
  });

  it("goes on when the clock is set back", () => {
    const { ticks } = start();
    vi.advanceTimersByTime(1_000);
    vi.setSystemTime(5_200);
    vi.advanceTimersByTime(2_000);
    expect(ticks[0]).toBe(11_000);
    expect(ticks.length).toBeGreaterThanOrEqual(2);
  });

  it("ends with its subscription", () => {
    const { ticks, subscription } = start();
    vi.advanceTimersByTime(1_000);
    subscription.unsubscribe();
    vi.advanceTimersByTime(5_000);
    expect(ticks).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});

import { describe, expect, it } from "vitest";
import { type Calibration, checkForecasts } from "../../bench/gate/forecasts.ts";
import { playProduct } from "../../bench/gate/gates.ts";
import { figuresOf, judge, type ScenarioScore } from "../../bench/gate/judge.ts";
import { drawScenario, KINDS } from "../../bench/gate/kinds.ts";
import { BAD_CANARY, INNOCENT, playRollout } from "../../bench/gate/versions.ts";
import { MINUTE } from "../../src/model/time.ts";

/*
 * A small part of bench/gate, so that a change that makes the gate worse is noticed where it is made. One draw is noisy: the
 * bounds are wide, and the figures that count are those of the bench.
 */
const SHORT = KINDS.filter(
  ({ kind }) => kind !== "healthy" && kind !== "chronic" && kind !== "low traffic",
);
const calibration = new Map<string, Calibration>();
const scores: ScenarioScore[] = SHORT.map((kind) => {
  const scenario = drawScenario(kind, 1);
  const { closings, forecasts } = playProduct(scenario, {}, 30 * MINUTE);
  checkForecasts(scenario, forecasts, calibration);
  return judge(scenario, closings);
});
const figures = figuresOf(scores);

describe("the gate on made-up services", () => {
  it("misses no incident, and is quick", () => {
    expect(figures.incidents).toBeGreaterThan(30);
    expect(figures.missed).toBe(0);
    expect(figures.delayS).toBeLessThanOrEqual(40);
    expect(figures.actionableDelayS).toBeLessThanOrEqual(30);
    expect(figures.servedOpenPercent).toBeLessThan(2.5);
  });

  it("does not close for what comes every night, and opens soon after a blip", () => {
    const nights = scores.filter(({ scenario }) => scenario.name === "a mild batch, healthy");
    expect(nights.reduce((sum, { falseClosings }) => sum + falseClosings, 0)).toBeLessThanOrEqual(
      1,
    );
    expect(figures.blipOverhangS).toBeLessThan(300);
    expect(figures.reopenings).toBeLessThan(0.2);
  });

  it("forecasts intervals that hold about as often as they say", () => {
    for (const [name, { share, checked }] of calibration) {
      if (checked < 100) continue;
      const promised = name.endsWith("80 %") ? 0.8 : 0.95;
      expect(share, name).toBeGreaterThan(promised - 0.12);
    }
  });
});

describe("a rollout", () => {
  it("of a bad version is stopped within a minute", () => {
    for (let seed = 0; seed < 3; seed++) {
      expect(playRollout(BAD_CANARY, seed).blamedAfterS).toBeLessThanOrEqual(60);
    }
  });

  it.each(INNOCENT.filter(({ name }) => name.endsWith(" 10 %")))(
    "of an innocent one is not blamed: $name",
    (rollout) => {
      expect(playRollout(rollout, 5).blamedAfterS).toBeNull();
    },
  );
});

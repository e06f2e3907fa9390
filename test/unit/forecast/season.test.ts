import { describe, expect, it } from "vitest";
import { Forecast } from "../../../src/forecast/forecast.ts";
import { Season } from "../../../src/forecast/season.ts";
import { DAY, HOUR, MINUTE } from "../../../src/model/time.ts";

const START = Date.UTC(2026, 4, 4);

/** Days of an everyday burn of 0.3, and of `night` from two to half past two. */
function nights(
  days: number,
  night: (day: number) => number,
  feed: (burn: number, now: number) => void,
) {
  for (let m = 0; m < days * 1440; m++) {
    const ofDay = m % 1440;
    const burn = ofDay >= 120 && ofDay < 150 ? night(Math.floor(m / 1440)) : 0.3;
    feed(burn, START + (m + 1) * MINUTE);
  }
}

function seasonOf(days: number, night: (day: number) => number): Season {
  const season = new Season(0.999);
  nights(days, night, (burn, now) => season.minute(burn * 60, 60_000, now));
  return season;
}

describe("the season of a day", () => {
  it("expects a batch that each of three nights has had, in its half hour and no other", () => {
    const season = seasonOf(3, () => 4);
    const midnight = START + 3 * DAY;
    // Half of the hour from two to three, 4 - 0.3 more
    expect(season.ahead(midnight + 2 * HOUR, HOUR, 0.3)).toBeCloseTo(1.85, 6);
    expect(season.ahead(midnight + 4 * HOUR, HOUR, 0.3)).toBe(0);
    expect(season.ahead(midnight, HOUR, 0.3)).toBe(0);
  });

  it("expects nothing after two days, nor from an incident of one night", () => {
    expect(seasonOf(2, () => 4).ahead(START + 2 * DAY + 2 * HOUR, HOUR, 0.3)).toBe(0);
    const once = seasonOf(3, (day) => (day === 1 ? 100 : 0.3));
    expect(once.ahead(START + 3 * DAY + 2 * HOUR, HOUR, 0.3)).toBe(0);
  });

  it("takes nights without requests for no nights", () => {
    const season = new Season(0.999);
    nights(
      3,
      () => 4,
      (burn, now) => {
        if (now < START + DAY || now > START + 2 * DAY) season.minute(burn * 60, 60_000, now);
      },
    );
    expect(season.ahead(START + 3 * DAY + 2 * HOUR, HOUR, 0.3)).toBe(0);
  });

  it("is in the forecast of the hour before the batch", () => {
    const forecast = new Forecast(0.999);
    nights(
      3,
      () => 4,
      (burn, now) => forecast.minute(60_000, 60 * burn, now, 1),
    );
    let now = START + 3 * DAY;
    for (let m = 0; m < 115; m++) {
      now += MINUTE;
      forecast.minute(60_000, 18, now, 1);
    }
    expect(forecast.at(HOUR)?.burn).toBeGreaterThan(1.5);
    expect(forecast.at(DAY)?.burn).toBeLessThan(0.6);
  });
});

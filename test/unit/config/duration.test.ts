import { describe, expect, it } from "vitest";
import { formatDuration, parseDuration, parseFixedDuration } from "../../../src/config/duration.ts";

describe("parseDuration", () => {
  it.each([
    ["300ms", 300],
    ["0.5ms", 0.5],
    ["10s", 10_000],
    ["5m", 300_000],
    ["1.5h", 5_400_000],
    ["0.1h", 360_000],
    ["28d", 2_419_200_000],
    ["2w", 1_209_600_000],
  ])("reads %s as %d ms", (text, ms) => {
    expect(parseFixedDuration(text)).toEqual({ ms });
  });

  it("tells months from minutes by case", () => {
    expect(parseDuration("1m")).toEqual({ count: 1, unit: "m", ms: 60_000 });
    expect(parseDuration("1M")).toEqual({ count: 1, unit: "M", ms: null });
    expect(parseDuration("2Q")).toEqual({ count: 2, unit: "Q", ms: null });
  });

  it.each([
    ["", "must be a duration such as 300ms, 5m or 28d"],
    ["5", "must be a duration such as 300ms, 5m or 28d (the unit is missing)"],
    ["5 m", "must be a duration such as 300ms, 5m or 28d without blanks (5m)"],
    ["1h30m", "must be a duration such as 300ms, 5m or 28d with one unit (1h30m is 90m)"],
    ["28D", "must be a duration such as 300ms, 5m or 28d (units are case-sensitive: 28d)"],
    ["-5m", "must be a duration such as 300ms, 5m or 28d"],
    ["1.5M", "must be a whole number of M"],
  ])("refuses %j", (text, fault) => {
    expect(parseDuration(text)).toEqual({ fault });
  });

  it("refuses calendar units where a fixed length is needed, and knows the slip", () => {
    expect(parseFixedDuration("5M")).toEqual({
      fault: "must have a fixed length: ms, s, m, h, d or w (M is months; 5 minutes are 5m)",
    });
  });
});

describe("formatDuration", () => {
  it.each([
    [3_600_000, "1h"],
    [90_000, "90s"],
    [259_200_000, "3d"],
    [0, "0ms"],
    [1_500, "1500ms"],
  ])("writes %d ms as %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

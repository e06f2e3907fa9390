import { describe, expect, it } from "vitest";
import { nearest, unknownSlo } from "../../../src/web/nearest.ts";

const known = ["checkout-latency", "payment-availability", "payment-latency"];

describe("nearest", () => {
  it.each([
    ["payment-availabilty", "payment-availability"],
    ["PAYMENT-LATENCY", "payment-latency"],
    ["checkout", "checkout-latency"],
    ["paymnet-latecny", "payment-latency"],
    ["paymnt-latncy", "payment-latency"],
    ["the-new-payment-latency-slo-of-us", "payment-latency"],
  ])("finds for %s %s", (name, expected) => {
    expect(nearest(name, known)).toBe(expected);
  });

  it.each(["", "zzz", "x".repeat(10_000)])("finds nothing like %.10s", (name) => {
    expect(nearest(name, known)).toBeNull();
  });
});

describe("unknownSlo", () => {
  it("lists what is known when nothing is near", () => {
    expect(unknownSlo("zzz", ["a", "b", "c", "d", "e", "f", "g"]).message).toBe(
      'no SLO named "zzz"; known: a, b, c, d, e and 2 more',
    );
  });

  it("says how to get a first SLO", () => {
    expect(unknownSlo("zzz", []).message).toContain("this engine has no SLOs");
  });
});

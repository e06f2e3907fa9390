import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { adjustedCount } from "../../../src/aggregate/sampling.ts";
import { COUNT_UNIT } from "../../../src/model/delta.ts";

/** In requests; the state stands between bytes that would continue it. */
function countOf(traceState: string, before = "", after = ""): number {
  const encoder = new TextEncoder();
  const bytes = encoder.encode(before + traceState + after);
  const start = encoder.encode(before).length;
  return adjustedCount(bytes, start, bytes.length - encoder.encode(after).length) / COUNT_UNIT;
}

describe("the adjusted count of a sampled span", () => {
  it.each([
    ["ot=th:0", 1], // threshold 0: nothing was dropped
    ["ot=th:8", 2], // 8/16 dropped
    ["ot=th:c", 4], // 12/16 dropped
    ["ot=th:C", 4],
    ["ot=th:c0", 4],
    ["ot=th:fd70a3d70a3d71", 100], // 99 % dropped
    ["ot=rv:6e6d1a75832a2f;th:8", 2],
    ["ot=th:8;rv:6e6d1a75832a2f", 2],
    ["vendor=1,ot=th:8", 2],
    ["vendor=1, \tot=th:8 ,other=2", 2],
    ["ot=p:8;r:62,th=3", 1],
    ["rojo=ot=th:8", 1],
    ["notot=th:8", 1],
    ["ot=xth:8", 1],
  ])("by %s is %d", (traceState, expected) => {
    expect(countOf(traceState)).toBe(expected);
  });

  it("is rounded once, to 1/256: one third dropped counts 1.5", () => {
    // 0x55555555555555 / 2^56 = 1/3 less a little; 1 / (2/3) = 1.5.
    expect(countOf("ot=th:55555555555555")).toBe(1.5);
    // 1 / (1 - 1/16) = 1.0667; x 256 = 273.07.
    expect(countOf("ot=th:1")).toBe(273 / 256);
  });

  it("is exact for thresholds of 56 bits, which no double can hold", () => {
    // 2^56 - T = 2^24: 2^32 requests.
    expect(countOf("ot=th:ffffffff000000")).toBe(2 ** 32);
    expect(countOf("ot=th:fffffffe")).toBe(2 ** 31);
  });

  it("has an upper end, so that sums stay exact", () => {
    expect(countOf("ot=th:ffffffffffffff")).toBe(2 ** 32);
  });

  it.each([
    "",
    "ot",
    "ot=",
    "ot=th",
    "ot=th:",
    "ot=th:;rv:1",
    "ot=th:g",
    "ot=th:8g",
    "ot=th:123456789012345",
    "ot=t:8",
    ",,,",
    "ot=;;;",
    "=",
  ])("is 1 when %j says nothing readable", (traceState) => {
    expect(countOf(traceState)).toBe(1);
  });

  it("never depends on the bytes around it", () => {
    for (const [state, after] of [
      ["o", "t=th:8"],
      ["ot", "=th:8"],
      ["ot=", "th:8"],
      ["ot=t", "h:8"],
      ["ot=th", ":8"],
      ["ot=th:", "8"],
    ] as const) {
      expect(countOf(state, "x,", after)).toBe(1);
    }
    expect(countOf("ot=th:8", "x,", "8")).toBe(2);
    expect(countOf("t=th:8", "o")).toBe(1);
  });

  it("equals the definition for every threshold", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 56n - 1n }), (threshold) => {
        const hex = threshold.toString(16).padStart(14, "0").replace(/0+$/, "") || "0";
        const kept = 2n ** 56n - threshold;
        // Round half up of 256 x 2^56 / kept, in whole numbers.
        const rounded = (2n * 256n * 2n ** 56n + kept) / (2n * kept);
        const exact = rounded < 2n ** 40n ? rounded : 2n ** 40n;
        const units = countOf(`ot=th:${hex}`) * COUNT_UNIT;
        expect(Math.abs(units - Number(exact))).toBeLessThanOrEqual(Number(exact) * 2 ** -50);
      }),
    );
  });
});

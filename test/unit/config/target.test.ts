import { describe, expect, it } from "vitest";
import { toTarget } from "../../../src/config/target.ts";

function warningsOf(objective: { target?: number; targetPercent?: number }): string[] {
  const warnings: string[] = [];
  const refuse = (_: unknown, message: string) => expect.unreachable(message);
  toTarget(objective, refuse, (path, message) => warnings.push(`${path}: ${message}`));
  return warnings;
}

describe("a target that lets more requests fail than succeed", () => {
  it.each([
    [{ targetPercent: 0.99 }, "targetPercent: is 0.99 %", "did you mean 99?"],
    [{ targetPercent: 0.999 }, "targetPercent: is 0.999 %", "did you mean 99.9?"],
    [{ target: 0.0099 }, "target: is 0.99 %", "did you mean 0.99?"],
    [{ target: 0.001 }, "target: is 0.1 %", "did you mean 0.999?"],
    [{ targetPercent: 1 }, "targetPercent: is 1 %", "did you mean 99?"],
  ])("is warned of, with what was meant: %o", (objective, found, guess) => {
    const says = `${found}: more requests may fail than must succeed; ${guess}`;
    expect(warningsOf(objective)).toEqual([says]);
  });

  it("is warned of without a guess where there is none", () => {
    expect(warningsOf({ target: 0.3 })).toEqual([
      "target: is 30 %: more requests may fail than must succeed",
    ]);
  });

  it("is not said of one of a half or more", () => {
    expect(warningsOf({ target: 0.5 })).toEqual([]);
    expect(warningsOf({ targetPercent: 99.9 })).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import { processes } from "../../../src/cli/receiving.ts";

describe("the number of receiver workers", () => {
  it.each([
    [1, 8, 1],
    [2, 1, 2],
    // One processor is left to the control plane.
    ["auto", 8, 7],
    ["auto", 2, 1],
    ["auto", 1, 1],
  ] as const)("of %s on %i processors is %i", (workers, parallelism, count) => {
    expect(processes(workers, parallelism)).toBe(count);
  });
});

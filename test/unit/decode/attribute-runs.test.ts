import { describe, expect, it } from "vitest";
import { AttributeRuns } from "../../../src/decode/attribute-runs.ts";

const sumOf = (n: number) => Int32Array.of(n, -n, 2 * n, 7);
/** Any hash will do; only its first word chooses the place. */
const find = (runs: AttributeRuns, n: number) => runs.find(Math.imul(n, 0x9e3779b1), n, -n, 3);
const keep = (runs: AttributeRuns, n: number) =>
  runs.keep(Math.imul(n, 0x9e3779b1), n, -n, 3, sumOf(n));

describe("runs of attributes", () => {
  it("are found in the order they came in, in any other, and not before they came", () => {
    const runs = new AttributeRuns();
    expect(find(runs, 0)).toBe(false);
    for (let n = 0; n < 1000; n++) {
      expect(find(runs, n)).toBe(false);
      keep(runs, n);
    }
    const shuffled = Array.from({ length: 1000 }, (_, i) => (i * 377) % 1000);
    for (const n of [...Array(1000).keys(), ...shuffled]) {
      expect(find(runs, n)).toBe(true);
      expect(runs.sum).toEqual(sumOf(n));
    }
  });

  it("that share a place in the index are told apart by the rest of their hash", () => {
    const runs = new AttributeRuns();
    runs.keep(5, 1, 0, 0, sumOf(1));
    runs.keep(5, 2, 0, 0, sumOf(2));
    expect(runs.find(5, 1, 0, 0)).toBe(true);
    expect(runs.sum).toEqual(sumOf(1));
    expect(runs.find(5, 2, 0, 0)).toBe(true);
    expect(runs.sum).toEqual(sumOf(2));
    expect(runs.find(5, 3, 0, 0)).toBe(false);
  });

  it("are bounded: more than 65,536 begin anew", () => {
    const runs = new AttributeRuns();
    for (let n = 0; n <= 65_536; n++) keep(runs, n);
    expect(find(runs, 65_536)).toBe(true);
    expect(runs.sum).toEqual(sumOf(65_536));
    expect(find(runs, 1)).toBe(false);
    expect(find(runs, 0)).toBe(false);
    keep(runs, 0);
    expect(find(runs, 0)).toBe(true);
  });
});

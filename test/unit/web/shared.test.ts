import { describe, expect, it } from "vitest";
import { shared } from "../../../src/web/shared.ts";

describe("a shared answer", () => {
  it("is made once for all who ask while another is made, after they asked", async () => {
    const ends: ((value: number) => void)[] = [];
    const ask = shared(() => new Promise<number>((resolve) => ends.push(resolve)));
    const first = ask();
    await Promise.resolve();
    expect(ends).toHaveLength(1);
    const later = [ask(), ask(), ask()];
    await Promise.resolve();
    expect(ends).toHaveLength(1);
    ends[0]?.(1);
    expect(await first).toBe(1);
    await new Promise(setImmediate);
    expect(ends).toHaveLength(2);
    ends[1]?.(2);
    expect(await Promise.all(later)).toEqual([2, 2, 2]);
  });

  it("that fails does so for those who share it, and the next one is made", async () => {
    let made = 0;
    const ask = shared(async () => {
      if (++made === 1) throw new Error("a defect");
      return made;
    });
    const both = [ask(), ask()];
    for (const one of both) await expect(one).rejects.toThrow("a defect");
    expect(await ask()).toBe(2);
  });
});

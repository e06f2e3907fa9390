import { describe, expect, it } from "vitest";
import { dropGarbage } from "../../../src/cli/heap-flags.ts";

const aTurn = () => new Promise((resolve) => setImmediate(resolve));

describe("dropping garbage", () => {
  it("gives back what nothing holds any more, and nothing else", async () => {
    const held = new WeakRef({ bytes: new Uint8Array(1024) });
    const left = new WeakRef({ bytes: new Uint8Array(1024) });
    const holder = held.deref();
    await aTurn();
    dropGarbage();
    await aTurn();
    expect(left.deref()).toBeUndefined();
    expect(held.deref()).toBe(holder);
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InFlight } from "../../../src/receive/limits.ts";

describe("what is in flight", () => {
  it("is bounded in requests, and a refused request is not counted", () => {
    const limits = new InFlight({ maxBytes: 100, maxRequests: 2, retryAfterMs: 700 });
    expect([limits.begin(), limits.begin()]).toEqual([null, null]);
    expect(limits.begin()).toEqual({
      code: "overloaded",
      message: "more than 2 requests in flight",
      retryAfterMs: 700,
    });
    expect(limits.requests).toBe(2);
    limits.end(0);
    expect(limits.begin()).toBeNull();
  });

  it("is bounded in bytes, up to the last one", () => {
    const limits = new InFlight({ maxBytes: 100 });
    limits.begin();
    limits.begin();
    expect(limits.grow(60)).toBeNull();
    expect(limits.grow(40)).toBeNull();
    expect(limits.grow(1)).toMatchObject({ code: "overloaded", retryAfterMs: 1000 });
    expect(limits.bytes).toBe(100);
    expect(limits.begin()).toMatchObject({ code: "overloaded" });
    limits.end(60);
    expect(limits).toMatchObject({ requests: 1, bytes: 40 });
  });

  it("lets a request that is alone pass whatever its size, so that it is not refused for ever", () => {
    const limits = new InFlight({ maxBytes: 100 });
    limits.begin();
    expect(limits.grow(500)).toBeNull();
    expect(limits.begin()).toMatchObject({ code: "overloaded" });
    limits.end(500);
    expect(limits.begin()).toBeNull();
  });

  it("returns to nothing after any sequence of requests", () => {
    const sizes = fc.array(fc.array(fc.nat(80), { maxLength: 5 }), { maxLength: 30 });
    fc.assert(
      fc.property(sizes, (requests) => {
        const limits = new InFlight({ maxBytes: 100, maxRequests: 5 });
        const open: number[] = [];
        for (const parts of requests) {
          if (limits.begin() === null)
            open.push(parts.reduce((held, n) => (limits.grow(n) === null ? held + n : held), 0));
          else limits.end(open.shift() ?? 0);
          expect(limits.bytes).toBe(open.reduce((a, b) => a + b, 0));
          if (open.length > 1) expect(limits.bytes).toBeLessThanOrEqual(100);
        }
        for (const held of open) limits.end(held);
        expect(limits).toMatchObject({ requests: 0, bytes: 0 });
      }),
    );
  });
});

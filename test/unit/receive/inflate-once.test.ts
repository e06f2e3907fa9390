import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { inflateOnce } from "../../../src/receive/inflate-once.ts";

describe("decompression at once", () => {
  it("uses the memory of the last call again, whatever the sizes", () => {
    const large = inflateOnce(gzipSync(randomBytes(100_000)), 100_000);
    for (const size of [1, 1000, 65_536, 100_000]) {
      const sent = randomBytes(size);
      const bytes = inflateOnce(gzipSync(sent), size);
      expect(bytes.equals(sent)).toBe(true);
      // Else this Node has other fields, and every call makes garbage.
      expect(bytes.buffer).toBe(large.buffer);
    }
  });

  it("makes room for a larger one", () => {
    const sent = randomBytes(3_000_000);
    expect(inflateOnce(gzipSync(sent), sent.length).equals(sent)).toBe(true);
  });

  it("stops at a byte more than allowed, and goes on after a failure", () => {
    const bomb = gzipSync(Buffer.alloc(1_000_000));
    expect(() => inflateOnce(bomb, 999_999)).toThrow(
      expect.objectContaining({ code: "ERR_BUFFER_TOO_LARGE" }),
    );
    const whole = gzipSync(randomBytes(5000));
    for (const cut of [5, 20, 3000, whole.length - 1]) {
      expect(() => inflateOnce(whole.subarray(0, cut), 5000)).toThrow();
    }
    expect(() => inflateOnce(Buffer.from("no gzip at all"), 5000)).toThrow();
    expect(inflateOnce(bomb, 1_000_000)).toHaveLength(1_000_000);
  });
});

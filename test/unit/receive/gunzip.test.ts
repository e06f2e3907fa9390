import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { Refusal } from "../../../src/model/refusal.ts";
import { gunzip } from "../../../src/receive/gunzip.ts";
import { InFlight } from "../../../src/receive/limits.ts";
import { MIB } from "./support.ts";

interface Result {
  readonly bytes: Buffer;
  readonly refusal: Refusal | null;
  readonly grown: number;
}

function run(compressed: Buffer, maxBytes: number, limits: InFlight): Promise<Result> {
  return new Promise((resolve) => {
    const limit = { maxBytes, source: "the test" };
    gunzip(compressed, limit, limits, (bytes, refusal, grown) =>
      resolve({ bytes, refusal, grown }),
    );
  });
}

function busyLimits(maxBytes: number): InFlight {
  const limits = new InFlight({ maxBytes });
  limits.begin();
  limits.begin();
  return limits;
}

describe("gunzip", () => {
  it("gives back what was compressed, of any size, and counts it", async () => {
    for (const size of [0, 1, 1000, 262_143, 262_144, 262_145, 3 * MIB]) {
      const limits = busyLimits(100 * MIB);
      const sent = randomBytes(size);
      const { bytes, refusal, grown } = await run(gzipSync(sent), 3 * MIB, limits);
      expect(refusal).toBeNull();
      expect(bytes.equals(sent)).toBe(true);
      expect(grown).toBeGreaterThanOrEqual(size);
      expect(limits.bytes).toBe(grown);
    }
  });

  it("believes no trailer: a false size changes nothing", async () => {
    const sent = randomBytes(500_000);
    for (const claim of [0, 1, 0xffffffff]) {
      const compressed = gzipSync(sent);
      compressed.writeUInt32LE(claim, compressed.length - 4);
      const { refusal } = await run(compressed, MIB, busyLimits(100 * MIB));
      // zlib checks the trailer at the end.
      expect(refusal?.message).toContain("not gzip");
      const { refusal: large } = await run(compressed, 100_000, busyLimits(100 * MIB));
      expect(large?.code).toBe("too-large");
    }
  });

  it("reads members that follow one another as one, though the trailer tells of the last alone", async () => {
    const [first, second] = [randomBytes(70_000), randomBytes(500)];
    const limits = busyLimits(100 * MIB);
    const both = Buffer.concat([gzipSync(first), gzipSync(second)]);
    const { bytes, grown } = await run(both, MIB, limits);
    expect(bytes.equals(Buffer.concat([first, second]))).toBe(true);
    expect(limits.bytes).toBe(grown);
  });

  it("stops when too much is in flight, at the start or on the way", async () => {
    const compressed = gzipSync(Buffer.alloc(8 * MIB));
    for (const maxBytes of [100, MIB]) {
      const limits = busyLimits(maxBytes);
      const { refusal, grown } = await run(compressed, 64 * MIB, limits);
      expect(refusal?.code).toBe("overloaded");
      expect(limits.bytes).toBe(grown);
      expect(grown).toBeLessThanOrEqual(maxBytes);
    }
  });

  it("takes the limit as the largest size allowed", async () => {
    const compressed = gzipSync(Buffer.alloc(1000));
    expect((await run(compressed, 1000, busyLimits(MIB))).refusal).toBeNull();
    expect((await run(compressed, 999, busyLimits(MIB))).refusal?.code).toBe("too-large");
  });
});

import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Assembly, BufferPool } from "../../../src/receive/assembly.ts";

const KIB = 1024;

/** Appends `bytes` in chunks, and says how much was asked for in all. */
function fill(assembly: Assembly, bytes: Buffer, chunkBytes: number, expected: number): number {
  let wanted = 0;
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const chunk = bytes.subarray(at, at + chunkBytes);
    wanted += assembly.wants(chunk.length, expected);
    assembly.append(chunk, expected);
  }
  return wanted;
}

describe("a message in chunks", () => {
  it("is put together, whatever its sender had announced", () => {
    const pool = new BufferPool();
    for (const announced of [0, 1000, 300 * KIB, 64 * KIB * KIB]) {
      for (const size of [1, 15 * KIB, 16 * KIB, 300 * KIB, 5 * KIB * KIB]) {
        const sent = randomBytes(size);
        const assembly = new Assembly(pool);
        fill(assembly, sent, 16 * KIB, announced);
        expect(assembly.bytes().equals(sent)).toBe(true);
        assembly.release();
      }
    }
  });

  it("asks for all the room that it takes, and for little when little has come", () => {
    const assembly = new Assembly(new BufferPool());
    const announced = 64 * KIB * KIB;
    expect(fill(assembly, randomBytes(32 * KIB), 16 * KIB, announced)).toBe(256 * KIB);
    expect(assembly.bytes().buffer.byteLength).toBe(256 * KIB);
  });

  it("in one chunk is that chunk", () => {
    const assembly = new Assembly(new BufferPool());
    const only = randomBytes(100);
    expect(assembly.wants(100, 100)).toBe(100);
    assembly.append(only, 100);
    expect(assembly.bytes()).toBe(only);
  });

  it("gives its memory to the next one, once", () => {
    const pool = new BufferPool();
    const [first, second, third] = [new Assembly(pool), new Assembly(pool), new Assembly(pool)];
    fill(first, randomBytes(100 * KIB), 16 * KIB, 100 * KIB);
    const memory = first.bytes().buffer;
    first.release();
    first.release();
    fill(second, randomBytes(100 * KIB), 16 * KIB, 100 * KIB);
    fill(third, randomBytes(100 * KIB), 16 * KIB, 100 * KIB);
    expect(second.bytes().buffer).toBe(memory);
    expect(third.bytes().buffer).not.toBe(memory);
  });
});

describe("the pool", () => {
  it("keeps 8 MiB at most", () => {
    const pool = new BufferPool();
    const taken = Array.from({ length: 6 }, () => pool.take(4 * KIB * KIB));
    for (const buffer of taken) pool.give(buffer);
    const again = Array.from({ length: 6 }, () => pool.take(4 * KIB * KIB));
    expect(again.filter((buffer) => taken.includes(buffer))).toHaveLength(2);
  });
});

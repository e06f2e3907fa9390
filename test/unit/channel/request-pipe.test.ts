import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RequestParser, RequestWriter } from "../../../src/channel/request-pipe.ts";
import type { Encoding } from "../../../src/ports/otlp-consumer.ts";

/** Gives out no buffer twice at a time, and dirty ones. */
class StrictPool {
  readonly out = new Set<Buffer>();

  take(bytes: number): Buffer {
    const buffer = Buffer.alloc(bytes + 7, 0xee);
    this.out.add(buffer);
    return buffer;
  }

  give(buffer: Buffer): void {
    if (!this.out.delete(buffer)) throw new Error("given back twice");
    buffer.fill(0xdd);
  }
}

const request = fc.record({
  number: fc.nat(2 ** 40),
  encoding: fc.constantFrom<Encoding>("protobuf", "json"),
  bytes: fc.uint8Array({ maxLength: 200 }),
});

type Request = typeof request extends fc.Arbitrary<infer R> ? R : never;

function written(pool: StrictPool, requests: readonly Request[]): Buffer {
  const chunks: Buffer[] = [];
  const write = (chunk: Uint8Array, done: () => void) => {
    chunks.push(Buffer.from(chunk));
    done();
  };
  const writer = new RequestWriter({ write }, pool);
  for (const { number, encoding, bytes } of requests) writer.send(number, encoding, bytes);
  return Buffer.concat(chunks);
}

describe("requests in a pipe", () => {
  it("come out as they went in, wherever the pipe cuts them", () => {
    const pieces = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(fc.array(request, { maxLength: 6 }), pieces, (requests, sizes) => {
        const pool = new StrictPool();
        const wire = written(pool, requests);
        const taken: unknown[] = [];
        const parser = new RequestParser(pool, (number, encoding, bytes) => {
          taken.push({ number, encoding, bytes: Uint8Array.from(bytes) });
        });
        for (let at = 0, piece = 0; at < wire.length; piece++) {
          const size = sizes[piece % sizes.length]!;
          parser.read(Buffer.from(wire.subarray(at, at + size)));
          at += size;
        }
        expect(taken).toEqual(requests);
        expect(pool.out.size).toBe(0);
      }),
    );
  });

  it("that were not written wholly are not taken", () => {
    const pool = new StrictPool();
    const bytes = Uint8Array.from({ length: 50 }, (_, i) => i);
    const wire = written(pool, [{ number: 7, encoding: "protobuf", bytes }]);
    for (let end = 0; end < wire.length; end++) {
      const parser = new RequestParser(pool, () => {
        throw new Error("taken");
      });
      parser.read(wire.subarray(0, end));
    }
  });
});

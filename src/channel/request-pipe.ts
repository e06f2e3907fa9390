import type { Encoding } from "../ports/otlp-consumer.ts";

/*
 * Requests of metrics cross as they came, over a pipe of their own: a head with the request's number, the length and the
 * encoding, then the bytes. Through the channel of messages they would be copied to memory outside the heap that outlives the
 * young generation; freeing it costs four times what the rest does.
 */

const HEAD_BYTES = 16;
const NUMBER_AT = 0;
const LENGTH_AT = 8;
const ENCODING_AT = 12;
const ENCODINGS: readonly Encoding[] = ["protobuf", "json"];

/** Buffers that are used again: see `receive/assembly.ts`. */
export interface Pool {
  take(bytes: number): Buffer;
  give(buffer: Buffer): void;
}

/** What is written arrives in order; `written` is called when the bytes are the caller's again. */
export interface Pipe {
  write(bytes: Uint8Array, written: () => void): unknown;
}

/** The worker's end. What waits to be written is bounded by what the receivers let in. */
export class RequestWriter {
  private readonly pipe: Pipe;
  private readonly pool: Pool;

  constructor(pipe: Pipe, pool: Pool) {
    this.pipe = pipe;
    this.pool = pool;
  }

  /** `bytes` are copied before it returns. */
  send(request: number, encoding: Encoding, bytes: Uint8Array): void {
    const length = HEAD_BYTES + bytes.length;
    const frame = this.pool.take(length);
    frame.writeDoubleLE(request, NUMBER_AT);
    frame.writeUInt32LE(bytes.length, LENGTH_AT);
    frame.writeUInt32LE(ENCODINGS.indexOf(encoding), ENCODING_AT);
    frame.set(bytes, HEAD_BYTES);
    this.pipe.write(frame.subarray(0, length), () => this.pool.give(frame));
  }
}

/** `bytes` belong to the caller again when it returns. */
export type TakeRequest = (request: number, encoding: Encoding, bytes: Uint8Array) => void;

/** The control plane's end. What a worker that was killed had not written wholly is never taken. */
export class RequestParser {
  private readonly pool: Pool;
  private readonly take: TakeRequest;
  private readonly head = Buffer.alloc(HEAD_BYTES);
  private headBytes = 0;
  /** Of a request that does not stand in one chunk. */
  private body: Buffer | null = null;
  private bodyBytes = 0;

  constructor(pool: Pool, take: TakeRequest) {
    this.pool = pool;
    this.take = take;
  }

  read(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.headBytes < HEAD_BYTES) {
        const copied = chunk.copy(this.head, this.headBytes, at);
        this.headBytes += copied;
        at += copied;
        if (this.headBytes < HEAD_BYTES) return;
      }
      at = this.readBody(chunk, at);
    }
  }

  /** @returns where the next request begins, or the chunk's end */
  private readBody(chunk: Buffer, at: number): number {
    const length = this.head.readUInt32LE(LENGTH_AT);
    if (this.body === null) {
      const end = at + length;
      if (end <= chunk.length) {
        this.handOver(chunk.subarray(at, end));
        return end;
      }
      this.body = this.pool.take(length);
      this.bodyBytes = 0;
    }
    const { body } = this;
    const copied = chunk.copy(body, this.bodyBytes, at, at + length - this.bodyBytes);
    this.bodyBytes += copied;
    if (this.bodyBytes === length) {
      this.handOver(body.subarray(0, length));
      this.body = null;
      this.pool.give(body);
    }
    return at + copied;
  }

  private handOver(bytes: Uint8Array): void {
    this.headBytes = 0;
    const encoding = ENCODINGS[this.head.readUInt32LE(ENCODING_AT)];
    if (encoding === undefined) throw new Error("unreachable: a worker sends what it was made for");
    this.take(this.head.readDoubleLE(NUMBER_AT), encoding, bytes);
  }
}

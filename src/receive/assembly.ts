const SMALLEST_BYTES = 16 * 1024;
const LARGEST_BYTES = 4 * 1024 * 1024;
/** Kept for later, over all sizes; what comes back beyond that is left to the garbage collector. */
const KEPT_BYTES = 8 * 1024 * 1024;
/** Room is made for so many times what has come: whoever announces much and sends little gets little. */
const AHEAD = 8;

/** Of the buffer that is taken for so many bytes. */
function sizeFor(bytes: number): number {
  if (bytes > LARGEST_BYTES) return bytes;
  return Math.max(SMALLEST_BYTES, 2 ** Math.ceil(Math.log2(bytes)));
}

/** Buffers that are used again, in sizes that are powers of two up to 4 MiB. Larger ones are made and dropped. */
export class BufferPool {
  private readonly free = new Map<number, Buffer[]>();
  private keptBytes = 0;

  /** A buffer of at least `bytes`; its content is what was there before. */
  take(bytes: number): Buffer {
    const size = sizeFor(bytes);
    const found = this.free.get(size)?.pop();
    if (found === undefined) return Buffer.allocUnsafeSlow(size);
    this.keptBytes -= size;
    return found;
  }

  /** The caller must not touch the buffer again. */
  give(buffer: Buffer): void {
    const size = buffer.length;
    if (size > LARGEST_BYTES || this.keptBytes + size > KEPT_BYTES) return;
    const others = this.free.get(size);
    if (others === undefined) this.free.set(size, [buffer]);
    else others.push(buffer);
    this.keptBytes += size;
  }
}

/**
 * A message that comes in chunks. They are copied as they come: chunks that were kept until the last one would outlive
 * the collector's young generation, and be freed only with all of the heap looked at.
 */
export class Assembly {
  /** Received so far. */
  length = 0;
  private readonly pool: BufferPool;
  /** The only chunk so far, as it came. */
  private chunk: Buffer | null = null;
  private buffer: Buffer | null = null;

  constructor(pool: BufferPool) {
    this.pool = pool;
  }

  /** Bytes that `append` would take from the pool for a chunk of this size, beyond those it has. */
  wants(chunkBytes: number, expectedBytes: number): number {
    if (this.length === 0) return chunkBytes;
    return Math.max(0, this.roomFor(chunkBytes, expectedBytes) - this.held());
  }

  /** @param expectedBytes of the whole message, as far as its sender has told */
  append(chunk: Buffer, expectedBytes: number): void {
    if (this.length === 0) {
      this.chunk = chunk;
      this.length = chunk.length;
      return;
    }
    const room = this.roomFor(chunk.length, expectedBytes);
    if (this.buffer === null || room > this.buffer.length) this.moveTo(this.pool.take(room));
    this.length += chunk.copy(this.buffer as Buffer, this.length);
  }

  /** All of it; belongs to the assembly until `release`. */
  bytes(): Buffer {
    return this.buffer?.subarray(0, this.length) ?? this.chunk ?? EMPTY;
  }

  /** Gives back what it holds. Safe to call twice. */
  release(): void {
    if (this.buffer !== null) this.pool.give(this.buffer);
    this.buffer = null;
    this.chunk = null;
  }

  private held(): number {
    return this.buffer?.length ?? this.length;
  }

  private roomFor(chunkBytes: number, expectedBytes: number): number {
    const needed = this.length + chunkBytes;
    if (this.buffer !== null && needed <= this.buffer.length) return this.buffer.length;
    return sizeFor(Math.max(needed, Math.min(expectedBytes, needed * AHEAD)));
  }

  private moveTo(larger: Buffer): void {
    this.bytes().copy(larger);
    if (this.buffer !== null) this.pool.give(this.buffer);
    this.buffer = larger;
    this.chunk = null;
  }
}

const EMPTY = Buffer.alloc(0);

import { createGunzip } from "node:zlib";
import type { Refusal } from "../model/refusal.ts";
import { inflateOnce } from "./inflate-once.ts";
import type { InFlight } from "./limits.ts";
import { malformed, type SizeLimit, tooLarge } from "./refusals.ts";

const MIN_CHUNK_BYTES = 1024;
const MAX_CHUNK_BYTES = 256 * 1024;
/** A request that claims no more than this is decompressed at once: what another thread saves it would cost. */
const MAX_AT_ONCE_BYTES = 4 * 1024 * 1024;
/** Deflate cannot do better than this: https://zlib.net/zlib_tech.html. */
const MAX_RATIO = 1032;

type Finished = (bytes: Buffer, refusal: Refusal | null, grown: number) => void;

/**
 * Decompresses, at most to `limit` and to what may be in flight: a gzip bomb costs what its trailer admits, or one
 * chunk. `grown` is what was added to `limits`, also on a refusal; the caller ends it. `bytes` is empty on a refusal.
 * What is large, or larger than its trailer says, is decompressed off the main thread; `finished` is then called later.
 * `bytes` may be memory that the next call uses again: they are of use only until `finished` returns.
 */
export function gunzip(
  compressed: Buffer,
  limit: SizeLimit,
  limits: InFlight,
  finished: Finished,
): void {
  const claimed = sizeHint(compressed);
  const isSmall = claimed > 0 && claimed <= Math.min(limit.maxBytes, MAX_AT_ONCE_BYTES);
  if (isSmall && atOnce(compressed, claimed, limits, finished)) return;
  inChunks(compressed, claimed, limit, limits, finished);
}

/** False when there is more than claimed: nothing has been answered and nothing is held then. */
function atOnce(
  compressed: Buffer,
  claimed: number,
  limits: InFlight,
  finished: Finished,
): boolean {
  const refusal = limits.grow(claimed);
  if (refusal !== null) {
    finished(EMPTY, refusal, 0);
    return true;
  }
  let bytes: Buffer = EMPTY;
  let problem: Refusal | null = null;
  try {
    bytes = inflateOnce(compressed, claimed);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") {
      limits.shrink(claimed);
      return false;
    }
    problem = notGzip(error);
  }
  finished(bytes, problem, claimed);
  return true;
}

function inChunks(
  compressed: Buffer,
  claimed: number,
  limit: SizeLimit,
  limits: InFlight,
  finished: Finished,
): void {
  const chunkSize = Math.min(Math.max(claimed + 1, MIN_CHUNK_BYTES), MAX_CHUNK_BYTES);
  const chunks: Buffer[] = [];
  let total = 0;
  let grown = 0;
  let over = false;
  const finish = (bytes: Buffer, refusal: Refusal | null): void => {
    if (over) return;
    over = true;
    finished(bytes, refusal, grown);
  };
  const hold = (bytes: number): boolean => {
    const refusal = limits.grow(bytes);
    if (refusal !== null) finish(EMPTY, refusal);
    else grown += bytes;
    return refusal === null;
  };
  // The first chunk is there before anything is decompressed.
  if (!hold(chunkSize)) return;
  const stream = createGunzip({ chunkSize });
  stream.on("data", (chunk: Buffer) => {
    if (over) return;
    total += chunk.length;
    chunks.push(chunk);
    if (total > limit.maxBytes) finish(EMPTY, tooLarge(limit, "after decompression"));
    else if (total > grown) hold(total - grown);
    if (over) stream.destroy();
  });
  stream.on("error", (error) => finish(EMPTY, notGzip(error)));
  stream.on("end", () => finish(join(chunks, total), null));
  stream.end(compressed);
}

const EMPTY = Buffer.alloc(0);

function notGzip(error: unknown): Refusal {
  return malformed(`not gzip: ${error instanceof Error ? error.message : String(error)}`);
}

function join(chunks: readonly Buffer[], total: number): Buffer {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, total);
}

/** The trailer's claim (RFC 1952, ISIZE) as far as it is believable; it only chooses a buffer size. */
function sizeHint(compressed: Buffer): number {
  if (compressed.length < 18) return 0;
  return Math.min(compressed.readUInt32LE(compressed.length - 4), compressed.length * MAX_RATIO);
}

import { createGunzip } from "node:zlib";
import type { Refusal } from "../model/refusal.ts";
import type { InFlight } from "./limits.ts";
import { malformed, tooLarge } from "./refusals.ts";

const MIN_CHUNK_BYTES = 1024;
const MAX_CHUNK_BYTES = 256 * 1024;
/** Deflate cannot do better than this: https://zlib.net/zlib_tech.html. */
const MAX_RATIO = 1032;

/**
 * Decompresses off the main thread and stops at the first chunk beyond `maxBytes` or beyond what may be
 * in flight, so a gzip bomb costs one chunk. `grown` is what was added to `limits`, also on a refusal; the
 * caller ends it. `bytes` is empty on a refusal.
 */
export function gunzip(
  compressed: Buffer,
  maxBytes: number,
  limits: InFlight,
  finished: (bytes: Buffer, refusal: Refusal | null, grown: number) => void,
): void {
  const chunkSize = Math.min(Math.max(sizeHint(compressed) + 1, MIN_CHUNK_BYTES), MAX_CHUNK_BYTES);
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
    if (total > maxBytes) finish(EMPTY, tooLarge(maxBytes, "after decompression"));
    else if (total > grown) hold(total - grown);
    if (over) stream.destroy();
  });
  stream.on("error", (error) => finish(EMPTY, malformed(`not gzip: ${error.message}`)));
  stream.on("end", () => finish(join(chunks, total), null));
  stream.end(compressed);
}

const EMPTY = Buffer.alloc(0);

function join(chunks: readonly Buffer[], total: number): Buffer {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, total);
}

/** The trailer's claim (RFC 1952, ISIZE) as far as it is believable; it only chooses a buffer size. */
function sizeHint(compressed: Buffer): number {
  if (compressed.length < 18) return 0;
  return Math.min(compressed.readUInt32LE(compressed.length - 4), compressed.length * MAX_RATIO);
}

import { constants, createGunzip, gunzipSync } from "node:zlib";

/** zlib's smallest; the buffer that it would make for itself is not used. */
const OWN_CHUNK_BYTES = 64;

/** Fields of Node's zlib objects that have no public name; packages that decompress synchronously have used them for ten years. */
interface Synchronous {
  _outBuffer: Buffer;
  _chunkSize: number;
  _processChunk(input: Buffer, flush: number): Buffer;
}

let output = Buffer.alloc(0);

/**
 * The decompressed bytes of a gzip stream, at most `mostBytes`; they are overwritten by the next call. `gunzipSync` makes a
 * buffer for every call: at a thousand requests a second the garbage collector then works as much as zlib does. Where
 * Node's zlib has not the fields that this needs, it is `gunzipSync`.
 *
 * @throws Error with the code ERR_BUFFER_TOO_LARGE when there is more, with one of zlib's when it is no gzip stream
 */
export function inflateOnce(compressed: Buffer, mostBytes: number): Buffer {
  const gunzip = createGunzip({ chunkSize: OWN_CHUNK_BYTES, maxOutputLength: mostBytes });
  if (!isSynchronous(gunzip)) return gunzipSync(compressed, { maxOutputLength: mostBytes });
  // Room for one byte more: a buffer that is full would be replaced by a new one.
  if (output.length <= mostBytes)
    output = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(mostBytes + 1)));
  gunzip._outBuffer = output;
  gunzip._chunkSize = mostBytes + 1;
  return gunzip._processChunk(compressed, constants.Z_FINISH);
}

function isSynchronous(gunzip: unknown): gunzip is Synchronous {
  const { _outBuffer, _chunkSize, _processChunk } = gunzip as Partial<Synchronous>;
  return (
    Buffer.isBuffer(_outBuffer) &&
    _chunkSize === OWN_CHUNK_BYTES &&
    typeof _processChunk === "function"
  );
}

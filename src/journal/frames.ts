import { crc32 } from "node:zlib";
import type { PackedWriter } from "./packed.ts";
import { PackedReader } from "./packed.ts";

/**
 * A frame is what one commit writes: magic, length and CRC-32 of what follows (four bytes each, little endian), and
 * then the records.
 */
const MAGIC = 0x4c47_4c53; // "SLGL"
export const FRAME_HEADER_BYTES = 12;

/** Leaves room for the header; `sealFrame` fills it in when the records have been written. */
export function beginFrame(out: PackedWriter): void {
  out.clear();
  for (let i = 0; i < FRAME_HEADER_BYTES / 4; i++) out.uint32(0);
}

/** The finished frame; valid until the writer is used again. */
export function sealFrame(out: PackedWriter): Uint8Array {
  const bytes = out.bytes();
  const records = bytes.subarray(FRAME_HEADER_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, records.length, true);
  view.setUint32(8, crc32(records), true);
  return bytes;
}

/** The frames of a file, in order. What is no frame is passed over: a commit that was not finished, or damage. */
export class FrameScanner {
  /** Behind the last frame so far. */
  validBytes = 0;
  /** Passed over so far, between frames. */
  damagedBytes = 0;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The records of the next frame; null when there is none any more. */
  next(): PackedReader | null {
    const from = this.validBytes;
    for (let at = from; at + FRAME_HEADER_BYTES <= this.bytes.length; at++) {
      if (this.view.getUint32(at, true) !== MAGIC) continue;
      const start = at + FRAME_HEADER_BYTES;
      const end = start + this.view.getUint32(at + 4, true);
      if (end > this.bytes.length) continue;
      if (crc32(this.bytes.subarray(start, end)) !== this.view.getUint32(at + 8, true)) continue;
      this.damagedBytes += at - from;
      this.validBytes = end;
      return new PackedReader(this.bytes, start, end);
    }
    return null;
  }

  /** Bytes behind the last frame. */
  get tornBytes(): number {
    return this.bytes.length - this.validBytes;
  }
}

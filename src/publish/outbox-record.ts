import { crc32 } from "node:zlib";
import type { Change } from "../ports/transition-queue.ts";

/**
 * A line of an outbox: the beginning of a term with the SLOs that have been sent so far, a change with its number, or the
 * number up to which changes are out.
 */
export type OutboxRecord =
  | { readonly epoch: number; readonly sent: readonly string[] }
  | { readonly number: number; readonly change: Change }
  | { readonly settled: number };

const CHECKSUM_DIGITS = 8;

/** `checksum json` and the line's end; the checksum is the CRC-32 of the JSON. */
export function writeRecord(record: OutboxRecord): string {
  const json = JSON.stringify(record);
  return `${checksum(json)} ${json}\n`;
}

/** All sound records. Lines that are torn or damaged are left out. */
export function readRecords(bytes: Buffer): OutboxRecord[] {
  const records: OutboxRecord[] = [];
  for (const line of bytes.toString("utf8").split("\n")) {
    const json = line.slice(CHECKSUM_DIGITS + 1);
    if (json !== "" && line.slice(0, CHECKSUM_DIGITS) === checksum(json)) {
      records.push(JSON.parse(json) as OutboxRecord);
    }
  }
  return records;
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(CHECKSUM_DIGITS, "0");
}

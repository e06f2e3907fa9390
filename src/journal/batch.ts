import type { Refusal } from "../model/refusal.ts";
import { PackedWriter } from "./packed.ts";
import { TICKED } from "./records.ts";

/** Ticks kept while the disk fails: an hour. Of a longer failure the oldest are not stored: time without evidence. */
const KEPT_CHANGES = 3_600;

export type Answer = (refusal: Refusal | null) => void;

/** An admitted delta whose commit is still to come. */
export interface Waiting {
  /** Its fingerprint; null when it has none. */
  readonly key: string | null;
  /** Where its record's body is in the batch's deltas. */
  readonly start: number;
  readonly end: number;
  readonly answers: Answer[];
}

/** What goes into one frame. */
export class Batch {
  readonly parts = new PackedWriter();
  readonly deltas = new PackedWriter();
  waiting: Waiting[] = [];
  changes: Uint8Array[] = [];

  get isEmpty(): boolean {
    return this.parts.length + this.deltas.length + this.changes.length === 0;
  }

  addChange(record: Uint8Array): void {
    const { changes } = this;
    changes.push(record);
    if (changes.length <= KEPT_CHANGES) return;
    const oldest = changes.findIndex((change) => change[0] === TICKED);
    if (oldest >= 0) changes.splice(oldest, 1);
  }

  clear(): void {
    this.parts.clear();
    this.deltas.clear();
    this.waiting = [];
    this.changes = [];
  }
}

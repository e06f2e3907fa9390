import type { StateCarrier } from "../model/state-carrier.ts";
import type { UnixSecond } from "../model/time.ts";
import { newContrast } from "./contrast.ts";
import { BAD, EXPECTED, MOST_ALTERNATIVES, NATS, ROW_LENGTH_WITHOUT_ECHO } from "./row.ts";
import { newRow } from "./sequential.ts";
import { DEFAULT_TUNING } from "./tuning.ts";

export const CELL_S = 10;
/** Cells of a version that can still change or be judged: two minutes. */
export const CELLS = 12;

const FIRST = 0;
const LATEST = 1;
const HEARD = 2;
const TOTAL = 3;
const BAD_SEEN = 4;
const SHARE_NOW = 5;
const SHARE_BEFORE = 6;
const BLAMED_AT = 7;
const ESTABLISHED = 8;
const FIELDS = 9;

/** Weight of a cell in the present share (a minute) and in that of the last hours (half after an hour). */
const NOW_WEIGHT = 0.16;
const BEFORE_KEEP = 0.5 ** (1 / 360);
/** A share that is larger than before by this is growing. */
const GROWING = 1.25;
const DAY_S = 86_400;

/** What is known of one version of an SLO's service. Counts in requests; times in unix seconds. */
export class VersionTrack {
  /** Number in deltas; 0 is "no version", 1 is "other". */
  readonly id: number;
  /** Its own evidence of burn, as the SLO's. */
  readonly row = newRow(DEFAULT_TUNING, 0, ROW_LENGTH_WITHOUT_ECHO);
  readonly contrast = newContrast();
  private readonly fields = new Float64Array(FIELDS);
  private readonly cells = new Float64Array(2 * CELLS);

  /** @param established was there before anyone watched: nothing new that could be to blame */
  constructor(id: number, second: UnixSecond, established: boolean) {
    this.id = id;
    this.fields[FIRST] = second;
    this.fields[LATEST] = second;
    this.fields[BLAMED_AT] = Number.NaN;
    this.fields[ESTABLISHED] = established ? 1 : 0;
    this.fields[SHARE_BEFORE] = established ? Number.NaN : 0;
  }

  get first(): UnixSecond {
    return this.fields[FIRST]!;
  }
  /** Newest event second. */
  get latest(): UnixSecond {
    return this.fields[LATEST]!;
  }
  /** When anything of it last arrived. */
  get heard(): UnixSecond {
    return this.fields[HEARD]!;
  }
  get total(): number {
    return this.fields[TOTAL]!;
  }
  get bad(): number {
    return this.fields[BAD_SEEN]!;
  }
  /** Its part of the requests in the last minute or so. */
  get share(): number {
    return this.fields[SHARE_NOW]!;
  }
  get blamed(): boolean {
    return !Number.isNaN(this.fields[BLAMED_AT]!);
  }

  blame(second: UnixSecond): void {
    this.fields[BLAMED_AT] = second;
  }
  acquit(): void {
    this.fields[BLAMED_AT] = Number.NaN;
  }

  /** Younger than a day, or its share has grown of late: something that a rollout could have brought. */
  isNew(now: UnixSecond): boolean {
    const young = this.fields[ESTABLISHED] === 0 && now - this.first < DAY_S;
    return young || this.share > GROWING * this.fields[SHARE_BEFORE]! + 0.002;
  }

  add(second: UnixSecond, total: number, bad: number, now: UnixSecond): void {
    const { fields, cells } = this;
    fields[TOTAL]! += total;
    fields[BAD_SEEN]! += bad;
    fields[HEARD] = now;
    if (second > fields[LATEST]!) fields[LATEST] = second;
    const cell = Math.floor(second / CELL_S);
    if (Math.floor(now / CELL_S) - cell >= CELLS) return;
    const at = 2 * (cell % CELLS);
    cells[at]! += total;
    cells[at + 1]! += bad;
  }

  totalOf(cell: number): number {
    return this.cells[2 * (cell % CELLS)]!;
  }
  badOf(cell: number): number {
    return this.cells[2 * (cell % CELLS) + 1]!;
  }
  /** Makes room for the cell that begins. */
  clearCell(cell: number): void {
    const at = 2 * (cell % CELLS);
    this.cells[at] = this.cells[at + 1] = 0;
  }

  /** What was counted means something else from now on. */
  forgetCounts(): void {
    this.cells.fill(0);
    this.fields[TOTAL] = this.fields[BAD_SEEN] = 0;
  }

  /** The last two minutes. */
  recentTotal(): number {
    let sum = 0;
    for (let at = 0; at < 2 * CELLS; at += 2) sum += this.cells[at]!;
    return sum;
  }
  recentBad(): number {
    let sum = 0;
    for (let at = 1; at < 2 * CELLS; at += 2) sum += this.cells[at]!;
    return sum;
  }

  /** A judged cell's share of the requests. */
  learnShare(share: number): void {
    const { fields } = this;
    if (Number.isNaN(fields[SHARE_BEFORE]!)) fields[SHARE_NOW] = fields[SHARE_BEFORE] = share;
    fields[SHARE_NOW]! += NOW_WEIGHT * (share - fields[SHARE_NOW]!);
    fields[SHARE_BEFORE] = share + BEFORE_KEEP * (fields[SHARE_BEFORE]! - share);
  }

  /** The alternative that its own errors speak for most; -1 without evidence. */
  strongest(count: number): number {
    let best = -1;
    for (let r = 0; r < Math.min(count, MOST_ALTERNATIVES); r++) {
      if (this.row[NATS + r]! > (best < 0 ? 0 : this.row[NATS + best]!)) best = r;
    }
    return best;
  }

  /** Errors beyond what burn 1 would have made, since that evidence began. */
  excess(r: number): number {
    return this.row[BAD + r]! - this.row[EXPECTED + r]!;
  }

  carry(state: StateCarrier): void {
    state.numbers(this.row);
    state.numbers(this.contrast);
    state.numbers(this.fields);
    state.numbers(this.cells);
  }
}

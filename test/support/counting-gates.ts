import type { RequestDelta } from "../../src/model/delta.ts";
import type { StateCarrier } from "../../src/model/state-carrier.ts";
import type { Applies, JournalledGates } from "../../src/ports/journalled.ts";

/** Gates that only count: requests by SLO and second, and ticks by SLO. */
export class CountingGates implements JournalledGates {
  columns: number;
  epoch = 0;
  ticks = 0;
  /** By column: what `tally` calls a cell, to its requests; and the ticks the column has had. */
  private readonly counts: { cells: Record<string, number>; ticks: number }[];

  constructor(columns: number) {
    this.columns = columns;
    this.counts = Array.from({ length: columns }, () => ({ cells: {}, ticks: 0 }));
  }

  add(delta: RequestDelta): void {
    for (let i = 0; i < delta.length; i++) {
      const { cells } = this.counts[delta.slo[i]!]!;
      const key = String(delta.second[i]!);
      cells[key] = (cells[key] ?? 0) + delta.total[i]!;
    }
  }

  begin(epoch: number): void {
    this.epoch = epoch;
  }

  hear(): void {
    this.ticks++;
  }

  step(_now = 0, applies: Applies = () => true): void {
    this.counts.forEach((count, index) => {
      if (applies(index)) count.ticks++;
    });
  }

  place(): void {}

  restoreOverride(): void {}

  carryShared(state: StateCarrier): void {
    this.ticks = state.number(this.ticks);
  }

  carryTrack(index: number, state: StateCarrier): boolean {
    this.counts[index] = state.record(this.counts[index]!);
    return true;
  }

  /** "slo second" to requests. */
  tally(): Record<string, number> {
    return Object.fromEntries(
      this.counts.flatMap(({ cells }, slo) =>
        Object.entries(cells).map(([second, total]) => [`${slo} ${second}`, total]),
      ),
    );
  }

  /** Of every column; all the same when nothing was done twice or left out. */
  ticksByColumn(): readonly number[] {
    return this.counts.map(({ ticks }) => ticks);
  }
}

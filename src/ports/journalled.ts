import type { BaseLines, RequestDelta } from "../model/delta.ts";
import type { Override } from "../model/gate.ts";
import type { StateCarrier } from "../model/state-carrier.ts";
import type { DurationMs, UnixMs } from "../model/time.ts";
import type { Placement } from "./change-log.ts";

/** Asked for a column in deltas: false leaves its SLO as it is, since it has had this change. */
export type Applies = (index: number) => boolean;

/** The gates as the journal knows them: what it adds to, stores in parts, and brings back by doing again what was done. */
export interface JournalledGates {
  /** Columns in deltas, with those whose SLO is gone. */
  readonly columns: number;
  add(delta: RequestDelta): void;
  /** A process begins at `now`: its counters are at zero, it decides under this epoch. */
  begin(epoch: number, now: UnixMs): void;
  hear(now: UnixMs, accepted: number, turnedAway: number, stoodMs: DurationMs): void;
  /** @param refreshes whether anybody reads decisions that are no change */
  step(now: UnixMs, applies: Applies, refreshes: boolean): unknown;
  place(placements: readonly Placement[], now: UnixMs, applies: Applies): void;
  restoreOverride(slo: string, override: Override | null, applies: Applies): void;
  carryShared(state: StateCarrier): void;
  /** @returns false when a part of it had to begin anew: stored by another version, in another layout */
  carryTrack(index: number, state: StateCarrier): boolean;
}

/** Last points of cumulative series: see `aggregate/series.ts`. */
export interface JournalledSeries {
  /** Rows, in the order of first sight. */
  readonly size: number;
  /** How often rows have moved. */
  readonly moves: number;
  readonly listensSince: UnixMs;
  read(firstRow: number, count: number): BaseLines;
  /** However many: `fit` is for when the last one is back. */
  restore(lines: BaseLines, now: UnixMs): void;
  /** Drops what was restored beyond its limit. @returns how many had to go that were not idle */
  fit(now: UnixMs): number;
  listenSince(at: UnixMs): void;
  clear(): void;
}

/** Names of versions by their ids in deltas: see `aggregate/versions.ts`. */
export interface JournalledVersions {
  /** Above all ids; a new name has a higher one than those before. */
  readonly nextId: number;
  /** Those with a name. */
  ids(): Iterable<number>;
  /** Null for an id without a name. */
  bytesOf(id: number): Uint8Array | null;
  restore(id: number, name: Uint8Array): void;
}

/** Everything that the journal keeps. */
export interface Journalled {
  readonly gates: JournalledGates;
  readonly series: JournalledSeries;
  readonly versions: JournalledVersions;
}

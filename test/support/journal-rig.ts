import { SeriesStore } from "../../src/aggregate/series.ts";
import { VersionTable } from "../../src/aggregate/versions.ts";
import { FingerprintMemory } from "../../src/journal/fingerprints.ts";
import { type Durability, Journal } from "../../src/journal/journal.ts";
import type { RoundPace } from "../../src/journal/rounds.ts";
import type { Storage } from "../../src/journal/storage.ts";
import type { RequestDelta } from "../../src/model/delta.ts";
import type { Refusal } from "../../src/model/refusal.ts";
import type { UnixMs } from "../../src/model/time.ts";
import type { JournalledGates } from "../../src/ports/journalled.ts";

/** Parts are stored as fast as timers go: a round takes milliseconds. */
export const HASTY: RoundPace = { roundMs: 5, stepMs: 1 };
/** Nothing but what happens is stored. */
export const NO_ROUNDS: RoundPace = { roundMs: 1e9, stepMs: 1e9 };

export interface JournalRig<G> {
  readonly journal: Journal;
  readonly gates: G;
  readonly series: SeriesStore;
  readonly versions: VersionTable;
  readonly memory: FingerprintMemory;
  readonly logged: string[];
  /** What the sender hears, once it does. */
  send(delta: RequestDelta): Promise<Refusal | null>;
}

/** One life of a process on this storage. */
export async function openJournal<G extends JournalledGates>(
  storage: Storage,
  gates: G,
  options: {
    readonly durability?: Durability;
    readonly pace?: RoundPace;
    readonly now: UnixMs;
    readonly epoch?: number;
    readonly remembered?: number;
    readonly seriesLimit?: number;
  },
): Promise<JournalRig<G>> {
  const series = new SeriesStore(options.now, options.seriesLimit ?? 10_000);
  const versions = new VersionTable();
  const memory = new FingerprintMemory(options.remembered ?? 1_000);
  const logged: string[] = [];
  const say = (message: string) => logged.push(message);
  const journal = await Journal.open({
    storage,
    journalled: { gates, series, versions },
    memory,
    durability: options.durability ?? "sync",
    epoch: options.epoch ?? 1,
    now: options.now,
    log: { info: say, warn: say, error: say },
    pace: options.pace ?? NO_ROUNDS,
  });
  return {
    journal,
    gates,
    series,
    versions,
    memory,
    logged,
    send: (delta) => new Promise((resolve) => journal.admit(delta, resolve)),
  };
}

/** A request that counts in one second of some SLOs. */
export function request(
  id: number,
  at: UnixMs,
  cells: readonly { readonly slo: number; readonly second?: number; readonly total: number }[],
): RequestDelta {
  const column = (of: (cell: (typeof cells)[number]) => number) => Float64Array.from(cells, of);
  return {
    fingerprint: Uint32Array.of(cells.length, id, id ^ 0x5555, 3, 4),
    receivedAt: at,
    producer: 0,
    length: cells.length,
    slo: Int32Array.from(cells, ({ slo }) => slo),
    version: new Int32Array(cells.length),
    second: column(({ second }) => second ?? Math.floor(at / 1000)),
    total: column(({ total }) => total),
    bad: column(() => 0),
    rawBad: column(() => 0),
    badSquares: column(() => 0),
  };
}

import type { EngineProcess } from "../test/support/engine-process.ts";

/** What an engine's metrics tell of its ticks so far. Of the longest one they tell between which bounds it was. */
export interface TickTimes {
  readonly count: number;
  /** Those that began more than a second late. */
  readonly late: number;
  readonly meanMs: number;
  readonly longestAtMostMs: number;
}

/** @param since leaves out the ticks that this reading of the metrics has seen */
export async function tickTimes(
  engine: EngineProcess,
  since: ReadonlyMap<string, number> = new Map(),
): Promise<TickTimes> {
  const metrics = await engine.metrics();
  const of = (name: string) => (metrics.get(name) ?? 0) - (since.get(name) ?? 0);
  const count = of("slogate_tick_duration_seconds_count");
  const longest = [...metrics.keys()].find(
    (name) => name.startsWith("slogate_tick_duration_seconds_bucket") && of(name) === count,
  );
  const bound = /le="([^"]+)"/.exec(longest ?? "")?.[1] ?? "+Inf";
  return {
    count,
    late: of("slogate_tick_lag_seconds_count") - of('slogate_tick_lag_seconds_bucket{le="1"}'),
    meanMs: (of("slogate_tick_duration_seconds_sum") / count) * 1_000,
    longestAtMostMs: bound === "+Inf" ? Number.POSITIVE_INFINITY : Number(bound) * 1_000,
  };
}

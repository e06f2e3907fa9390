import type { EngineProcess } from "../test/support/engine-process.ts";

/** What an engine's metrics tell of its ticks so far. Of the longest one they tell between which bounds it was. */
export interface TickTimes {
  readonly count: number;
  /** Those that began more than a second late. */
  readonly late: number;
  readonly meanMs: number;
  readonly longestAtMostMs: number;
}

export async function tickTimes(engine: EngineProcess): Promise<TickTimes> {
  const metrics = await engine.metrics();
  const of = (name: string) => metrics.get(`slogate_tick_${name}`) ?? 0;
  const count = of("duration_seconds_count");
  const longest = [...metrics].find(
    ([name, ticks]) => name.startsWith("slogate_tick_duration_seconds_bucket") && ticks === count,
  );
  const bound = /le="([^"]+)"/.exec(longest?.[0] ?? "")?.[1] ?? "+Inf";
  return {
    count,
    late: of("lag_seconds_count") - of('lag_seconds_bucket{le="1"}'),
    meanMs: (of("duration_seconds_sum") / count) * 1_000,
    longestAtMostMs: bound === "+Inf" ? Number.POSITIVE_INFINITY : Number(bound) * 1_000,
  };
}

import { PairWatch } from "../burn/pair-watch.ts";
import { HOUR, type UnixMs } from "../model/time.ts";
import type { Track } from "./track.ts";

/** Sure enough that the next hour burns above the slowest pair that is above 1, and evidence now. */
export function forecastCloses(track: Track, now: UnixMs): "forecast" | null {
  const { policy, sampledUpstream } = track.slo;
  // Sequential evidence is there before any forecast of it.
  if (!(track.watch instanceof PairWatch)) return null;
  if (!policy.closeOnForecast || sampledUpstream) return null;
  // The forecast moves once a minute; asking it each second for every SLO would be most of a tick's cost.
  const place = policy.pairs.findLastIndex((pair) => pair.threshold > 1);
  if (place < 0 || !track.watch.burning(track, place, now)) return null;
  const hour = track.forecast.at(HOUR);
  return hour !== null && hour.lo80 > policy.pairs[place]!.threshold ? "forecast" : null;
}

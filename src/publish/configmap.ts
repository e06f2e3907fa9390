import { EngineError } from "../model/errors.ts";
import type { GateDecision } from "../model/gate.ts";
import { type DurationMs, SECOND } from "../model/time.ts";
import type { DecisionSink } from "../ports/decision-sink.ts";
import { deadlinePassed, withinDeadline } from "./deadline.ts";
import type { GateMaps } from "./gate-maps.ts";
import { flatData, jsonShards, shardOf, shardsNeeded, urgentPart } from "./manifest.ts";

/** Readers of a ConfigMap and etcd are spared more than one write a second. */
const WRITE_INTERVAL_MS: DurationMs = SECOND;
/**
 * What only refreshes is written this often at most: decisions are valid for a minute. Shorter than the ten seconds in which
 * every decision comes again, or one that comes after a late write would be left to the next ten.
 */
const REFRESH_MS: DurationMs = 8 * SECOND;

export interface ConfigMapSinkParts {
  readonly maps: GateMaps;
  /** A clock that only goes forward, ms. */
  readonly monotonicMs: () => number;
  /** The epoch in which this process leads now; null when it does not. */
  readonly epoch: () => number | null;
  /** Told when another leader's epoch was found: this process leads no more. */
  readonly onDeposed: () => void;
}

/** The newest state of every gate in ConfigMaps; see `manifest.ts` for what is in them. */
export function configMapSink(parts: ConfigMapSinkParts): DecisionSink {
  const { maps, monotonicMs } = parts;
  const latest = new Map<string, GateDecision>();
  /** SLOs whose JSON is to be written at once, not with the next refresh. */
  const changed = new Set<string>();
  let epoch = 0;
  /** What the flat map must not miss changed since it was written. */
  let urgent = false;
  let writtenAt = Number.NEGATIVE_INFINITY;
  let refreshedAt = Number.NEGATIVE_INFINITY;

  const take = (decision: GateDecision): void => {
    const before = latest.get(decision.slo);
    latest.set(decision.slo, decision);
    if (before === undefined || urgentPart(before) !== urgentPart(decision)) urgent = true;
    if (before?.sequence !== decision.sequence) changed.add(decision.slo);
  };

  /** The last write, which may go on after its deadline. */
  let writing: Promise<void> = Promise.resolve();

  /** Asked before every request. */
  const mayGoOn = (signal: AbortSignal): void => {
    if (signal.aborted) throw deadlinePassed("config_map");
    if (parts.epoch() === epoch) return;
    throw new EngineError("SINK_UNAVAILABLE", "config_map: this process does not lead", {
      retryable: true,
    });
  };

  const write = async (signal: AbortSignal): Promise<void> => {
    await passed(writtenAt + WRITE_INTERVAL_MS - monotonicMs(), signal);
    mayGoOn(signal);
    const refresh = monotonicMs() - refreshedAt >= REFRESH_MS;
    const decisions = [...latest.values()].sort((a, b) => (a.slo < b.slo ? -1 : 1));
    const shards = shardsNeeded(decisions, maps.shards);
    const moved = shards !== maps.shards;
    writtenAt = monotonicMs();
    // The flat map first: rollouts wait for it.
    await maps.writeFlat(flatData(decisions, epoch), epoch, shards);
    urgent = false;
    const dirty = new Set([...changed].map((slo) => shardOf(slo, shards)));
    for (const [shard, data] of jsonShards(decisions, shards).entries()) {
      if (!refresh && !moved && !dirty.has(shard)) continue;
      mayGoOn(signal);
      await maps.writeShard(shard, data, epoch);
    }
    changed.clear();
    if (refresh) refreshedAt = writtenAt;
  };

  const writeWhenDue = async (signal: AbortSignal): Promise<void> => {
    const due = monotonicMs() - refreshedAt >= REFRESH_MS;
    if (!urgent && changed.size === 0 && !due) return;
    try {
      await withinDeadline("config_map", writing, signal);
      const now = write(signal);
      writing = now.catch(() => undefined);
      await withinDeadline("config_map", now, signal);
    } catch (error) {
      // Whatever of it arrived is written again.
      urgent = true;
      if ((error as { code?: string }).code === "SINK_REJECTED") parts.onDeposed();
      throw error;
    }
  };

  return {
    name: "config_map",
    wants: "latest",
    async publish(decisions, signal) {
      for (const decision of decisions) {
        if (decision.epoch < epoch) continue;
        if (decision.epoch > epoch) {
          // The first batch of a term holds every SLO.
          latest.clear();
          epoch = decision.epoch;
          refreshedAt = Number.NEGATIVE_INFINITY;
        }
        take(decision);
      }
      if (latest.size > 0) await writeWhenDue(signal);
    },
    async remove(slos, signal) {
      for (const slo of slos) {
        if (!latest.delete(slo)) continue;
        urgent = true;
        changed.add(slo);
      }
      if (urgent) await writeWhenDue(signal);
    },
    async close() {},
  };
}

function passed(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

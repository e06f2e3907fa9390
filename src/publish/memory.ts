import type { GateDecision } from "../model/gate.ts";
import type { DecisionSink } from "../ports/decision-sink.ts";
import { deadlinePassed } from "./deadline.ts";

export interface MemorySinkSettings {
  readonly wants?: DecisionSink["wants"];
  /** Oldest decisions beyond this are forgotten. Default 10,000. */
  readonly limit?: number;
}

export interface MemorySink extends DecisionSink {
  /** What has been published, oldest first. */
  readonly published: readonly GateDecision[];
}

/** Keeps decisions in memory: for tests and for embedding. */
export function memorySink(settings: MemorySinkSettings = {}): MemorySink {
  const limit = settings.limit ?? 10_000;
  const published: GateDecision[] = [];
  return {
    name: "memory",
    wants: settings.wants ?? "transitions",
    published,
    async publish(decisions, signal) {
      if (signal.aborted) throw deadlinePassed("memory");
      published.push(...decisions);
      if (published.length > limit) published.splice(0, published.length - limit);
    },
    async close() {},
  };
}

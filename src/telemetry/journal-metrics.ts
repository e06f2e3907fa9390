import type { Registry } from "prom-client";
import type { JournalState } from "../ports/metrics.ts";
import { counterAtScrape, gaugeAtScrape } from "./at-scrape.ts";

/** @param read asked at every scrape */
export function addJournalMetrics(registers: Registry[], read: () => JournalState): void {
  gaugeAtScrape(
    registers,
    "slogate_state_writable",
    "1 when the state can be stored; 0 when requests are refused because it cannot.",
    () => (read().trouble === null ? 1 : 0),
  );
  const counters: readonly (readonly [string, string, (state: JournalState) => number])[] = [
    ["commits", "Group commits on disk.", (state) => state.commits],
    ["committed_bytes", "Bytes of them.", (state) => state.committedBytes],
    ["commit_seconds", "Time they took, together.", (state) => state.commitSeconds],
    ["failed_commits", "Commits that the disk refused.", (state) => state.failedCommits],
  ];
  for (const [name, help, of] of counters) {
    counterAtScrape(registers, `slogate_state_${name}_total`, help, () => of(read()));
  }
}

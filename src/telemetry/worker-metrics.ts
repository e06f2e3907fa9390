import type { Registry } from "prom-client";
import type { WorkersState } from "../ports/metrics.ts";
import { counterAtScrape, gaugeAtScrape } from "./at-scrape.ts";

/** @param read asked at every scrape; null in a single process, whose metrics are zero */
export function addWorkerMetrics(registers: Registry[], read: () => WorkersState | null): void {
  gaugeAtScrape(
    registers,
    "slogate_receiver_workers",
    "Receiver workers that take requests; 0 with `workers: 1`, as the engine's own process takes them.",
    () => read()?.listening ?? 0,
  );
  counterAtScrape(
    registers,
    "slogate_receiver_worker_restarts_total",
    "Receiver workers that ended and were started again.",
    () => read()?.restarts ?? 0,
  );
}

import { Counter, Gauge, type Registry } from "prom-client";
import type { WorkersState } from "../ports/metrics.ts";

/** @param read asked at every scrape; null in a single process, whose metrics are zero */
export function addWorkerMetrics(registers: Registry[], read: () => WorkersState | null): void {
  new Gauge({
    name: "slogate_receiver_workers",
    help: "Receiver workers that take requests; 0 with `workers: 1`, as the engine's own process takes them.",
    registers,
    collect() {
      this.set(read()?.listening ?? 0);
    },
  });
  new Counter({
    name: "slogate_receiver_worker_restarts_total",
    help: "Receiver workers that ended and were started again.",
    registers,
    collect() {
      this.reset();
      this.inc(read()?.restarts ?? 0);
    },
  });
}

import type { EngineProcess } from "../test/support/engine-process.ts";
import type { SloDescription } from "../test/support/slo-file.ts";
import { SERVICES } from "./encode.ts";
import { METRICS_SERVICE, OBSERVATIONS, THRESHOLD } from "./encode-metrics.ts";
import type { Sent, Work } from "./load.ts";
import { must } from "./report.ts";

/** The SLOs that the load of load.ts is counted for. */
export function slosFor({ signal }: Pick<Work, "signal">): SloDescription[] {
  if (signal === "traces") {
    return SERVICES.map((service) => ({ name: service, service, target: 0.9 }));
  }
  const spec = {
    metric: "http.server.request.duration",
    resource: { "service.name": METRICS_SERVICE },
  };
  const type = "otlp.metrics";
  const total = { metricSource: { type, spec } };
  const good = { metricSource: { type, spec: { ...spec, threshold: THRESHOLD } } };
  const ratioMetric = { counter: true, total, good };
  return [{ name: METRICS_SERVICE, service: METRICS_SERVICE, target: 0.9, ratioMetric }];
}

/** Everything acknowledged is in the budgets, and nothing else. */
export async function assertCounted(
  engine: EngineProcess,
  { signal }: Pick<Work, "signal">,
  sent: readonly Pick<Sent, "items" | "bad">[],
): Promise<void> {
  const each = signal === "metrics" ? OBSERVATIONS : 1;
  const total = each * sent.reduce((sum, { items }) => sum + items, 0);
  const bad = sent.reduce((sum, round) => sum + round.bad, 0);
  const slos = signal === "metrics" ? [METRICS_SERVICE] : SERVICES;
  const counted = async (): Promise<[number, number]> => {
    const budgets = await Promise.all(slos.map(async (slo) => (await engine.gate(slo)).budget));
    return [
      budgets.reduce((sum, budget) => sum + budget.total, 0),
      budgets.reduce((sum, budget) => sum + budget.bad, 0),
    ];
  };
  const deadline = performance.now() + 5_000;
  let [countedTotal, countedBad] = await counted();
  while (countedTotal !== total && performance.now() < deadline) {
    [countedTotal, countedBad] = await counted();
  }
  must(countedTotal === total, `${countedTotal} requests counted, ${total} acknowledged`);
  must(countedBad === bad, `${countedBad} bad requests counted, ${bad} sent`);
}

import { ShopExporter } from "./shop-exporter.ts";
import type { ShopCommand, ShopReport } from "./shop-messages.ts";
import { type ShopSpan, ShopTraffic } from "./shop-traffic.ts";

/*
 * The shop of the demo: a process of its own, forked with the arguments HOST:PORT of an OTLP/gRPC receiver and, if
 * wanted, requests per second. It takes a `ShopCommand` and sends a `ShopReport` over the channel of the fork, and ends
 * when it is told to stop or the channel closes.
 */
const EXPORT_EVERY_MS = 100;
const REPORT_EVERY_MS = 1_000;
const DEFAULT_REQUESTS_PER_SECOND = 300;
/** After a pause of the whole machine the shop goes on; it does not catch up with minutes of requests. */
const LONGEST_STEP_MS = 1_000;

const [endpoint = "127.0.0.1:4317", rate] = process.argv.slice(2);
const requestsPerSecond = Number(rate ?? DEFAULT_REQUESTS_PER_SECOND);
const traffic = new ShopTraffic();
const exporter = new ShopExporter(endpoint);
let lastStepAt = Date.now();
/** Requests due, with the fraction that the next step inherits. */
let due = 0;

const stepping = setInterval(step, EXPORT_EVERY_MS);
const reporting = setInterval(() => report(false), REPORT_EVERY_MS);

process.on("message", (command: ShopCommand) => {
  if ("stop" in command) void stop();
  else if (!traffic.apply(command)) console.error(`the shop has no such service`, command);
});
process.on("disconnect", () => void stop());

function step(): void {
  const now = Date.now();
  const sinceMs = Math.max(0, Math.min(now - lastStepAt, LONGEST_STEP_MS));
  lastStepAt = now;
  due += (requestsPerSecond * sinceMs) / 1_000;
  const requests = Math.floor(due);
  due -= requests;
  const spans: ShopSpan[] = [];
  for (let i = 0; i < requests; i++) {
    spans.push(...traffic.request(now - sinceMs + ((i + 1) * sinceMs) / requests));
  }
  exporter.export(spans);
}

function report(isLast: boolean): void {
  const message: ShopReport = {
    requests: traffic.requests,
    spansSent: exporter.sent,
    spansAcknowledged: exporter.acknowledged,
    spansFailed: exporter.failed,
    problem: exporter.problem,
    traffic: traffic.traffic(),
    isLast,
  };
  if (process.connected) process.send?.(message);
}

let stopping = false;
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  clearInterval(stepping);
  clearInterval(reporting);
  await exporter.close();
  report(true);
  if (process.connected) process.disconnect();
}

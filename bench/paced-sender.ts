import { OtlpGrpcClient } from "../test/support/otlp-client.ts";
import { PatchableRequest } from "./encode.ts";

/*
 * Load at a fixed rate, for durability.bench.ts: requests leave when they are due, whatever became of the last ones, and an
 * answer's latency counts from that moment.
 *
 * Arguments: address, requests a second, spans a request, seconds. Sends the latencies in ms, sorted, and ends.
 */
const [address = "", rate = "200", spans = "1000", seconds = "10"] = process.argv.slice(2);
const EVERY_MS = 1_000 / Number(rate);
const CONNECTIONS = 8;

const clients = Array.from({ length: CONNECTIONS }, () => new OtlpGrpcClient(address));
/** A request's bytes are in use until it is answered. */
const free: PatchableRequest[] = [];
const template = PatchableRequest.encode(Number(spans));
const latenciesMs: number[] = [];
const open: Promise<void>[] = [];
const startedAt = performance.now();
let sent = 0;
let failed = 0;

const timer = setInterval(() => {
  const due = Math.floor((performance.now() - startedAt) / EVERY_MS);
  if (due > Number(rate) * Number(seconds)) {
    clearInterval(timer);
    void finish();
    return;
  }
  while (sent < due) open.push(send(startedAt + ++sent * EVERY_MS, sent));
}, 1);

async function send(dueAt: number, request: number): Promise<void> {
  const own = free.pop() ?? template.copy();
  own.patch(process.pid, request, Date.now());
  const { code } = await clients[request % CONNECTIONS]!.export("traces", own.bytes, 30_000);
  if (code !== 0) failed++;
  latenciesMs.push(performance.now() - dueAt);
  free.push(own);
}

async function finish(): Promise<void> {
  await Promise.all(open);
  for (const client of clients) client.close();
  // Of an hour they are some megabytes: a channel that is closed at once loses them.
  process.send?.({ latenciesMs: latenciesMs.toSorted((a, b) => a - b), failed }, () => {
    process.disconnect();
  });
}

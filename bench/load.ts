import { gzipSync } from "node:zlib";
import { PatchableRequest } from "./encode.ts";
import { PatchableMetrics } from "./encode-metrics.ts";
import { UnaryClient } from "./unary-client.ts";

/*
 * The load of collector.bench.ts, in a process of its own so that its CPU time is not the receiver's: a fixed number of
 * requests, as fast as they are acknowledged, over several connections with several in flight on each. Every request is
 * new to its receiver. What is costly (encoding, gzip) is done before, when asked to prepare.
 */

export interface Work {
  readonly signal: "traces" | "metrics";
  readonly gzip: boolean;
  /** Spans or data points in a request. */
  readonly items: number;
  /** Requests in a round. */
  readonly requests: number;
}

export type Order =
  | { readonly do: "prepare"; readonly work: Work }
  | { readonly do: "send"; readonly address: string };

export interface Sent {
  readonly items: number;
  /** By the indicator of the bench's SLOs. */
  readonly bad: number;
  readonly failed: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** From a request's first byte to its acknowledgement. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const CONNECTIONS = 4;
const IN_FLIGHT = 4;
const LANES = CONNECTIONS * IN_FLIGHT;

interface Request {
  readonly bytes: Uint8Array;
  readonly bad: number;
}

/** Gives the next request of a lane; its bytes are the lane's own until it asks again. */
type Lane = () => Request;

let work: Work | null = null;
let packed: Request[] = [];
let requestNumber = 0;
const clients = new Map<string, UnaryClient[]>();
const metricLanes = new Map<string, Lane[]>();

process.on("message", async (order: Order) => {
  if (order.do === "prepare") {
    work = order.work;
    packed = order.work.gzip ? pack(order.work) : [];
    process.send?.(null);
    return;
  }
  if (work === null) throw new Error("unreachable: nothing was prepared");
  process.send?.(await send(work, order.address));
});

async function send(work: Work, address: string): Promise<Sent> {
  const { signal, gzip, requests, items } = work;
  const lanes = lanesOf(work, address);
  const connections = clientsOf(address, gzip);
  const latencies: number[] = [];
  let [acknowledged, bad, failed, started] = [0, 0, 0, 0];
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  await Promise.all(
    lanes.map(async (next, lane) => {
      const client = connections[lane % CONNECTIONS]!;
      while (started < requests) {
        started++;
        const request = next();
        const sentMs = performance.now();
        const taken = await client.export(signal, request.bytes);
        latencies.push(performance.now() - sentMs);
        if (taken) {
          acknowledged += items;
          bad += request.bad;
        } else failed += items;
      }
    }),
  );
  const seconds = (performance.now() - startMs) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  latencies.sort((a, b) => a - b);
  return {
    items: acknowledged,
    bad,
    failed,
    seconds,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    p50Ms: latencies[Math.floor(latencies.length * 0.5)]!,
    p99Ms: latencies[Math.floor(latencies.length * 0.99)]!,
  };
}

function lanesOf({ signal, gzip, items }: Work, address: string): readonly Lane[] {
  if (gzip) {
    let next = 0;
    const lane = (): Request => packed[next++]!;
    return Array.from({ length: LANES }, () => lane);
  }
  if (signal === "traces") {
    const template = PatchableRequest.encode(items);
    return Array.from({ length: LANES }, () => {
      const own = template.copy();
      return (): Request => {
        own.patch(process.pid, ++requestNumber, Date.now());
        return own;
      };
    });
  }
  // The counts of an instance go on from round to round.
  let lanes = metricLanes.get(address);
  if (lanes === undefined) {
    lanes = Array.from({ length: LANES }, (_, lane): Lane => {
      const own = PatchableMetrics.encode(items, `instance-${lane}`, Date.now());
      return () => {
        own.patch(Date.now());
        return { bytes: own.bytes, bad: own.points };
      };
    });
    metricLanes.set(address, lanes);
  }
  return lanes;
}

function pack({ items, requests }: Work): Request[] {
  const template = PatchableRequest.encode(items);
  return Array.from({ length: requests }, () => {
    template.patch(process.pid, ++requestNumber, Date.now());
    return { bytes: gzipSync(template.bytes), bad: template.bad };
  });
}

function clientsOf(address: string, gzip: boolean): readonly UnaryClient[] {
  let found = clients.get(address);
  if (found === undefined) {
    found = Array.from({ length: CONNECTIONS }, () => new UnaryClient(address, gzip));
    clients.set(address, found);
  }
  return found;
}

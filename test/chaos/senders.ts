import { status } from "@grpc/grpc-js";
import { PatchableRequest } from "../../bench/encode.ts";
import type { Random } from "../support/fake-disk.ts";
import { metricsRequest } from "../support/otlp.ts";
import { OtlpGrpcClient, postOtlp } from "../support/otlp-client.ts";
import type { Expected } from "./expected.ts";

const SPANS = 150;
/** Event times reach back so far: each second that is used stands alone in its minute, where the API can show it. */
const MINUTES = 290;
const RETRYABLE: readonly number[] = [
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.RESOURCE_EXHAUSTED,
  status.ABORTED,
  status.OUT_OF_RANGE,
  status.UNAVAILABLE,
  status.DATA_LOSS,
];
const RETRYABLE_HTTP: readonly number[] = [429, 502, 503, 504];

/** Sends one request's bytes once. "retry": the same bytes again; anything else than "ok" is a fault of the engine. */
type Send = (bytes: Uint8Array) => Promise<"ok" | "retry" | string>;

/** Clients that send until they are told to stop, each request again until it is acknowledged, as OTLP has it. */
export class Senders {
  retries = 0;
  requests = 0;
  readonly faults: string[] = [];
  private stopping = false;
  private readonly expected: Expected;
  private readonly random: Random;
  private readonly lanes: Promise<void>[] = [];
  private request = 0;

  constructor(expected: Expected, random: Random) {
    this.expected = expected;
    this.random = random;
  }

  /** Spans over OTLP/gRPC; `pauseMs` between requests. */
  overGrpc(address: () => string, pauseMs: number): void {
    let client = new OtlpGrpcClient(address());
    this.lanes.push(
      this.spans(async (bytes) => {
        const { code, details } = await client.export("traces", bytes, 5_000);
        if (code === status.OK) return "ok";
        if (!RETRYABLE.includes(code)) return `status ${code}: ${details}`;
        // A new connection, sooner than the library would make one.
        client.close();
        client = new OtlpGrpcClient(address());
        return "retry";
      }, pauseMs).finally(() => client.close()),
    );
  }

  overHttp(address: () => string, pauseMs: number): void {
    this.lanes.push(this.spans((bytes) => post(address(), "traces", bytes), pauseMs));
  }

  /** A cumulative counter: the next point is counted from the last one. */
  counter(slo: string, address: () => string, pauseMs: number): void {
    this.lanes.push(this.points(slo, address, pauseMs));
  }

  /** Resolves when everything sent is acknowledged. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.lanes);
  }

  private async spans(send: Send, pauseMs: number): Promise<void> {
    const own = PatchableRequest.encode(SPANS);
    while (!this.stopping) {
      const minute = Math.floor(Date.now() / 60_000) - Math.floor(this.random() * MINUTES);
      const second = minute * 60;
      // What is ahead of the clock counts when it arrives: not in this second.
      if (second * 1000 + 999 > Date.now()) continue;
      own.patch(process.pid, ++this.request, second * 1000 + 950);
      this.expected.addSpans(second, SPANS);
      await this.until(send, own.bytes);
      this.expected.acknowledged += SPANS;
      await pause(this.random() * pauseMs * 2);
    }
  }

  private async points(slo: string, address: () => string, pauseMs: number): Promise<void> {
    const startUnixMs = Date.now();
    let value = 0;
    let bad = 0;
    let timeUnixMs = startUnixMs;
    while (!this.stopping) {
      const [more, moreBad] = [1 + Math.floor(this.random() * 50), this.random() < 0.3 ? 1 : 0];
      value += more;
      bad += moreBad;
      timeUnixMs = Math.max(timeUnixMs + 1, Date.now());
      const point = (outcome: string, count: number) => ({
        startUnixMs,
        timeUnixMs,
        attributes: { outcome },
        value: count,
      });
      const points = [point("good", value), point("failed", bad)];
      const metric = { name: "shop.requests", temporality: "cumulative", points } as const;
      const bytes = metricsRequest({ service: slo }, [metric]);
      this.expected.add(slo, Math.floor(timeUnixMs / 1000), more + moreBad, moreBad);
      await this.until((wire) => post(address(), "metrics", wire), bytes);
      this.expected.acknowledged += more + moreBad;
      await pause(this.random() * pauseMs * 2);
    }
  }

  private async until(send: Send, bytes: Uint8Array): Promise<void> {
    this.requests++;
    for (let attempt = 0; ; attempt++) {
      const outcome = await send(bytes);
      if (outcome === "ok") return;
      if (outcome !== "retry") this.faults.push(outcome);
      this.retries++;
      await pause(Math.min(500, 20 * 2 ** attempt) * (0.5 + this.random()));
    }
  }
}

async function post(
  address: string,
  signal: "traces" | "metrics",
  bytes: Uint8Array,
): Promise<string> {
  try {
    const answer = await postOtlp(address, signal, bytes);
    if (answer.status === 200) return "ok";
    return RETRYABLE_HTTP.includes(answer.status)
      ? "retry"
      : `HTTP ${answer.status}: ${answer.body}`;
  } catch {
    // A connection that was refused or cut.
    return "retry";
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

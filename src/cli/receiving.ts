import { availableParallelism } from "node:os";
import { extname, join } from "node:path";
import type { Ingest } from "../aggregate/ingest.ts";
import type { RuleSet } from "../aggregate/rules.ts";
import type { VersionTable } from "../aggregate/versions.ts";
import { Fleet } from "../channel/fleet.ts";
import type { Rules } from "../channel/messages.ts";
import { PlaneEnd } from "../channel/plane-end.ts";
import { RequestParser } from "../channel/request-pipe.ts";
import type { Settings, WorkerCount } from "../config/settings.ts";
import { hostPort } from "../model/address.ts";
import type { InFlightLimit } from "../model/receiver-settings.ts";
import type { Slo } from "../model/slo.ts";
import { SECOND } from "../model/time.ts";
import type { Log } from "../ports/log.ts";
import type { ReceiverCounters, WorkersState } from "../ports/metrics.ts";
import { backoffMs } from "../publish/backoff.ts";
import { BufferPool } from "../receive/assembly.ts";
import { DEFAULT_MAX_REQUESTS } from "../receive/limits.ts";
import { startReceivers } from "./receivers.ts";

export interface ReceivingParts {
  readonly settings: Settings;
  readonly log: Log;
  readonly counters: ReceiverCounters;
  readonly consumer: Ingest;
  readonly versions: VersionTable;
  readonly slos: readonly Slo[];
  readonly columnOf: (slo: Slo) => number;
  readonly rulesOf: (slos: readonly Slo[]) => RuleSet;
}

/** All that listens for OTLP, in this process or in workers. */
export interface Receiving {
  /** A protocol that is off is null. */
  readonly addresses: { readonly otlpGrpc: string | null; readonly otlpHttp: string | null };
  /** Why no request is taken now; null when all is well. */
  trouble(): string | null;
  /** Null in a single process. */
  workers(): WorkersState | null;
  /** From now on (in workers a moment later) requests are classified by these SLOs. */
  useSlos(slos: readonly Slo[]): void;
  stop(deadlineMs: number): Promise<void>;
}

/** At once, nearly, for one that is killed; half a minute for one that ends again and again. */
const RESTART_BACKOFF = { baseMs: SECOND / 5, maxMs: 30 * SECOND };

/** @throws EngineError when an address cannot be used; nothing listens then */
export function startReceiving(parts: ReceivingParts): Promise<Receiving> {
  const count = processes(parts.settings.workers, availableParallelism());
  return count === 1 ? inThisProcess(parts) : inWorkers(parts, count);
}

/** @param parallelism processors that this process may use */
export function processes(workers: WorkerCount, parallelism: number): number {
  return workers === "auto" ? Math.max(1, parallelism - 1) : workers;
}

async function inThisProcess(parts: ReceivingParts): Promise<Receiving> {
  const { settings, consumer, counters } = parts;
  const { ports, stop } = await startReceivers(settings.receivers, consumer, counters);
  return {
    addresses: addressesOf(settings, ports),
    trouble: () => null,
    workers: () => null,
    useSlos: (slos) => consumer.useRules(parts.rulesOf(slos)),
    stop,
  };
}

async function inWorkers(parts: ReceivingParts, count: number): Promise<Receiving> {
  const { settings, consumer, columnOf, log } = parts;
  const { grpc, http } = settings.receivers;
  const receivers = { grpc: grpc && shareOf(grpc, count), http: http && shareOf(http, count) };
  const rulesOf = (slos: readonly Slo[]): Rules => ({ slos, columns: slos.map(columnOf) });
  const pool = new BufferPool();
  let rules = rulesOf(parts.slos);
  const fleet = new Fleet({
    count,
    program: join(import.meta.dirname, `../worker${extname(import.meta.filename)}`),
    start: () => ({ kind: "start", receivers, rules }),
    attach: (port, requests, worker) => {
      const end = new PlaneEnd(parts, port, worker);
      const parser = new RequestParser(pool, (...request) => end.consume(...request));
      requests.on("data", (chunk: Buffer) => parser.read(chunk));
      return (message) => end.receive(message);
    },
    restartDelayMs: (ends) => backoffMs(ends - 1, Math.random(), RESTART_BACKOFF),
    log,
  });
  const ports = await fleet.start();
  return {
    addresses: addressesOf(settings, ports),
    trouble: () => (fleet.listening === 0 ? "no receiver worker is listening" : null),
    workers: () => ({ listening: fleet.listening, restarts: fleet.restarts }),
    useSlos: (slos) => {
      // Metrics are read here; and what cannot be compiled reaches no worker.
      consumer.useRules(parts.rulesOf(slos));
      rules = rulesOf(slos);
      fleet.post({ kind: "rules", rules });
    },
    stop: (deadlineMs) => fleet.stop(deadlineMs),
  };
}

/** Of what may be in flight, each worker has its part; one request alone may always be. */
function shareOf<S extends InFlightLimit>(settings: S, count: number): S {
  const { maxInFlightBytes, maxInFlightRequests = DEFAULT_MAX_REQUESTS } = settings;
  return {
    ...settings,
    maxInFlightBytes: Math.floor(maxInFlightBytes / count),
    maxInFlightRequests: Math.ceil(maxInFlightRequests / count),
  };
}

function addressesOf(
  { receivers: { grpc, http } }: Settings,
  ports: { readonly grpc: number | null; readonly http: number | null },
): Receiving["addresses"] {
  const of = (receiver: typeof http, port: number | null): string | null =>
    receiver === null || port === null ? null : hostPort(receiver.endpoint.host, port);
  return { otlpGrpc: of(grpc, ports.grpc), otlpHttp: of(http, ports.http) };
}

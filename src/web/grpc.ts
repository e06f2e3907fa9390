import { createServer as createNetServer } from "node:net";
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { addressUnavailable, hostPort } from "../model/address.ts";
import type { DecisionMessage } from "../model/decision-message.ts";
import type { GateDecision } from "../model/gate.ts";
import { MINUTE, SECOND } from "../model/time.ts";
import type { TlsMaterial } from "../model/tls.ts";
import type { GateReader } from "../ports/gate-reader.ts";
import { metadataCarries } from "./auth.ts";
import { decisionProto, loadGateService } from "./gate-service.ts";
import { listen } from "./listen.ts";
import { unknownSlo } from "./nearest.ts";

export interface GateServiceSettings {
  /** Port 0 lets the system choose. */
  readonly endpoint: { readonly host: string; readonly port: number };
  readonly reader: Pick<GateReader, "names" | "inParts" | "get" | "watch">;
  /** The published form of a decision. */
  readonly message: (decision: GateDecision) => DecisionMessage;
  /** Null or absent: reading is free. */
  readonly readToken?: string | null;
  /** Null or absent: plain HTTP/2. */
  readonly tls?: TlsMaterial | null;
  /** Watches open at once; default 1,000. */
  readonly mostWatches?: number;
}

export interface GateServiceServer {
  readonly port: number;
  /** Ends watches with UNAVAILABLE, lets running calls finish (at most 1 s) and stops listening. */
  close(): Promise<void>;
}

/** Its place in the configuration. */
const KEY = "api.grpc";
/** Each holds a queue of its own; whoever is beyond them can ask again, or read the events over HTTP. */
const MAX_WATCHES = 1000;
/** Calls of one connection beyond the watches: those who ask once, and those who are told that there are too many watches. */
const MORE_STREAMS = 100;
/** Of one connection, MB: what its calls have not sent yet. A watch leaves some 16 KB to it. */
const MAX_SESSION_MB = 64;
/** Watchers that vanished without closing their connection are found within these. */
const KEEPALIVE_TIME_MS = MINUTE;
const KEEPALIVE_TIMEOUT_MS = 20 * SECOND;

type GetCall = ServerUnaryCall<{ slo?: string; version?: string }, object>;
type WatchCall = ServerWritableStream<{ slo?: string[]; includeRefreshes?: boolean }, object>;

/**
 * `slogate.v1.GateService` on a port of its own; resolves when it listens.
 *
 * @throws EngineError ADDRESS_UNAVAILABLE
 */
export async function startGateService(settings: GateServiceSettings): Promise<GateServiceServer> {
  const watches = new Set<WatchCall>();
  const server = new Server({
    "grpc.max_receive_message_length": 64 * 1024,
    "grpc.max_concurrent_streams": (settings.mostWatches ?? MAX_WATCHES) + MORE_STREAMS,
    "grpc-node.max_session_memory": MAX_SESSION_MB,
    "grpc.keepalive_time_ms": KEEPALIVE_TIME_MS,
    "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
  });
  server.addService(loadGateService().service, {
    Get: (call: GetCall, done: sendUnaryData<object>) => get(settings, call, done),
    Watch: (call: WatchCall) => watch(settings, watches, call),
  });
  const port = await bind(server, settings);
  return {
    port,
    async close() {
      for (const call of watches) {
        call.emit("error", { code: status.UNAVAILABLE, details: "the engine is shutting down" });
      }
      const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      const force = setTimeout(() => server.forceShutdown(), SECOND);
      await closed;
      clearTimeout(force);
    },
  };
}

function get(
  { reader, message, readToken }: GateServiceSettings,
  call: GetCall,
  done: sendUnaryData<object>,
): void {
  if (!metadataCarries(call.metadata.get("authorization"), readToken ?? null)) {
    done(UNAUTHENTICATED);
    return;
  }
  const { slo = "", version = "" } = call.request;
  const decision = version === "" ? reader.get(slo) : reader.get(slo, version);
  if (decision === null) done(notFound(reader, slo));
  else done(null, { decision: decisionProto(message(decision)) });
}

function watch(
  { reader, message, readToken, mostWatches }: GateServiceSettings,
  watches: Set<WatchCall>,
  call: WatchCall,
): void {
  if (!metadataCarries(call.metadata.get("authorization"), readToken ?? null)) {
    call.emit("error", UNAUTHENTICATED);
    return;
  }
  if (watches.size >= (mostWatches ?? MAX_WATCHES)) {
    const details = `${watches.size} watches are open already; try again later, or use GET /v1/events`;
    call.emit("error", { code: status.RESOURCE_EXHAUSTED, details });
    return;
  }
  const { slo: names = [], includeRefreshes = false } = call.request;
  const missing = names.find((name) => reader.get(name) === null);
  if (missing !== undefined) {
    call.emit("error", notFound(reader, missing));
    return;
  }
  const wanted = names.length === 0 ? null : new Set(names);
  /** What was sent last per SLO, as "epoch/sequence": tells a transition from a refresh. */
  const sent = new Map<string, string>();
  /** Waiting for a slow reader: the newest per SLO, so never more than there are SLOs. */
  const waiting = new Map<string, GateDecision>();
  let isFull = false;

  const write = (d: GateDecision): void => {
    const term = `${d.epoch}/${d.sequence}`;
    if (!includeRefreshes && sent.get(d.slo) === term) return;
    sent.set(d.slo, term);
    isFull = !call.write({ decision: decisionProto(message(d)) });
  };
  const offer = (decisions: readonly GateDecision[]): void => {
    for (const d of decisions) {
      if (wanted !== null && !wanted.has(d.slo)) continue;
      if (isFull) waiting.set(d.slo, d);
      else write(d);
    }
  };
  /** A defect costs this reader its call, nobody else anything. */
  const giveUp = (cause: unknown): void => {
    call.emit("error", { code: status.INTERNAL, details: String(cause) });
  };
  call.on("drain", () => {
    isFull = false;
    try {
      for (const [slo, d] of waiting) {
        if (isFull) return;
        waiting.delete(slo);
        write(d);
      }
    } catch (cause) {
      giveUp(cause);
    }
  });
  const unwatch = reader.watch((decisions) => {
    try {
      offer(decisions);
    } catch (cause) {
      giveUp(cause);
    }
  });
  const leave = (): void => {
    watches.delete(call);
    unwatch();
  };
  watches.add(call);
  for (const event of ["cancelled", "close", "error", "finish"]) call.on(event, leave);
  void (async () => {
    // What is decided meanwhile goes its own way: each is as new as can be when it is offered.
    for await (const decisions of reader.inParts()) {
      if (!watches.has(call)) return;
      offer(decisions);
    }
  })().catch(giveUp);
}

const UNAUTHENTICATED = {
  code: status.UNAUTHENTICATED,
  details: "reading needs the token of api.auth.read (authorization: Bearer <token>)",
};

function notFound(reader: Pick<GateReader, "names">, slo: string) {
  return { code: status.NOT_FOUND, details: unknownSlo(slo, reader.names()).message };
}

async function bind(server: Server, { endpoint, tls }: GateServiceSettings): Promise<number> {
  // An address that is taken is found here: grpc-js would also write to stderr about it.
  const probe = createNetServer();
  await listen(probe, KEY, endpoint);
  await new Promise((resolve) => probe.close(resolve));
  return new Promise((resolve, reject) => {
    server.bindAsync(hostPort(endpoint.host, endpoint.port), credentials(tls), (cause, port) => {
      if (cause === null) resolve(port);
      else reject(addressUnavailable(KEY, endpoint, cause));
    });
  });
}

function credentials(tls: TlsMaterial | null | undefined): ServerCredentials {
  if (!tls) return ServerCredentials.createInsecure();
  const { cert, key, clientCa } = tls;
  const pair = { private_key: key, cert_chain: cert };
  return ServerCredentials.createSsl(clientCa, [pair], clientCa !== null);
}

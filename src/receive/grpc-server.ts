import { lookup } from "node:dns/promises";
import type {
  Http2Server,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from "node:http2";
import { createServer as createNetServer, Server as NetServer } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { addressUnavailable, hostPort } from "../model/address.ts";
import type { GrpcReceiverSettings } from "../model/receiver-settings.ts";
import type { TlsMaterial } from "../model/tls.ts";
import { ageOptions } from "./connection-age.ts";
import { readTls } from "./tls.ts";

/** Returns true when it has taken the stream; it must then answer it. */
export type TakeStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean;

/** Streams one connection may have open; more than a Collector's default of 10 consumers needs. */
const MAX_CONCURRENT_STREAMS = 256;
/** Peers that vanished without closing their connection are found within these. */
const KEEPALIVE_TIME_MS = 60_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;

/**
 * A grpc-js server whose HTTP/2 layer is in our hands where grpc-js has no option for it: the server's
 * flow-control windows (its `grpc-node.flow_control_window` is for clients only), and calls that are
 * answered on their stream before grpc-js spends a call object, a metadata map and a copy on each.
 * grpc-js keeps credentials, keepalive, health, unknown methods and shutdown.
 */
export class GrpcServer {
  readonly grpc: Server;
  private readonly settings: GrpcReceiverSettings;
  private readonly key: string;
  private http2Server: Http2Server | null = null;
  private readonly sessions = new Set<ServerHttp2Session>();

  /** `key` is the receiver's place in the configuration, for messages. */
  constructor(settings: GrpcReceiverSettings, key: string) {
    this.settings = settings;
    this.key = key;
    this.grpc = new Server({
      "grpc.enable_channelz": 0,
      "grpc.max_concurrent_streams": MAX_CONCURRENT_STREAMS,
      "grpc.keepalive_time_ms": KEEPALIVE_TIME_MS,
      "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
      // Health requests are tiny; Export calls have their own limit.
      "grpc.max_receive_message_length": 64 * 1024,
      ...ageOptions(settings.maxConnectionAgeMs ?? null),
    });
  }

  /** Listens and returns the port. Throws EngineError ADDRESS_UNAVAILABLE or CONFIG_INVALID. */
  async listen(take: TakeStream): Promise<number> {
    const { endpoint, tls } = this.settings;
    const material = await readTls(tls, this.key);
    const address = await lookup(endpoint.host).catch((cause: unknown) => {
      throw addressUnavailable(this.key, endpoint, cause);
    });
    await this.probe(address.address);
    const options = internal(this.grpc, "commonServerOptions") as { settings?: object };
    options.settings = {
      ...options.settings,
      initialWindowSize: this.settings.flowControlWindowBytes,
    };
    const port = await this.bind(hostPort(address.address, endpoint.port), material);
    for (const server of (internal(this.grpc, "http2Servers") as Map<Http2Server, unknown>).keys())
      this.takeOver(server, take);
    return port;
  }

  /** An address that is taken is found here: grpc-js would also write to stderr about it. */
  private probe(host: string): Promise<void> {
    const { endpoint } = this.settings;
    return new Promise((resolve, reject) => {
      const probe = createNetServer();
      probe.once("error", (cause) => reject(addressUnavailable(this.key, endpoint, cause)));
      probe.listen(endpoint.port, host, () => probe.close(() => resolve()));
    });
  }

  private bind(address: string, material: TlsMaterial | null): Promise<number> {
    return new Promise((resolve, reject) => {
      this.grpc.bindAsync(address, credentials(material), (error, port) => {
        if (error === null) resolve(port);
        else reject(addressUnavailable(this.key, this.settings.endpoint, error));
      });
    });
  }

  private takeOver(server: Http2Server, take: TakeStream): void {
    this.http2Server = server;
    const others = server.listeners("stream");
    server.removeAllListeners("stream");
    server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...rest) => {
      if (take(stream, headers)) return;
      for (const other of others) Reflect.apply(other, server, [stream, headers, ...rest]);
    });
    server.on("session", (session: ServerHttp2Session) => {
      this.sessions.add(session);
      session.on("close", () => this.sessions.delete(session));
      // SETTINGS cover streams only; the connection has a window of its own.
      if (!session.destroyed) session.setLocalWindowSize(this.settings.flowControlWindowBytes);
    });
  }

  /** No new connections; the present ones go on. */
  refuseConnections(): void {
    // The HTTP/2 server's own close would also take open connections down.
    if (this.http2Server !== null) NetServer.prototype.close.call(this.http2Server);
  }

  /** Says goodbye (GOAWAY) to every connection, and after `graceMs` closes what is left. */
  close(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        for (const session of this.sessions) session.destroy();
      }, graceMs);
      this.grpc.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

function credentials(material: TlsMaterial | null): ServerCredentials {
  if (material === null) return ServerCredentials.createInsecure();
  const { cert, key, clientCa } = material;
  const pair = { private_key: key, cert_chain: cert };
  return ServerCredentials.createSsl(clientCa, [pair], clientCa !== null);
}

/** A field of grpc-js 1.14 that has no public name. Fails at start, never in service. */
function internal(server: Server, field: "commonServerOptions" | "http2Servers"): unknown {
  const value: unknown = Reflect.get(server, field);
  if (typeof value !== "object" || value === null)
    throw new Error(`unreachable: this version of @grpc/grpc-js has no Server.${field}`);
  return value;
}

import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import { status as Grpc } from "@grpc/grpc-js";
import { addressUnavailable } from "../model/address.ts";
import type { ReceiverSettings } from "../model/receiver-settings.ts";
import type { Refusal } from "../model/refusal.ts";
import type { ReceiverCounters } from "../ports/metrics.ts";
import type { Encoding, OtlpConsumer, Signal } from "../ports/otlp-consumer.ts";
import { ConnectionAges } from "./connection-age.ts";
import { answerRefusal, answerStatus, HttpExport } from "./http-export.ts";
import type { InFlight } from "./limits.ts";
import { Intake } from "./open-request.ts";
import {
  SHUTTING_DOWN,
  tooLarge,
  unsupportedContentType,
  unsupportedEncoding,
} from "./refusals.ts";
import { CLOSE_GRACE_MS, DEFAULT_READ_TIMEOUT_MS } from "./settings.ts";
import { readTls } from "./tls.ts";

const KEY = "receivers.otlp.protocols.http";
const SIGNALS = new Map<string, Signal>([
  ["/v1/traces", "traces"],
  ["/v1/metrics", "metrics"],
]);
const ENCODINGS = new Map<string, Encoding>([
  ["application/x-protobuf", "protobuf"],
  ["application/json", "json"],
]);
const SUPPORTED_TYPES = [...ENCODINGS.keys()].join(" or ");
const HEADERS_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_TIMEOUT_MS = 75_000;

/** OTLP/HTTP, protobuf and JSON: https://opentelemetry.io/docs/specs/otlp/#otlphttp. */
export class HttpReceiver {
  private readonly settings: ReceiverSettings;
  private readonly intake: Intake;
  private readonly readTimeoutMs: number;
  private readonly ages: ConnectionAges | null;
  private server: Server | null = null;
  private stopped: Promise<void> | null = null;

  /** `limits` are this receiver's alone; `counters` count what it refuses by itself. */
  constructor(
    settings: ReceiverSettings,
    consumer: OtlpConsumer,
    limits: InFlight,
    counters: ReceiverCounters | null = null,
  ) {
    const { maxMessageBytes, readTimeoutMs = DEFAULT_READ_TIMEOUT_MS } = settings;
    const { maxConnectionAgeMs = null } = settings;
    this.ages = maxConnectionAgeMs === null ? null : new ConnectionAges(maxConnectionAgeMs);
    this.settings = settings;
    this.readTimeoutMs = readTimeoutMs;
    this.intake = new Intake({ consumer, limits, counters, maxMessageBytes, readTimeoutMs });
  }

  /**
   * Listens. Throws EngineError ADDRESS_UNAVAILABLE (taken or not ours) or CONFIG_INVALID (TLS files);
   * the message names the key in the configuration.
   */
  async start(): Promise<{ port: number }> {
    const { endpoint } = this.settings;
    const server = await this.createServer();
    this.server = server;
    server.on("request", (request, response) => this.open(request, response));
    server.on("checkContinue", (request, response) => this.open(request, response));
    return new Promise((resolve, reject) => {
      const fail = (cause: Error): void => reject(addressUnavailable(KEY, endpoint, cause));
      server.once("error", fail);
      server.listen(endpoint.port, endpoint.host, () => {
        server.removeListener("error", fail);
        // A connection that could not be accepted (no file handle left) must not end the engine.
        server.on("error", () => undefined);
        const address = server.address();
        resolve({ port: typeof address === "object" && address !== null ? address.port : 0 });
      });
    });
  }

  private async createServer(): Promise<Server> {
    const tls = await readTls(this.settings.tls, KEY);
    const options: ServerOptions = {
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, this.readTimeoutMs),
      requestTimeout: this.readTimeoutMs,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: Math.min(5000, this.readTimeoutMs),
    };
    if (tls === null) return createServer(options);
    const { cert, key, clientCa } = tls;
    const client = clientCa === null ? {} : { ca: clientCa, requestCert: true };
    return createTlsServer({ ...options, ...client, cert, key });
  }

  /** Refuses by what the head of the request says, else reads the body. */
  private open(request: IncomingMessage, response: ServerResponse): void {
    const { intake } = this;
    if (this.ages?.isOver(request.socket)) response.setHeader("connection", "close");
    const mediaType = request.headers["content-type"] ?? "";
    const encoding = ENCODINGS.get((mediaType.split(";")[0] ?? "").trim().toLowerCase());
    const signal = SIGNALS.get((request.url ?? "").split("?")[0] ?? "");
    // Whoever sends something else can read JSON.
    const answerAs = encoding ?? "json";
    if (signal === undefined) {
      const message = `${request.url} is not served here; ${[...SIGNALS.keys()].join(" and ")} are`;
      const answer = { grpc: Grpc.UNIMPLEMENTED, http: 404, message, retryAfterMs: null };
      answerStatus(request, response, answerAs, answer, {});
      return;
    }
    if (request.method !== "POST") {
      const message = `${request.method} is not allowed; use POST`;
      const answer = { grpc: Grpc.UNIMPLEMENTED, http: 405, message, retryAfterMs: null };
      answerStatus(request, response, answerAs, answer, { allow: "POST" });
      return;
    }
    const compression = (request.headers["content-encoding"] ?? "identity").trim().toLowerCase();
    const refusal =
      this.refusalOf(request, mediaType, encoding, compression) ?? intake.limits.begin();
    if (refusal === null && encoding !== undefined) {
      if (request.headers.expect !== undefined) response.writeContinue();
      new HttpExport(intake, signal, encoding, compression === "gzip", request, response);
      return;
    }
    if (refusal === null) throw new Error("unreachable: a request without encoding is refused");
    intake.count(refusal);
    const headers: OutgoingHttpHeaders = {};
    if (refusal.code === "unsupported-encoding") headers["accept-encoding"] = "gzip";
    if (refusal.code === "shutting-down") headers.connection = "close";
    answerRefusal(request, response, answerAs, refusal, headers);
  }

  private refusalOf(
    request: IncomingMessage,
    mediaType: string,
    encoding: Encoding | undefined,
    compression: string,
  ): Refusal | null {
    const { stopping, sizes } = this.intake;
    if (stopping) return SHUTTING_DOWN;
    if (encoding === undefined) return unsupportedContentType(mediaType, SUPPORTED_TYPES);
    if (compression !== "gzip" && compression !== "identity")
      return unsupportedEncoding(compression);
    const size = sizes[encoding];
    if (Number(request.headers["content-length"] ?? 0) > size.maxBytes) return tooLarge(size);
    return null;
  }

  /**
   * New connections and requests are refused (503 with Retry-After), requests that were accepted are
   * finished; what is left after `deadlineMs` is cut off. Safe to call twice.
   */
  stop(deadlineMs: number): Promise<void> {
    this.stopped ??= this.shutDown(deadlineMs);
    return this.stopped;
  }

  private async shutDown(deadlineMs: number): Promise<void> {
    const { server, intake } = this;
    intake.stopping = true;
    if (server !== null) {
      const closed = new Promise((resolve) => server.close(resolve));
      const graceMs = Math.min(CLOSE_GRACE_MS, deadlineMs / 2);
      await intake.drained(deadlineMs - graceMs);
      const timer = setTimeout(() => server.closeAllConnections(), graceMs);
      server.closeIdleConnections();
      await closed;
      clearTimeout(timer);
    }
    intake.close();
  }
}

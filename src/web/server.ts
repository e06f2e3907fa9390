import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { hostPort } from "../model/address.ts";
import { SECOND } from "../model/time.ts";
import type { TlsMaterial } from "../model/tls.ts";
import type { Log } from "../ports/log.ts";
import { ApiError, sendError } from "./answer.ts";
import { type EventStreamSettings, eventStream } from "./events.ts";
import { listen } from "./listen.ts";
import { loadPage } from "./page-files.ts";
import { createRouter, type RouteSources } from "./routes.ts";
import { Turns } from "./turns.ts";

export interface HttpApiSettings extends RouteSources {
  /** Port 0 lets the system choose. */
  readonly endpoint: { readonly host: string; readonly port: number };
  /** Null or absent: plain HTTP. */
  readonly tls?: TlsMaterial | null;
  readonly events?: Omit<EventStreamSettings, "reader" | "message">;
}

export interface HttpApi {
  readonly host: string;
  readonly port: number;
  /** For messages and clients: `http://127.0.0.1:8484`. */
  readonly url: string;
  /** Ends event streams, lets running answers finish (at most 1 s) and stops listening. */
  close(): Promise<void>;
}

/**
 * REST, server-sent events, /metrics and the web page on one port; resolves when it listens.
 *
 * @throws EngineError ADDRESS_UNAVAILABLE
 */
export async function startHttpApi(settings: HttpApiSettings): Promise<HttpApi> {
  const { log, endpoint } = settings;
  const events = eventStream({ ...settings.events, ...settings });
  const route = createRouter(settings, events, loadPage());
  const turns = new Turns((request, response) => {
    route(request, response).catch((error: unknown) => answerError(request, response, error, log));
  });
  const server = buildServer(settings, (request, response) => turns.take(request, response));
  // A slow or idle client must not hold a connection for ever.
  server.headersTimeout = 10 * SECOND;
  server.requestTimeout = 30 * SECOND;
  server.maxConnections = 2_000;
  await listen(server, "api.http", endpoint);
  // A connection that could not be accepted (no file handle left) must not end the engine.
  server.on("error", () => undefined);
  const { port } = server.address() as AddressInfo;
  return {
    host: endpoint.host,
    port,
    url: `${settings.tls ? "https" : "http"}://${hostPort(endpoint.host, port)}`,
    async close() {
      events.close();
      turns.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const force = setTimeout(() => server.closeAllConnections(), SECOND);
      await closed;
      clearTimeout(force);
    },
  };
}

function buildServer(
  { tls }: HttpApiSettings,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  if (!tls) return createServer(handle);
  const { cert, key, clientCa } = tls;
  const clients = clientCa === null ? {} : { ca: clientCa, requestCert: true };
  return createTlsServer({ cert, key, ...clients }, handle);
}

function answerError(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  log: Log,
): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  if (error instanceof ApiError) {
    sendError(request, response, error);
  } else if (!request.destroyed || request.complete) {
    log.error("an HTTP request failed", { path: request.url?.slice(0, 200), error });
    sendError(request, response, new ApiError(500, "internal", "the engine failed to answer"));
  }
}

import type { IncomingMessage, ServerResponse } from "node:http";
import type { DecisionMessage } from "../model/decision-message.ts";
import type { GateDecision } from "../model/gate.ts";
import type { Clock } from "../ports/clock.ts";
import type { GateReader, OverrideControl, Readiness } from "../ports/gate-reader.ts";
import type { Log } from "../ports/log.ts";
import { ApiError, send, sendJson } from "./answer.ts";
import { requireReader, requireWriter } from "./auth.ts";
import type { EventStream } from "./events.ts";
import { allInWords } from "./in-words.ts";
import { unknownSlo } from "./nearest.ts";
import { parseClearAuthor, parseOverride, readJsonBody } from "./override-request.ts";
import { type loadPage, sendPageFile } from "./page-files.ts";
import { requireKnownParameters } from "./query.ts";
import { shared } from "./shared.ts";

/** What the routes answer from. */
export interface RouteSources {
  readonly reader: GateReader;
  readonly overrides: OverrideControl;
  readonly readiness: Readiness;
  readonly clock: Clock;
  readonly log: Log;
  /** The published form of a decision. */
  readonly message: (decision: GateDecision) => DecisionMessage;
  readonly metrics: (accept?: string) => Promise<{ contentType: string; body: string }>;
  /** Null: reading is free. */
  readonly readToken: string | null;
  /** Null: overrides are off. */
  readonly writeToken: string | null;
}

interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  /** The path's variable part, decoded. */
  readonly slo: string;
}

interface Route {
  readonly path: RegExp;
  /** Parameters of the query by method; none where left out. */
  readonly parameters?: Readonly<Record<string, readonly string[]>>;
  readonly methods: Readonly<Record<string, (call: Call) => void | Promise<void>>>;
}

/** Answers one request, or throws an ApiError. HEAD is GET without the body. */
export type Router = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export function createRouter(
  sources: RouteSources,
  events: EventStream,
  page: ReturnType<typeof loadPage>,
): Router {
  const routes = createRoutes(sources, events);
  return async (request, response) => {
    const url = parseUrl(request.url ?? "/");
    const method = request.method === "HEAD" ? "GET" : (request.method ?? "GET");
    const file = page.get(url.pathname === "/index.html" ? "/" : url.pathname);
    if (file !== undefined) {
      if (method !== "GET") throw methodNotAllowed(request, ["GET"]);
      sendPageFile(request, response, file);
      return;
    }
    for (const { path, methods, parameters } of routes) {
      const match = path.exec(url.pathname);
      if (match === null) continue;
      const handle = methods[method];
      if (handle === undefined) throw methodNotAllowed(request, Object.keys(methods));
      // Probes and scrapers may add theirs: there is one answer only.
      if (url.pathname.startsWith("/v1/")) {
        requireKnownParameters(url.searchParams, parameters?.[method] ?? []);
      }
      await handle({ request, response, query: url.searchParams, slo: decoded(match[1] ?? "") });
      return;
    }
    throw new ApiError(
      404,
      "not-found",
      `nothing is at ${url.pathname.slice(0, 200)}; see /v1/gates, /v1/gates/{slo}, ` +
        "/v1/gates/{slo}/history, /v1/slos/{slo}/series, /v1/events, /v1/overrides/{slo}, " +
        "/metrics, /healthz, /readyz",
    );
  };
}

function createRoutes(sources: RouteSources, events: EventStream): readonly Route[] {
  const { reader, message } = sources;
  const all = shared(() => listInWords(sources));
  const found = <T>(slo: string, value: T | null): T => value ?? fail(reader, slo);
  const reading =
    (handle: (call: Call) => void | Promise<void>) =>
    (call: Call): void | Promise<void> => {
      requireReader(call.request, sources.readToken, sources.writeToken);
      return handle(call);
    };
  const json = (answer: (call: Call) => unknown) =>
    reading((call) => sendJson(call.request, call.response, 200, { data: answer(call) }));
  return [
    { path: /^\/v1\/gates\/?$/, methods: { GET: reading((call) => sendAll(all, call)) } },
    {
      path: /^\/v1\/gates\/([^/]+)$/,
      parameters: { GET: ["version"] },
      methods: {
        GET: json(({ slo, query }) => {
          const version = query.get("version");
          return message(found(slo, version ? reader.get(slo, version) : reader.get(slo)));
        }),
      },
    },
    {
      path: /^\/v1\/gates\/([^/]+)\/history$/,
      methods: { GET: json(({ slo }) => found(slo, reader.history(slo)).map(message)) },
    },
    {
      path: /^\/v1\/slos\/([^/]+)\/series$/,
      methods: {
        GET: json(({ slo }) =>
          found(slo, reader.series(slo)).map(({ at, total, bad }) => ({
            at: `${new Date(at).toISOString().slice(0, 19)}Z`,
            total,
            bad,
          })),
        ),
      },
    },
    {
      path: /^\/v1\/events$/,
      // EventSources that can send a token are made with libraries, which may tell the last id so.
      parameters: { GET: ["slo", "lastEventId"] },
      methods: {
        GET: reading(({ request, response, query }) => {
          const slos = query.getAll("slo");
          for (const slo of slos) found(slo, reader.get(slo));
          events.serve(request, response, slos);
        }),
      },
    },
    {
      path: /^\/v1\/overrides\/([^/]+)$/,
      parameters: { DELETE: ["author"] },
      methods: {
        POST: (call) => setOverride(sources, call),
        DELETE: (call) => clearOverride(sources, call),
      },
    },
    {
      path: /^\/metrics$/,
      methods: {
        GET: reading(async ({ request, response }) => {
          const { contentType, body } = await sources.metrics(request.headers.accept);
          send(request, response, 200, { "content-type": contentType, vary: "Accept" }, body);
        }),
      },
    },
    {
      path: /^\/healthz$/,
      methods: {
        GET: ({ request, response }) => sendJson(request, response, 200, { status: "ok" }),
      },
    },
    {
      path: /^\/readyz$/,
      methods: {
        GET: ({ request, response }) => {
          const { ok, message: why } = sources.readiness.ready();
          const status = ok ? "ready" : "not ready";
          sendJson(request, response, ok ? 200 : 503, { status, message: why });
        },
      },
    },
  ];
}

async function sendAll(all: () => Promise<Buffer>, call: Call): Promise<void> {
  const type = { "content-type": "application/json; charset=utf-8" };
  send(call.request, call.response, 200, type, await all());
}

async function listInWords(sources: RouteSources): Promise<Buffer> {
  const present = await allInWords(sources);
  return Buffer.from(`{"data":[${present.map(({ json }) => json).join(",")}]}\n`);
}

async function setOverride(sources: RouteSources, call: Call): Promise<void> {
  requireWriter(call.request, sources.writeToken);
  const { reader, overrides, clock, log } = sources;
  if (reader.get(call.slo) === null) fail(reader, call.slo);
  const override = parseOverride(call.slo, await readJsonBody(call.request), clock.now());
  const refused = overrides.set(override);
  if (refused !== null) throw new ApiError(409, "refused", refused);
  const { slo, state, author, reason } = override;
  log.warn("override set", { slo, state, author, reason, until: new Date(override.expiresAt) });
  answerWithPresent(sources, call);
}

async function clearOverride(sources: RouteSources, call: Call): Promise<void> {
  requireWriter(call.request, sources.writeToken);
  const { reader, overrides, log } = sources;
  const present = reader.get(call.slo) ?? fail(reader, call.slo);
  const author = parseClearAuthor(call.query);
  const refused = overrides.clear(call.slo, author);
  if (refused !== null) throw new ApiError(409, "refused", refused);
  const cleared = present.override !== null;
  if (cleared) log.warn("override cleared", { slo: call.slo, author });
  answerWithPresent(sources, call, { cleared });
}

function answerWithPresent(
  { reader, message }: RouteSources,
  call: Call,
  more: Readonly<Record<string, unknown>> = {},
): void {
  const decision = reader.get(call.slo);
  const data = decision === null ? null : message(decision);
  sendJson(call.request, call.response, 200, { data, ...more });
}

function fail(reader: GateReader, slo: string): never {
  const { message, ...fields } = unknownSlo(slo, reader.names());
  throw new ApiError(404, "unknown-slo", message, { fields });
}

function methodNotAllowed(request: IncomingMessage, methods: readonly string[]): ApiError {
  const allowed = methods.includes("GET") ? [...methods, "HEAD"] : methods;
  return new ApiError(
    405,
    "method-not-allowed",
    `${request.method} is not possible here; possible: ${allowed.join(", ")}`,
    { headers: { allow: allowed.join(", ") } },
  );
}

function parseUrl(target: string): URL {
  // "//host/path" would be read as another host; the target is a path here.
  const url = URL.parse(`http://localhost/${target.replace(/^\/+/, "")}`);
  if (url === null) throw new ApiError(400, "invalid", "the request's path cannot be read");
  return url;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ApiError(400, "invalid", "the path has a % that is no escape; write %25");
  }
}

import type { Matcher } from "../model/matcher.ts";
import type { SpanIndicator } from "../model/slo.ts";

/** Probes of the platform, not requests of a user. */
const HEALTH_PATHS = ["/healthz", "/readyz", "/livez"] as const;

/**
 * Span names of probes: the bare path, or "{method} {route}" as the HTTP conventions have it.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/http/http-spans/#name
 */
const HEALTH_NAMES = HEALTH_PATHS.flatMap((path) => [path, `GET ${path}`, `HEAD ${path}`]);

/**
 * gRPC codes that are the server's fault; the others are the caller's.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
 */
const GRPC_SERVER_ERRORS: readonly { readonly code: number; readonly name: string }[] = [
  { code: 2, name: "UNKNOWN" },
  { code: 4, name: "DEADLINE_EXCEEDED" },
  { code: 12, name: "UNIMPLEMENTED" },
  { code: 13, name: "INTERNAL" },
  { code: 14, name: "UNAVAILABLE" },
  { code: 15, name: "DATA_LOSS" },
];

/**
 * The indicator of an SLO that names none: server spans of `service` without health checks and
 * synthetic traffic; bad are errors by span status, HTTP status or gRPC status, in the current and the
 * older attribute names.
 */
export function defaultIndicator(service: string): SpanIndicator {
  const codes = GRPC_SERVER_ERRORS.map((error) => error.code);
  // Numbers match the same text too, so "14" is covered.
  const namesAndCodes = [...GRPC_SERVER_ERRORS.map((error) => error.name), ...codes];
  return {
    signal: "spans",
    total: {
      all: [
        { kind: ["server"] },
        { resource: "service.name", test: { in: [service] } },
        { not: { any: healthChecks() } },
        { not: { attribute: "user_agent.synthetic.type", test: { in: ["bot", "test"] } } },
      ],
    },
    bad: {
      any: [
        { status: ["error"] },
        { attribute: "http.response.status_code", test: { gte: 500 } },
        { attribute: "http.status_code", test: { gte: 500 } },
        { attribute: "rpc.grpc.status_code", test: { in: codes } },
        { attribute: "rpc.status_code", test: { in: namesAndCodes } },
        { attribute: "rpc.response.status_code", test: { in: namesAndCodes } },
      ],
    },
    good: null,
  };
}

function healthChecks(): Matcher[] {
  return [
    { attribute: "url.path", test: { in: HEALTH_PATHS } },
    { attribute: "http.route", test: { in: HEALTH_PATHS } },
    { attribute: "http.target", test: { in: HEALTH_PATHS } },
    // The older attribute carries the query too: /readyz?verbose
    ...HEALTH_PATHS.map((path) => ({ attribute: "http.target", test: { prefix: `${path}?` } })),
    { name: { in: HEALTH_NAMES } },
  ];
}

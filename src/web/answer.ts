import type { IncomingMessage, ServerResponse } from "node:http";

/** A request that is answered with an error; `message` tells the caller what to do. */
export class ApiError extends Error {
  readonly status: number;
  /** A bounded set of words that programs may compare. */
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Further fields of the error object, for example the known names. */
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    code: string,
    message: string,
    more: {
      readonly headers?: Readonly<Record<string, string>>;
      readonly fields?: Readonly<Record<string, unknown>>;
    } = {},
  ) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.headers = more.headers ?? {};
    this.fields = more.fields ?? {};
  }
}

/** Nothing here may be kept by a proxy: an old decision is a wrong one. */
const NO_STORE = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

/** Sends the whole body; without it for HEAD, with the length it would have. */
export function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array,
): void {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  response.writeHead(status, { ...NO_STORE, ...headers, "content-length": bytes.byteLength });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

export function sendJson(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  send(
    request,
    response,
    status,
    { "content-type": "application/json; charset=utf-8", ...headers },
    `${JSON.stringify(value)}\n`,
  );
}

export function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  error: ApiError,
): void {
  sendJson(
    request,
    response,
    error.status,
    { error: { code: error.code, message: error.message, ...error.fields } },
    error.headers,
  );
}

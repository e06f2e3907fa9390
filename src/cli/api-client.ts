import { EngineError } from "../model/errors.ts";
import { type DurationMs, SECOND } from "../model/time.ts";
import { singleLine } from "../publish/sentence.ts";

export const DEFAULT_SERVER = "http://127.0.0.1:8484";

type Environment = Readonly<Record<string, string | undefined>>;

export interface ApiCall {
  readonly method?: "GET" | "POST" | "DELETE";
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly token?: string | null;
  /** Default 5 s. */
  readonly timeoutMs?: DurationMs;
  readonly signal?: AbortSignal;
}

export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
  /** The server's clock, unix milliseconds, to a second; null when it did not say. */
  readonly serverTime: number | null;
}

/**
 * Where the engine's HTTP API is: the option, else SLOGATE_SERVER, else this machine. `host:port` will do.
 *
 * @throws EngineError CONFIG_INVALID
 */
export function serverUrl(option: string | null, env: Environment): string {
  const text = option ?? env.SLOGATE_SERVER ?? "";
  if (text === "") return DEFAULT_SERVER;
  const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "") {
    const where = option === null ? "SLOGATE_SERVER" : "--server";
    throw new EngineError(
      "CONFIG_INVALID",
      `${where}: must be an address such as ${DEFAULT_SERVER}, found ${JSON.stringify(text)}`,
    );
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
}

/** SLOGATE_TOKEN, unless the option says otherwise. */
export function apiToken(option: string | null, env: Environment): string | null {
  return option ?? (env.SLOGATE_TOKEN || null);
}

/**
 * One call with a deadline; any status is an answer as long as its body is JSON.
 *
 * @throws EngineError SERVER_UNREACHABLE, with what to do about it
 */
export async function callApi(server: string, path: string, call: ApiCall): Promise<ApiAnswer> {
  const response = await openApi(server, path, call);
  const text = await response.text().catch((error: unknown) => {
    throw unreachable(server, error);
  });
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    const start = singleLine(text.slice(0, 80));
    throw new EngineError(
      "SERVER_UNREACHABLE",
      `${server} answered ${response.status}, but not as slogate does (${JSON.stringify(start)}); ` +
        "is --server the address of the engine's HTTP API?",
      { cause, retryable: true },
    );
  }
  const date = Date.parse(response.headers.get("date") ?? "");
  return { status: response.status, body, serverTime: Number.isNaN(date) ? null : date };
}

/** As `callApi`, for streams: with `signal` the deadline ends with the headers and the signal goes on. */
export async function openApi(server: string, path: string, call: ApiCall): Promise<Response> {
  const deadline = new AbortController();
  const timer = setTimeout(
    () => deadline.abort(new DOMException("no answer in time", "TimeoutError")),
    call.timeoutMs ?? 5 * SECOND,
  ).unref();
  const headers: Record<string, string> = { accept: "application/json" };
  if (call.token != null) headers.authorization = `Bearer ${call.token}`;
  if (call.body !== undefined) headers["content-type"] = "application/json";
  try {
    const signals = call.signal === undefined ? [] : [call.signal];
    const response = await fetch(`${server}${path}`, {
      method: call.method ?? "GET",
      headers,
      body: call.body === undefined ? null : JSON.stringify(call.body),
      redirect: "error",
      signal: AbortSignal.any([deadline.signal, ...signals]),
    });
    if (call.signal !== undefined) clearTimeout(timer);
    return response;
  } catch (error) {
    throw unreachable(server, error);
  }
}

/** The message of `{"error": {"message": ...}}`, in one line; else the status. */
export function errorMessage({ status, body }: ApiAnswer): string {
  const error = (body as { error?: { message?: unknown } } | null)?.error;
  return typeof error?.message === "string"
    ? singleLine(error.message)
    : `the engine answered ${status}`;
}

function unreachable(server: string, cause: unknown): EngineError {
  return new EngineError(
    "SERVER_UNREACHABLE",
    `cannot reach ${server} (${why(cause)}); is the engine running there ("slogate run")? ` +
      "Another address: --server or SLOGATE_SERVER",
    { cause, retryable: true },
  );
}

function why(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError" || error.name === "AbortError") return "no answer in time";
  const cause = error.cause as { code?: string; message?: string } | undefined;
  const known: Readonly<Record<string, string>> = {
    ECONNREFUSED: "connection refused",
    ECONNRESET: "connection closed",
    UND_ERR_SOCKET: "connection closed",
    ENOTFOUND: "no such host",
    EAI_AGAIN: "host name not resolved",
    ETIMEDOUT: "no answer in time",
    UND_ERR_CONNECT_TIMEOUT: "no answer in time",
    EHOSTUNREACH: "no route to the host",
  };
  return known[cause?.code ?? ""] ?? (cause?.message || error.message);
}

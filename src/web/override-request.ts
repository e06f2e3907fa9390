import type { IncomingMessage } from "node:http";
import type { Override } from "../model/gate.ts";
import { DAY, HOUR, MINUTE, SECOND, type UnixMs } from "../model/time.ts";
import { ApiError } from "./answer.ts";

/** An override is four short fields; anything longer is a mistake. */
const MOST_BODY_BYTES = 16 * 1024;
/** Break-glass, not a way to switch a gate off. */
const LONGEST_OVERRIDE = 30 * DAY;
const MOST_AUTHOR = 200;
const MOST_REASON = 1_000;

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: SECOND,
  m: MINUTE,
  h: HOUR,
  d: DAY,
};

/** @throws ApiError 413, 415 or 400 */
export async function readJsonBody(
  request: IncomingMessage,
): Promise<Readonly<Record<string, unknown>>> {
  const type = (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    throw new ApiError(
      415,
      "unsupported-content-type",
      `send Content-Type: application/json, found ${type === "" ? "none" : JSON.stringify(type)}`,
    );
  }
  let size = 0;
  const chunks: Buffer[] = [];
  // Not destroyed when it is too large: the answer goes out on the same connection.
  const body: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > MOST_BODY_BYTES) {
      throw new ApiError(413, "too-large", `the body must be at most ${MOST_BODY_BYTES} bytes`, {
        headers: { connection: "close" },
      });
    }
    chunks.push(chunk);
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return value as Readonly<Record<string, unknown>>;
  } catch (error) {
    throw badRequest(`the body is not JSON: ${error instanceof Error ? error.message : ""}`);
  }
  throw badRequest(`the body must be a JSON object such as ${EXAMPLE}`);
}

/**
 * The override that a body asks for: `{state, reason, author, for | expiresAt}`. All problems at once.
 *
 * @throws ApiError 400
 */
export function parseOverride(
  slo: string,
  body: Readonly<Record<string, unknown>>,
  now: UnixMs,
): Override {
  const problems: string[] = [];
  for (const key of Object.keys(body)) {
    if (!KEYS.includes(key)) {
      problems.push(`${JSON.stringify(key)} is not a known key; known: ${KEYS.join(", ")}`);
    }
  }
  const { state } = body;
  if (state !== "open" && state !== "closed") {
    problems.push(`state: must be "open" or "closed", found ${shown(state)}`);
  }
  const author = parseText("author", body.author, MOST_AUTHOR, problems);
  const reason = parseText("reason", body.reason, MOST_REASON, problems);
  const expiresAt = parseExpiry(body, now, problems);
  if (problems.length > 0) {
    throw badRequest(`${problems.join("; ")}; for example ${EXAMPLE}`, problems);
  }
  return { slo, state: state as Override["state"], author, reason, createdAt: now, expiresAt };
}

/** Who clears an override: `?author=` of a DELETE. @throws ApiError 400 */
export function parseClearAuthor(query: URLSearchParams): string {
  const problems: string[] = [];
  const author = parseText("author", query.get("author") ?? undefined, MOST_AUTHOR, problems);
  if (problems.length > 0) {
    throw badRequest(`${problems.join("; ")}; say who clears the override: ?author=ana`, problems);
  }
  return author;
}

const KEYS = ["state", "for", "expiresAt", "reason", "author"];
const EXAMPLE = '{"state":"open","for":"2h","reason":"fix for the outage","author":"ana"}';

function parseText(key: string, value: unknown, most: number, problems: string[]): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what is refused is control characters
  const unprintable = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;
  if (typeof value !== "string" || value.trim() === "") {
    problems.push(`${key}: must be a text, found ${shown(value)}`);
  } else if (value.length > most) {
    problems.push(`${key}: must be at most ${most} characters, found ${value.length}`);
  } else if (unprintable.test(value) || !value.isWellFormed()) {
    problems.push(`${key}: must be one line without control characters and halves of characters`);
  } else {
    return value.trim();
  }
  return "";
}

function parseExpiry(
  body: Readonly<Record<string, unknown>>,
  now: UnixMs,
  problems: string[],
): UnixMs {
  const length = body.for;
  const until = body.expiresAt;
  if ((length === undefined) === (until === undefined)) {
    problems.push('exactly one of "for" (such as "2h") and "expiresAt" (RFC 3339) is needed');
    return 0;
  }
  const key = length === undefined ? "expiresAt" : "for";
  const ms = length === undefined ? instant(until) - now : durationMs(length);
  if (Number.isNaN(ms)) {
    problems.push(
      key === "for"
        ? `for: must be a duration such as 30m, 2h or 1d, found ${shown(length)}`
        : `expiresAt: must be a time such as 2026-05-04T12:00:00Z, found ${shown(until)}`,
    );
  } else if (ms <= 0) {
    problems.push(`${key}: must lie in the future, found ${shown(length ?? until)}`);
  } else if (ms > LONGEST_OVERRIDE) {
    problems.push(`${key}: must be at most 30 days ahead, found ${shown(length ?? until)}`);
  }
  return now + ms;
}

function durationMs(value: unknown): number {
  const match = /^(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)$/.exec(
    typeof value === "string" ? value : "",
  );
  return match === null
    ? Number.NaN
    : Math.round(Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? 0));
}

/** Only times with a zone: a local time would mean another instant on the server than on the caller's desk. */
function instant(value: unknown): UnixMs {
  const zoned = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/i;
  return typeof value === "string" && zoned.test(value) ? Date.parse(value) : Number.NaN;
}

function badRequest(message: string, problems: readonly string[] = []): ApiError {
  return new ApiError(400, "invalid", message, problems.length > 0 ? { fields: { problems } } : {});
}

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const json = JSON.stringify(value);
  return json.length > 60 ? `${json.slice(0, 57)}...` : json;
}

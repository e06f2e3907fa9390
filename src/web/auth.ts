import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { ApiError } from "./answer.ts";

/**
 * Who may write may also read.
 *
 * @throws ApiError 401 unless the request carries one of the tokens; no `readToken` asks for none
 */
export function requireReader(
  request: IncomingMessage,
  readToken: string | null,
  writeToken: string | null,
): void {
  if (readToken === null || carries(request, readToken)) return;
  if (writeToken !== null && carries(request, writeToken)) return;
  throw unauthorized(request, "reading needs the token of api.auth.read");
}

/** @throws ApiError 403 when no token is configured, 401 unless the request carries it */
export function requireWriter(request: IncomingMessage, token: string | null): void {
  if (token === null) {
    throw new ApiError(
      403,
      "writing-disabled",
      "overrides are off because no token is configured; set api.auth.write.bearer_token " +
        `(for example "\${env:SLOGATE_TOKEN}") in slogate.yaml and restart`,
    );
  }
  if (!carries(request, token)) {
    throw unauthorized(request, "overriding needs the token of api.auth.write");
  }
}

/**
 * Of gRPC metadata, and by the reader's token alone: GateService writes nothing, and does not know the other one.
 *
 * @returns true when `token` is null or one of `values` carries it
 */
export function metadataCarries(
  values: readonly (string | Buffer)[],
  token: string | null,
): boolean {
  return token === null || values.some((value) => isBearer(String(value), token));
}

function unauthorized(request: IncomingMessage, what: string): ApiError {
  const found = request.headers.authorization === undefined ? "none was sent" : "another was sent";
  return new ApiError(401, "unauthorized", `${what} (Authorization: Bearer <token>); ${found}`, {
    headers: { "www-authenticate": 'Bearer realm="slogate"' },
  });
}

function carries(request: IncomingMessage, token: string): boolean {
  return isBearer(request.headers.authorization ?? "", token);
}

function isBearer(authorization: string, token: string): boolean {
  const match = /^Bearer +(\S+) *$/i.exec(authorization);
  if (match === null) return false;
  // Hashes have one length, so that the comparison's time tells nothing, not even the token's length.
  return timingSafeEqual(digest(match[1] ?? ""), digest(token));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

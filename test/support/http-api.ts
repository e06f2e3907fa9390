import { decisionMessage } from "../../src/publish/message.ts";
import { type HttpApi, startHttpApi } from "../../src/web/server.ts";
import type { GateSource } from "./gate-source.ts";

/** The engine's HTTP API over gates in memory, on a free port of loopback. */
export function serveGates(
  source: GateSource,
  tokens: { readonly read?: string; readonly write?: string } = {},
  port = 0,
): Promise<HttpApi> {
  return startHttpApi({
    endpoint: { host: "127.0.0.1", port },
    reader: source,
    overrides: source,
    readiness: { ready: () => ({ ok: true, message: "receiving" }) },
    clock: { now: () => Date.now() },
    log: { info() {}, warn() {}, error() {} },
    message: decisionMessage,
    metrics: async () => ({ contentType: "text/plain", body: "" }),
    readToken: tokens.read ?? null,
    writeToken: tokens.write ?? null,
  });
}

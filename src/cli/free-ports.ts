import { createServer } from "node:net";
import type { Settings } from "../config/settings.ts";
import { addressUnavailable } from "../model/address.ts";
import { EngineError } from "../model/errors.ts";

interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * Looks whether every address of the settings can be listened on, before anything else is done: all that cannot are named at
 * once, and no state is made for an engine that does not start.
 *
 * @throws EngineError ADDRESS_UNAVAILABLE, a line for each address
 */
export async function checkAddresses({ receivers, api }: Settings): Promise<void> {
  const faults: EngineError[] = [];
  for (const [key, server] of [
    ["receivers.otlp.protocols.grpc", receivers.grpc],
    ["receivers.otlp.protocols.http", receivers.http],
    ["api.http", api.http],
    ["api.grpc", api.grpc],
  ] as const) {
    if (server === null || server.endpoint.port === 0) continue;
    const cause = await faultOf(server.endpoint);
    if (cause !== null) faults.push(addressUnavailable(key, server.endpoint, cause));
  }
  const [first] = faults;
  if (first === undefined) return;
  const message = faults.map((fault) => fault.message).join("\n");
  throw new EngineError("ADDRESS_UNAVAILABLE", message, { cause: first.cause });
}

/** Listens and lets go again. */
function faultOf({ host, port }: Address): Promise<Error | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", resolve);
    server.listen(port, host, () => server.close(() => resolve(null)));
  });
}

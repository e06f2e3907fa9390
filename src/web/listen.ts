import type { Server } from "node:net";
import { addressUnavailable } from "../model/address.ts";

/**
 * Resolves when `server` listens.
 *
 * @param key the API's place in the configuration, for messages
 * @throws EngineError ADDRESS_UNAVAILABLE
 */
export function listen(
  server: Server,
  key: string,
  endpoint: { readonly host: string; readonly port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => reject(addressUnavailable(key, endpoint, cause));
    server.once("error", fail);
    server.listen(endpoint.port, endpoint.host, () => {
      server.removeListener("error", fail);
      resolve();
    });
  });
}

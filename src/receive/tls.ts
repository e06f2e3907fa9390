import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { EngineError } from "../model/errors.ts";
import type { TlsFiles, TlsMaterial } from "../model/tls.ts";

/**
 * Reads the PEM files; null, no TLS, stays null.
 *
 * @param key the server's place in the configuration, for messages
 * @throws EngineError CONFIG_INVALID for a file that cannot be read or used
 */
export async function readTls(tls: TlsFiles | null, key: string): Promise<TlsMaterial | null> {
  if (tls === null) return null;
  const read = async (name: string, path: string): Promise<Buffer> => {
    try {
      return await readFile(path);
    } catch (cause) {
      const message = `${key}.tls.${name}: cannot read ${path} (${reason(cause)})`;
      throw new EngineError("CONFIG_INVALID", message, { cause });
    }
  };
  const material = {
    cert: await read("cert_file", tls.certFile),
    key: await read("key_file", tls.keyFile),
    clientCa: tls.clientCaFile === null ? null : await read("client_ca_file", tls.clientCaFile),
  };
  try {
    const { cert, key: privateKey, clientCa } = material;
    createSecureContext({ cert, key: privateKey, ...(clientCa === null ? {} : { ca: clientCa }) });
  } catch (cause) {
    const message = `${key}.tls: certificate and key cannot be used (${reason(cause)})`;
    throw new EngineError("CONFIG_INVALID", message, { cause });
  }
  return material;
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { EngineError } from "../model/errors.ts";
import type { ReceiverTls } from "../model/receiver-settings.ts";

export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly clientCa: Buffer | null;
}

/**
 * Reads the PEM files. `key` is the receiver's place in the configuration, for messages.
 * Throws EngineError CONFIG_INVALID for a file that cannot be read or used.
 */
export async function readTls(tls: ReceiverTls, key: string): Promise<TlsMaterial> {
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

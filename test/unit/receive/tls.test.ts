import { readFileSync } from "node:fs";
import { request } from "node:https";
import { fileURLToPath } from "node:url";
import { Client, credentials, status as Grpc } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import type { EngineError } from "../../../src/model/errors.ts";
import { cleanUp, exportBytes, startGrpc, startHttp, TRACES, whenDone } from "./support.ts";

const file = (name: string): string =>
  fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
const pem = (name: string): Buffer => readFileSync(file(name));

const SERVER = {
  certFile: file("server.pem"),
  keyFile: file("server.key.pem"),
  clientCaFile: null,
};
const MUTUAL = { ...SERVER, clientCaFile: file("ca.pem") };

afterEach(cleanUp);

async function exportOverGrpc(port: number, withCertificate: boolean): Promise<number> {
  const own: [Buffer, Buffer] | [] = withCertificate
    ? [pem("client.key.pem"), pem("client.pem")]
    : [];
  const secure = credentials.createSsl(pem("ca.pem"), ...own);
  const client = new Client(`127.0.0.1:${port}`, secure, {
    "grpc.enable_retries": 0,
    "grpc.ssl_target_name_override": "localhost",
  });
  whenDone(() => client.close());
  return (await exportBytes(client, TRACES, Buffer.alloc(3))).code;
}

function exportOverHttps(port: number, withCertificate: boolean): Promise<number | string> {
  const own = withCertificate ? { key: pem("client.key.pem"), cert: pem("client.pem") } : {};
  return new Promise((resolve) => {
    const options = { host: "127.0.0.1", port, path: "/v1/traces", method: "POST", agent: false };
    const headers = { "content-type": "application/x-protobuf" };
    const call = request({ ...options, ...own, headers, ca: pem("ca.pem") }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    call.on("error", () => resolve("connection refused by TLS"));
    call.end();
  });
}

describe("TLS", () => {
  it("serves both protocols with the configured certificate", async () => {
    const grpc = await startGrpc({ tls: SERVER });
    expect(await exportOverGrpc(grpc.port, false)).toBe(Grpc.OK);
    const http = await startHttp({ tls: SERVER });
    expect(await exportOverHttps(http.port, false)).toBe(200);
  });

  it("asks senders for a certificate when a client CA is configured", async () => {
    const grpc = await startGrpc({ tls: MUTUAL });
    expect(await exportOverGrpc(grpc.port, true)).toBe(Grpc.OK);
    expect(await exportOverGrpc(grpc.port, false)).toBe(Grpc.UNAVAILABLE);
    const http = await startHttp({ tls: MUTUAL });
    expect(await exportOverHttps(http.port, true)).toBe(200);
    expect(await exportOverHttps(http.port, false)).toBe("connection refused by TLS");
    expect([grpc.consumer.requests.length, http.consumer.requests.length]).toEqual([1, 1]);
  });

  it("names the key of a file that cannot be read or is no certificate", async () => {
    for (const start of [startGrpc, startHttp]) {
      const missing = { ...SERVER, certFile: "/nowhere/cert.pem" };
      const unreadable = await start({ tls: missing }).catch((e: EngineError) => e);
      expect(unreadable).toMatchObject({ name: "EngineError", code: "CONFIG_INVALID" });
      expect((unreadable as EngineError).message).toMatch(
        /^receivers\.otlp\.protocols\.(grpc|http)\.tls\.cert_file: cannot read \/nowhere\/cert\.pem/,
      );
      const swapped = { ...SERVER, certFile: SERVER.keyFile };
      const unusable = await start({ tls: swapped }).catch((e: EngineError) => e);
      expect(unusable).toMatchObject({ name: "EngineError", code: "CONFIG_INVALID" });
    }
  });
});

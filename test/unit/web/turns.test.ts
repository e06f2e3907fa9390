import { readFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, Server as TlsServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import type { ReadingSettings } from "../../../src/web/reading-watch.ts";
import { Turns } from "../../../src/web/turns.ts";
import { waitFor } from "../../support/wait.ts";

const MIB = 1024 * 1024;
const PATIENCE_MS = 600;
let server: Server;
let turns: Turns;
/** What was begun, by its path; `closed` are those that are over. */
let begun: string[];
let closed: string[];
let responses: ServerResponse[];
const clients: Socket[] = [];

const pem = (name: string) =>
  readFileSync(new URL(`../receive/fixtures/${name}.pem`, import.meta.url));

async function start(
  answer: (response: ServerResponse, path: string) => void,
  { tls = false, ...reading }: ReadingSettings & { readonly tls?: boolean } = {},
): Promise<void> {
  begun = [];
  closed = [];
  responses = [];
  turns = new Turns(
    (request, response) => {
      const path = request.url ?? "";
      begun.push(path);
      responses.push(response);
      response.on("close", () => closed.push(path));
      answer(response, path);
    },
    { patienceMs: PATIENCE_MS, ...reading },
  );
  server = tls ? createTlsServer({ cert: pem("server"), key: pem("server.key") }) : createServer();
  server.on("request", (request, response) => turns.take(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  turns.close();
  await new Promise((resolve) => server.close(resolve));
});

/** A connection that has sent these requests at once, and does not read. */
function ask(...paths: string[]): Socket {
  const { port } = server.address() as AddressInfo;
  const client =
    server instanceof TlsServer
      ? connectTls({ port, host: "127.0.0.1", ca: pem("ca"), servername: "localhost" })
      : connect(port, "127.0.0.1");
  clients.push(client);
  client.on("error", () => undefined);
  client.pause();
  client.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`).join(""));
  return client;
}

function received(client: Socket): { text: string } {
  const all = { text: "" };
  client.setEncoding("latin1").on("data", (chunk: string) => {
    all.text += chunk;
  });
  client.resume();
  return all;
}

const until = (what: string, isSo: () => boolean) =>
  waitFor(() => (isSo() ? true : undefined), { what });
const paths = (count: number) => Array.from({ length: count }, (_, i) => `/${i}`);

describe("requests of one connection", () => {
  it("are served one at a time, in their order", async () => {
    await start(() => undefined);
    const all = received(ask("/a", "/b", "/c"));
    for (const [i, path] of ["/a", "/b", "/c"].entries()) {
      await until(`${path} to begin`, () => begun.length > i);
      expect(begun).toEqual(["/a", "/b", "/c"].slice(0, i + 1));
      responses[i]?.end(`<${path}>`);
    }
    await until("the last answer", () => all.text.includes("</c>"));
    expect(all.text.match(/<.*?>/g)).toEqual(["</a>", "</b>", "</c>"]);
  });

  it("do not wait for those of another", async () => {
    await start(() => undefined);
    ask("/a");
    await until("the first", () => begun.includes("/a"));
    ask("/b");
    await until("the other", () => begun.includes("/b"));
    for (const response of responses) response.end();
  });

  it("are all answered when they come forty at once", async () => {
    await start((response, path) => response.end(`<${path}>`));
    const all = received(ask(...paths(40)));
    await until("forty answers", () => all.text.includes("</39>"));
    expect(all.text.match(/<.*?>/g)).toEqual(paths(40).map((path) => `<${path}>`));
  });

  it("end with the connection when more wait than a client can mean", async () => {
    await start(() => undefined);
    ask(...paths(200));
    await until("the end", () => closed.length > 0);
    expect(begun).toEqual(["/0"]);
  });
});

describe("an answer", () => {
  const LARGE = Buffer.alloc(32 * MIB);

  describe.each([false, true])("(TLS: %s)", (tls) => {
    it("that is not read closes its connection, and what waits behind it is not begun", async () => {
      await start((response) => response.end(LARGE), { tls });
      ask(...paths(10));
      await until("the end", () => closed.length > 0);
      expect(begun).toEqual(["/0"]);
      expect(responses[0]?.writableFinished).toBe(false);
    });

    it("that is read slowly arrives, though it takes several times the patience with who does not read", async () => {
      await start((response) => response.end(LARGE), { tls });
      const client = ask("/a");
      const since = performance.now();
      let bytes = 0;
      let most = 0;
      client.on("data", (chunk) => {
        bytes += chunk.length;
        if (bytes > most) client.pause();
      });
      // Each time some more: the whole takes about three times the patience.
      const reading = setInterval(() => {
        most = ((performance.now() - since) / (3 * PATIENCE_MS)) * LARGE.length;
        client.resume();
      }, 10);
      await until("all of it, or the end", () => bytes > LARGE.length || client.destroyed);
      clearInterval(reading);
      expect(bytes).toBeGreaterThan(LARGE.length);
      expect(performance.now() - since).toBeGreaterThan(2 * PATIENCE_MS);
    });
  });

  it("that is not read closes its connection much sooner while too much is unread in all", async () => {
    const reading = { patienceMs: 20_000, mostUnsentBytes: 2 * LARGE.length };
    await start((response) => response.end(LARGE), reading);
    for (let i = 0; i < 3; i++) ask("/a");
    await until("the end", () => closed.length > 0);
    expect(responses[0]?.writableFinished).toBe(false);
  });

  it("that is long in the making is no fault of who waits for it", async () => {
    await start(() => undefined);
    const all = received(ask("/a"));
    await until("the request", () => responses.length === 1);
    const due = performance.now() + 2 * PATIENCE_MS;
    await until("twice the patience", () => performance.now() > due);
    responses[0]?.end("<made>");
    await until("the answer", () => all.text.includes("<made>"));
  });
});

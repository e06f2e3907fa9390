import { Agent, request } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { status as Grpc } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import {
  cleanUp,
  exportBytes,
  grpcClient,
  heldReplies,
  startGrpc,
  startHttp,
  TRACES,
  until,
  whenDone,
} from "./support.ts";

afterEach(cleanUp);

/** As every gRPC client does, it sends again what the server says it has not looked at. */
const GRPC_DEFAULTS = { "grpc.enable_retries": 1 };

/** Passes everything on to `port`, and counts the connections that clients open. */
async function countingProxy(port: number): Promise<{ port: number; connections: () => number }> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((client) => {
    connections++;
    const upstream = connect(port, "127.0.0.1");
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => sockets.delete(from));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  whenDone(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("unreachable: no port");
  return { port: address.port, connections: () => connections };
}

describe("a gRPC connection that is too old", () => {
  it("is closed gently: every call is answered, in flight or new, and a new connection carries on", async () => {
    const receiver = await startGrpc({ maxConnectionAgeMs: 150 });
    const proxy = await countingProxy(receiver.port);
    const client = grpcClient(proxy.port, GRPC_DEFAULTS);
    const codes: number[] = [];
    const lane = async (): Promise<void> => {
      while (proxy.connections() < 6)
        codes.push((await exportBytes(client, TRACES, Buffer.alloc(2_000))).code);
    };
    await Promise.all([lane(), lane(), lane(), lane()]);
    expect(codes.length).toBeGreaterThan(20);
    expect(new Set(codes)).toEqual(new Set([Grpc.OK]));
    // Nothing was handed over twice either.
    expect(receiver.consumer.requests).toHaveLength(codes.length);
  });

  it("waits for a call whose commit is still to come", async () => {
    const { consumer, port } = await startGrpc({ maxConnectionAgeMs: 100 });
    const proxy = await countingProxy(port);
    const client = grpcClient(proxy.port, GRPC_DEFAULTS);
    const held = heldReplies(consumer);
    const first = exportBytes(client, TRACES, Buffer.alloc(10));
    await until(() => held.length === 1);
    // Calls go to a second connection as soon as the first one is too old.
    const others: Promise<{ code: number }>[] = [];
    while (proxy.connections() < 2) {
      const handedOver = held.length;
      others.push(exportBytes(client, TRACES, Buffer.alloc(10)));
      await until(() => held.length > handedOver);
    }
    for (const done of held) done(null);
    expect((await first).code).toBe(Grpc.OK);
    for (const other of others) expect((await other).code).toBe(Grpc.OK);
  });
});

describe("an HTTP connection that is too old", () => {
  it("is closed with the answer that finds it so", async () => {
    const { port, consumer } = await startHttp({ maxConnectionAgeMs: 100 });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    whenDone(() => agent.destroy());
    const headers: (string | undefined)[] = [];
    const post = (): Promise<number> =>
      new Promise((resolve, reject) => {
        const type = { "content-type": "application/x-protobuf" };
        const to = { host: "127.0.0.1", port, path: "/v1/traces", method: "POST", headers: type };
        const call = request({ ...to, agent }, async (answer) => {
          await buffer(answer);
          headers.push(answer.headers.connection);
          resolve(answer.statusCode ?? 0);
        });
        call.on("error", reject);
        call.end(Buffer.alloc(10));
      });
    expect(await post()).toBe(200);
    expect(headers).toEqual(["keep-alive"]);
    while (headers.at(-1) !== "close") expect(await post()).toBe(200);
    expect(await post()).toBe(200);
    expect(headers.at(-1)).toBe("keep-alive");
    expect(consumer.requests).toHaveLength(headers.length);
  });
});

import { connect, createServer, type Server, type Socket } from "node:net";

/** Stands before a server's port and breaks connections, as networks do. */
export class FlakyProxy {
  readonly address: string;
  /** Connections that were cut. */
  cuts = 0;
  private readonly server: Server;
  private readonly pairs = new Set<readonly [Socket, Socket]>();
  private onAnswer: (() => void) | null = null;

  static async listen(target: string): Promise<FlakyProxy> {
    const [host = "", port = ""] = target.split(":");
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("unreachable: no port");
    const proxy = new FlakyProxy(server, `127.0.0.1:${address.port}`);
    server.on("connection", (client) => proxy.join(client, connect(Number(port), host)));
    return proxy;
  }

  private constructor(server: Server, address: string) {
    this.server = server;
    this.address = address;
  }

  /** Cuts every connection, in both directions at once. */
  cutAll(): void {
    for (const pair of this.pairs) {
      this.cuts++;
      for (const socket of pair) socket.destroy();
    }
  }

  /** The next answer of the server is not passed on: `happen` is called instead. Null: it is. */
  beforeNextAnswer(happen: (() => void) | null): void {
    this.onAnswer = happen;
  }

  async close(): Promise<void> {
    this.cutAll();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(client: Socket, server: Socket): void {
    const pair = [client, server] as const;
    this.pairs.add(pair);
    let isMute = false;
    client.on("data", (chunk) => server.write(chunk));
    server.on("data", (chunk) => {
      if (isMute) return;
      // The frames that open and keep a connection are shorter than an answer's headers.
      if (this.onAnswer !== null && chunk.length > 60) {
        const happen = this.onAnswer;
        this.onAnswer = null;
        // What would come after a gap is no protocol any more; a worker may still write before it is gone too.
        isMute = true;
        happen();
        return;
      }
      client.write(chunk);
    });
    for (const socket of pair) {
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.pairs.delete(pair);
        for (const other of pair) other.destroy();
      });
    }
  }
}

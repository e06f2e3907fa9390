import { createServer } from "node:net";

// Below the range the kernel hands out to outgoing connections (32768 and up by default), so that nothing takes a
// port between its choice here and its use by the process it is for.
const LOWEST_PORT = 20_000;
const PORT_COUNT = 10_000;
const ATTEMPTS = 50;
const taken = new Set<number>();

/** A TCP port on loopback that nobody listens on; never the same one twice in a process. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = LOWEST_PORT + Math.floor(Math.random() * PORT_COUNT);
    if (!taken.has(port) && (await canListen(port))) {
      taken.add(port);
      return port;
    }
  }
  throw new Error(`no free port found in ${ATTEMPTS} attempts`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

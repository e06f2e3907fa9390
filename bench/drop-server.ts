import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";

/*
 * What any receiver on Node's HTTP/2 costs at least: takes unary gRPC calls, drops what they carry, and answers with an
 * empty message. Tells its port, and ends with whoever has started it.
 */
const WINDOW_BYTES = 4 * 1024 * 1024;
const EMPTY_MESSAGE = Buffer.alloc(5);

const server = createServer({ settings: { initialWindowSize: WINDOW_BYTES } });
server.on("session", (session) => session.setLocalWindowSize(WINDOW_BYTES));
server.on("stream", (stream) => {
  stream.resume();
  stream.on("end", () => {
    stream.respond({ "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(EMPTY_MESSAGE);
  });
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.on("disconnect", () => process.exit());

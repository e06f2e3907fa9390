import { OtlpGrpcClient } from "../test/support/otlp-client.ts";
import { PatchableRequest } from "./encode.ts";

/*
 * The load of receive.bench.ts, in a process of its own so that its CPU time is not the receiver's. Sends pre-encoded
 * requests over several connections, several in flight on each, until told to stop.
 *
 * Arguments: address, connections, requests in flight per connection, spans per request.
 * Answers "count" with { acknowledged, bad, failed } spans so far, "stop" with the same once nothing is in flight.
 */
const [address = "", connections = "4", inFlight = "4", spans = "1000"] = process.argv.slice(2);

let acknowledged = 0;
let bad = 0;
let failed = 0;
let stopping = false;
/** Distinguishes runs against one receiver. */
const sender = process.pid;
let request = 0;

const template = PatchableRequest.encode(Number(spans));
const clients = Array.from({ length: Number(connections) }, () => new OtlpGrpcClient(address));
const lanes = clients.flatMap((client) =>
  Array.from({ length: Number(inFlight) }, () => keepSending(client, template.copy())),
);

process.on("message", async (message) => {
  if (message === "stop") {
    stopping = true;
    await Promise.all(lanes);
    for (const client of clients) client.close();
  }
  process.send?.({ acknowledged, bad, failed });
  if (message === "stop") process.disconnect();
});

async function keepSending(client: OtlpGrpcClient, own: PatchableRequest): Promise<void> {
  while (!stopping) {
    own.patch(sender, ++request, Date.now());
    const answer = await client.export("traces", own.bytes, 30_000);
    if (answer.code === 0 && answer.body.length === 0) {
      acknowledged += own.spans;
      bad += own.bad;
    } else failed += own.spans;
  }
}

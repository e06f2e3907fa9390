/*
 * A worker for test/unit/channel/fleet.test.ts: does what BEHAVIOUR says instead of listening. Its messages are those of
 * `channel/messages.ts`.
 */
import { mkdirSync, writeSync } from "node:fs";
import { REQUESTS_FD } from "../../src/channel/fleet.ts";
import type { FromWorker, ToWorker } from "../../src/channel/messages.ts";

const behaviour = process.env.BEHAVIOUR;

function tell(message: FromWorker): void {
  process.send?.(message);
}

process.on("message", (message: ToWorker) => {
  if (message.kind === "stop") {
    if (behaviour !== "does not stop") process.exit(0);
    return;
  }
  if (message.kind === "rules") {
    if (behaviour === "ends when told of rules") process.exit(3);
    if (behaviour === "hangs when told of rules") for (;;);
    return;
  }
  if (message.kind !== "start") return;
  if (behaviour === "says nothing") return;
  if (behaviour === "ends at its start") process.exit(9);
  if (behaviour === "cannot listen") {
    tell({ kind: "failed", code: "ADDRESS_UNAVAILABLE", message: "the port is taken" });
    return;
  }
  if (behaviour === "the first one ends early" && isFirst()) {
    listen();
    setTimeout(() => process.exit(7), 100);
  } else if (behaviour === "the first one ends early") setTimeout(listen, 1_000);
  else listen();
});

function listen(): void {
  writeSync(REQUESTS_FD, "over the pipe");
  tell({ kind: "listening", ports: { grpc: 4317, http: null } });
  setInterval(() => tell({ kind: "alive" }), 50);
}

/** Of all that share FIRST, a folder that is not there. */
function isFirst(): boolean {
  try {
    mkdirSync(String(process.env.FIRST));
    return true;
  } catch {
    return false;
  }
}

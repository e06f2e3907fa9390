import { setHeapFlags } from "./cli/heap-flags.ts";

/* The program of a receiver worker: the control plane starts it with node:cluster; see `channel/fleet.ts`. */

setHeapFlags();
// A terminal and a service manager signal all processes; when to end is the control plane's to say.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined);

const { Work } = await import("./cli/work.ts");
await new Work().over;
// What was told last is on its way when the channel is closed.
if (process.connected) process.disconnect();
process.exit();

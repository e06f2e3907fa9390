import cluster from "node:cluster";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { Fleet, type FleetParts } from "../../../src/channel/fleet.ts";
import type { ToWorker } from "../../../src/channel/messages.ts";
import { waitFor } from "../../support/wait.ts";

const PROGRAM = fileURLToPath(new URL("../../support/fleet-member.ts", import.meta.url));
const RULES: ToWorker = { kind: "rules", rules: { slos: [], columns: [] } };
const START: ToWorker = {
  kind: "start",
  receivers: { grpc: null, http: null },
  rules: { slos: [], columns: [] },
};

const fleets: Fleet[] = [];
afterEach(async () => {
  await Promise.all(fleets.splice(0).map((fleet) => fleet.stop(2_000)));
});

function fleet(behaviour: string, parts: Partial<FleetParts> = {}) {
  process.env.BEHAVIOUR = behaviour;
  const logged: string[] = [];
  const piped: string[] = [];
  const delays: number[] = [];
  const say = (message: string, fields: object = {}) =>
    logged.push(`${message} ${JSON.stringify(fields)}`);
  const one = new Fleet({
    count: 2,
    program: PROGRAM,
    start: () => START,
    attach: (_port, requests) => {
      requests.on("data", (chunk) => piped.push(String(chunk)));
      return () => undefined;
    },
    restartDelayMs: (ends) => {
      delays.push(ends);
      return 10;
    },
    log: { info: say, warn: say, error: say },
    ...parts,
  });
  fleets.push(one);
  return { fleet: one, logged, piped, delays };
}

/** Processes are started, some on a busy machine. */
describe("a fleet", { timeout: 60_000 }, () => {
  it("is there when all its workers listen, each with a pipe of its own", async () => {
    const { fleet: one, piped } = fleet("listens");
    expect(await one.start()).toEqual({ grpc: 4317, http: null });
    expect(one.listening).toBe(2);
    await waitFor(() => (piped.length === 2 ? true : undefined), { what: "both pipes" });
    expect(piped).toEqual(["over the pipe", "over the pipe"]);
    await one.stop(2_000);
    expect(one.listening).toBe(0);
    expect(one.restarts).toBe(0);
  });

  it("does not start when a worker cannot, and says why", async () => {
    await expect(fleet("cannot listen").fleet.start()).rejects.toMatchObject({
      code: "ADDRESS_UNAVAILABLE",
      message: "the port is taken",
    });
    const ends = fleet("ends at its start");
    await expect(ends.fleet.start()).rejects.toMatchObject({
      code: "WORKER_FAILED",
      message: "a receiver worker ended by exit code 9 at its start",
    });
    expect(ends.delays).toEqual([]);
  });

  it("does not wait for ever for a worker that says nothing", async () => {
    const { fleet: one } = fleet("says nothing", { silenceMs: 500 });
    await expect(one.start()).rejects.toMatchObject({ code: "WORKER_FAILED" });
  });

  it("starts again what ends, later each time", async () => {
    const { fleet: one, logged, delays } = fleet("ends when told of rules", { count: 1 });
    await one.start();
    for (let restart = 1; restart <= 2; restart++) {
      one.post(RULES);
      await waitFor(() => (one.restarts === restart ? true : undefined), { what: "a restart" });
      await waitFor(() => (one.listening === 1 ? true : undefined), {
        what: "the worker to listen",
        timeoutMs: 20_000,
      });
    }
    expect(delays).toEqual([1, 2]);
    expect(logged.filter((line) => line.includes("exit code 3"))).toHaveLength(2);
    expect(logged.filter((line) => line.includes("listens again"))).toHaveLength(2);
  });

  it("starts again what ends before the others listen", async () => {
    const folder = mkdtempSync(join(tmpdir(), "slogate-fleet-"));
    process.env.FIRST = join(folder, "first");
    const { fleet: one, logged } = fleet("the first one ends early");
    await one.start();
    await waitFor(() => (one.listening === 2 ? true : undefined), {
      what: "both workers to listen",
      timeoutMs: 20_000,
    });
    expect(one.restarts).toBe(1);
    expect(logged.filter((line) => line.includes("has ended"))).toHaveLength(1);
    rmSync(folder, { recursive: true });
  });

  it("goes on without a worker that cannot be born, and tries again", async () => {
    const { fleet: one, logged, delays } = fleet("ends when told of rules", { count: 1 });
    await one.start();
    cluster.setupPrimary({ cwd: "/nowhere" });
    one.post(RULES);
    await waitFor(() => (delays.length >= 3 ? true : undefined), { what: "three tries" });
    expect(one.listening).toBe(0);
    expect(logged.join()).toContain("ENOENT");
    cluster.setupPrimary({ cwd: process.cwd() });
    await waitFor(() => (one.listening === 1 ? true : undefined), { what: "the worker to listen" });
  });

  it("kills and starts again what hangs", async () => {
    const { fleet: one, logged } = fleet("hangs when told of rules", {
      count: 1,
      silenceMs: 3_000,
    });
    await one.start();
    one.post(RULES);
    await waitFor(() => (one.restarts === 1 ? true : undefined), {
      what: "the restart",
      timeoutMs: 20_000,
    });
    expect(logged.join()).toContain("SIGKILL");
  });

  it("kills what does not stop in time", async () => {
    const { fleet: one } = fleet("does not stop");
    await one.start();
    const began = performance.now();
    await one.stop(400);
    expect(one.listening).toBe(0);
    expect(performance.now() - began).toBeGreaterThan(350);
  });
});

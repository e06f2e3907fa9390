import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EngineProcess } from "../test/support/engine-process.ts";
import { cpuSeconds, peakResidentBytes, residentBytes } from "../test/support/process-stats.ts";
import { PatchableMetrics } from "./encode-metrics.ts";
import { assertCounted, slosFor } from "./load-slos.ts";
import { figure, must, printTable, spread } from "./report.ts";
import { tickTimes } from "./tick-times.ts";
import { UnaryClient } from "./unary-client.ts";

/*
 * What do a million cumulative histogram series cost? Instances of a service send 1,000 series each, one after the other: what
 * a point costs while there are few and when there are many, what memory a series takes, how long a tick takes at most, what
 * becomes of one series too many, and how long it takes from kill -9 to ready.
 */
const POINTS = 1_000;
const FEW = 10_000;
const LIMIT = 1_000_000;
const LANES = 4;
const ROUNDS = 3;
const MIB = 2 ** 20;
const LOAD = { signal: "metrics" } as const;
/** Room for the number of an instance. */
const NO_INSTANCE = "instance-000000";

/** The requests of every LANES-th instance: one encoding, whose instance is written in place. */
class Lane {
  private readonly request = PatchableMetrics.encode(POINTS, NO_INSTANCE, Date.now());
  private readonly places: number[] = [];
  /** Sum over the series of this lane of what their last points have counted, in requests' worth of observations. */
  private readonly last = new Map<number, number>();
  private requests = 0;

  constructor() {
    const { bytes } = this.request;
    for (let at = bytes.indexOf(NO_INSTANCE); at >= 0; at = bytes.indexOf(NO_INSTANCE, at + 1)) {
      this.places.push(at + NO_INSTANCE.length - 6);
    }
    must(this.places.length === POINTS, "unreachable: a point without its instance");
  }

  of(instance: number): Uint8Array {
    const { bytes } = this.request;
    const digits = String(instance).padStart(6, "0");
    for (const at of this.places) bytes.write(digits, at, "latin1");
    this.request.patch(Date.now());
    return bytes;
  }

  acknowledged(instance: number): void {
    this.last.set(instance, ++this.requests);
  }

  /** Points' worth of observations that the last points of all series stand for. */
  get counted(): number {
    return POINTS * [...this.last.values()].reduce((sum, requests) => sum + requests, 0);
  }
}

const directory = mkdtempSync(join(tmpdir(), "slogate-series-"));
const engine = await EngineProcess.start({
  slos: slosFor(LOAD),
  settings: { state: { directory } },
});
const client = new UnaryClient(engine.otlpGrpc, false);
const lanes = Array.from({ length: LANES }, () => new Lane());
try {
  await bench();
} finally {
  client.close();
  await engine.dispose();
  rmSync(directory, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  for (let round = 0; round < 40; round++) await everyInstance(FEW / POINTS);
  const few = residentBytes(engine.pid);
  const ofFew = await cost(FEW / POINTS, LIMIT / FEW);
  await everyInstance(LIMIT / POINTS);
  const ofMany = await cost(LIMIT / POINTS, 1);
  const many = residentBytes(engine.pid);
  const series = (await engine.metrics()).get("slogate_series");
  must(series === LIMIT, `${series} series are known, ${LIMIT} were sent`);
  await assertCounted(engine, LOAD, [counted()]);
  const ticks = await tickTimes(engine);
  const peak = peakResidentBytes(engine.pid);

  must(!(await send(LIMIT / POINTS)), "a thousand series too many were taken");
  const refused = 'slogate_receiver_refused_items_total{reason="series-limit"}';
  const left = (await engine.metrics()).get(refused);
  must(left === POINTS, `${left} points were refused, ${POINTS} sent`);
  await assertCounted(engine, LOAD, [counted()]);

  engine.signal("SIGKILL");
  await engine.ended;
  const killedAt = performance.now();
  await engine.restart();
  const readyMs = performance.now() - killedAt;
  await assertCounted(engine, LOAD, [counted()]);

  console.log(
    `histograms of 15 buckets, ${POINTS} points a request; all counted, ${POINTS} refused\n`,
  );
  printTable(
    ["", "", "lowest to highest"],
    [
      [`µs of CPU a point, ${FEW} series`, figure(ofFew.median), range(ofFew)],
      [`µs of CPU a point, ${LIMIT} series`, figure(ofMany.median), range(ofMany)],
      ["bytes a series", figure((many - few) / (LIMIT - FEW)), ""],
      ["resident memory, MiB", figure(many / MIB), ""],
      ["its peak, MiB", figure(peak / MIB), ""],
      ["tick, mean, ms", figure(ticks.meanMs), ""],
      ["tick at most, ms", figure(ticks.longestAtMostMs), ""],
      ["from kill -9 to ready, s", figure(readyMs / 1_000), ""],
    ],
  );
}

function range({ lowest, highest }: ReturnType<typeof spread>): string {
  return `${figure(lowest)} to ${figure(highest)}`;
}

/** µs a point, in as many passes over the instances. */
async function cost(instances: number, passes: number) {
  const perPoint: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = cpuSeconds(engine.pid);
    for (let pass = 0; pass < passes; pass++) await everyInstance(instances);
    const used = cpuSeconds(engine.pid) - before;
    perPoint.push((used / (instances * POINTS * passes)) * 1e6);
  }
  return spread(perPoint);
}

async function everyInstance(instances: number): Promise<void> {
  await Promise.all(
    lanes.map(async (lane, first) => {
      for (let instance = first; instance < instances; instance += LANES) {
        must(await client.export("metrics", lane.of(instance)), "points were not acknowledged");
        lane.acknowledged(instance);
      }
    }),
  );
}

async function send(instance: number): Promise<boolean> {
  return client.export("metrics", lanes[0]!.of(instance));
}

function counted(): { items: number; bad: number } {
  const items = lanes.reduce((sum, lane) => sum + lane.counted, 0);
  return { items, bad: items };
}

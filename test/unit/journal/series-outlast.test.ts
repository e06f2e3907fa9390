import { describe, expect, it } from "vitest";
import { Ingest } from "../../../src/aggregate/ingest.ts";
import { compileRules } from "../../../src/aggregate/rules.ts";
import { COUNT_UNIT } from "../../../src/model/delta.ts";
import { newReceiverCounters } from "../../../src/ports/metrics.ts";
import { CountingGates } from "../../support/counting-gates.ts";
import { FakeDisk, type Random, randomFrom, someFailure } from "../../support/fake-disk.ts";
import { metricSlo } from "../../support/ingest-rig.ts";
import { HASTY, type JournalRig, openJournal } from "../../support/journal-rig.ts";
import { histogram, metricFields, sum } from "../../support/otlp-wire.ts";
import { encode, type WireField } from "../../support/wire-message.ts";

const NOW = Date.UTC(2026, 4, 4, 10);
const SERIES = 6;
const LIVES = 6;
const BOUND = 0.5;
const ns = (ms: number) => BigInt(ms) * 1_000_000n;

const SLOS = [
  metricSlo("requests", { total: {} }),
  metricSlo("failed", { total: { where: { attribute: "code", test: { gte: 500 } } } }),
  metricSlo("all", { total: { metrics: ["duration"] } }),
  metricSlo("quick", {
    total: { metrics: ["duration"], threshold: { op: "lte", value: BOUND, isDuration: true } },
  }),
];

/** One process that counts: its counters begin at zero with it. */
interface Counter {
  readonly startMs: number;
  readonly code: number;
  readonly id: number;
  value: number;
  quick: number;
  slow: number;
}

/** A Collector: it sends again until it hears "yes", and may put requests together. */
class Sender {
  readonly expected = [0, 0, 0, 0];
  unanswered: (readonly WireField[])[] = [];
  private readonly counters: Counter[];
  private readonly random: Random;

  constructor(random: Random) {
    this.random = random;
    this.counters = Array.from({ length: SERIES }, (_, id) => this.begun(id, NOW + 1));
  }

  /** What some counters say now; between two readings of one millisecond they may have grown. */
  next(at: number, of = (_id: number) => this.random() < 0.5): void {
    const fields = this.counters
      .filter(({ id }) => of(id))
      .flatMap((counter) => this.read(counter, at));
    if (fields.length > 0) this.unanswered.push(fields);
  }

  /** Processes that begin anew: only between readings that have come. */
  restart(at: number): void {
    for (const [id] of this.counters.entries()) {
      if (this.random() < 0.5) this.counters[id] = this.begun(id, at);
    }
  }

  /** The next one to be sent, maybe two as one. */
  take(): readonly WireField[] | undefined {
    const { random, unanswered } = this;
    const at = Math.floor(random() * unanswered.length);
    if (unanswered.length > 1 && random() < 0.2) {
      const [other = []] = unanswered.splice(at, 1);
      const into = Math.floor(random() * unanswered.length);
      unanswered[into] = [...unanswered[into]!, ...other];
      return unanswered[into];
    }
    return unanswered[at];
  }

  private begun(id: number, startMs: number): Counter {
    return { startMs, code: id % 2 === 0 ? 200 : 500, id, value: 0, quick: 0, slow: 0 };
  }

  private read(counter: Counter, at: number): WireField[] {
    const { random, expected } = this;
    const grown = () => (random() < 0.3 ? 0 : Math.floor(random() * 20));
    const [more, quick, slow] = [grown(), grown(), grown()];
    counter.value += more;
    counter.quick += quick;
    counter.slow += slow;
    expected[0]! += more;
    if (counter.code === 500) expected[1]! += more;
    expected[2]! += quick + slow;
    expected[3]! += quick;
    const { startMs, code, id, value } = counter;
    const point = { startNs: ns(startMs), timeNs: ns(at), attributes: { code, id } };
    const counts = [counter.quick, counter.slow];
    return [
      sum("cumulative", [{ ...point, value: BigInt(value) }]),
      histogram("cumulative", [{ ...point, bounds: [BOUND], counts }]),
    ];
  }
}

interface Life {
  readonly rig: JournalRig<CountingGates>;
  now: number;
  send(fields: readonly WireField[]): Promise<boolean>;
}

async function begin(disk: FakeDisk, sender: Sender, now: number): Promise<Life> {
  const rig = await openJournal(disk, new CountingGates(SLOS.length), { now, pace: HASTY });
  const ingest = new Ingest({
    rules: compileRules(SLOS, (slo) => SLOS.indexOf(slo)),
    admission: rig.journal,
    clock: { now: () => life.now },
    counters: newReceiverCounters(),
    series: rig.series,
    versions: rig.versions,
  });
  const life: Life = {
    rig,
    now,
    send: (fields) =>
      new Promise((resolve) => {
        const bytes = encode(metricFields({ "service.name": "shop" }, fields));
        ingest.consume("metrics", "protobuf", bytes, (refusal) => {
          if (refusal === null) sender.unanswered = sender.unanswered.filter((f) => f !== fields);
          resolve(refusal === null);
        });
      }),
  };
  return life;
}

/** Readings, retries, ticks and a disk that fails now and then; ended by a power failure or SIGKILL at any moment. */
async function live(disk: FakeDisk, sender: Sender, random: Random, at: number): Promise<FakeDisk> {
  const life = await begin(disk, sender, at);
  const steps = Math.floor(random() * 120);
  for (let step = 0; step < steps; step++) {
    if (random() < 0.5) life.now += Math.floor(random() * 100);
    if (random() < 0.5) sender.next(life.now);
    const fields = sender.take();
    if (fields !== undefined) void life.send(fields);
    if (random() < 0.05) disk.failing = someFailure(random);
    else if (random() < 0.3) disk.failing = {};
    if (random() < 0.1) life.rig.journal.ticked(life.now, 0, 0);
    if (random() < 0.2) await new Promise((resolve) => setTimeout(resolve, random() * 8));
    if (sender.unanswered.length === 0 && random() < 0.3) sender.restart(++life.now);
  }
  const left = random() < 0.5 ? disk.afterKill() : disk.afterPowerLoss(random);
  const dead = new Error("dead");
  disk.failing = { create: dead, append: dead, sync: dead };
  await life.rig.journal.close();
  return left;
}

describe("cumulative series, whatever dies at whatever moment", () => {
  it.each(Array.from({ length: 24 }, (_, seed) => seed))(
    "count every increase exactly once, also through retries that were put together anew (seed %i)",
    async (seed) => {
      const random = randomFrom(seed);
      const sender = new Sender(random);
      let disk = new FakeDisk();
      let at = NOW;
      for (let lifeNumber = 0; lifeNumber < LIVES; lifeNumber++) {
        disk = await live(disk, sender, random, at);
        at += 20_000;
      }
      const life = await begin(disk, sender, at);
      sender.next(at, () => true);
      for (const fields of [...sender.unanswered]) expect(await life.send(fields)).toBe(true);
      const counted = [0, 0, 0, 0];
      for (const [key, total] of Object.entries(life.rig.gates.tally())) {
        counted[Number(key.split(" ")[0])]! += total / COUNT_UNIT;
      }
      expect(counted).toEqual(sender.expected);
      await life.rig.journal.close();
    },
  );
});

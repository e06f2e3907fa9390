import { describe, expect, it } from "vitest";
import type { Durability } from "../../../src/journal/journal.ts";
import type { RequestDelta } from "../../../src/model/delta.ts";
import { CountingGates } from "../../support/counting-gates.ts";
import { FakeDisk, type Random, randomFrom, someFailure } from "../../support/fake-disk.ts";
import { HASTY, type JournalRig, openJournal, request } from "../../support/journal-rig.ts";

const NOW = Date.UTC(2026, 4, 4, 10);
const COLUMNS = 4;
const LIVES = 6;

/** What the client sent: it sends again until it hears "yes". */
class Client {
  readonly expected: Record<string, number> = {};
  unanswered: RequestDelta[] = [];
  private id = 0;
  private readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  next(at: number): RequestDelta {
    const cells = Array.from({ length: 1 + Math.floor(this.random() * 4) }, () => ({
      slo: Math.floor(this.random() * COLUMNS),
      second: Math.floor(at / 1000) - Math.floor(this.random() * 5),
      total: 256 * (1 + Math.floor(this.random() * 9)),
    }));
    for (const { slo, second, total } of cells) {
      const key = `${slo} ${second}`;
      this.expected[key] = (this.expected[key] ?? 0) + total;
    }
    return request(++this.id, at, cells);
  }
}

/** One life: traffic, retries, ticks and a disk that fails now and then; ended by a power failure or SIGKILL at any moment. */
async function live(disk: FakeDisk, client: Client, random: Random, at: number): Promise<FakeDisk> {
  const rig = await openJournal(disk, new CountingGates(COLUMNS), { now: at, pace: HASTY });
  const steps = Math.floor(random() * 120);
  let now = at;
  for (let step = 0; step < steps; step++) {
    now += Math.floor(random() * 100);
    send(rig, client, random() < 0.4 ? client.unanswered.shift() : client.next(now));
    if (random() < 0.05) disk.failing = someFailure(random);
    else if (random() < 0.3) disk.failing = {};
    if (random() < 0.1) {
      rig.gates.hear();
      rig.gates.step();
      rig.journal.ticked(now, 0, 0);
    }
    if (random() < 0.2) await new Promise((resolve) => setTimeout(resolve, random() * 8));
  }
  const left = random() < 0.5 ? disk.afterKill() : disk.afterPowerLoss(random);
  disk.failing = { create: new Error("dead"), append: new Error("dead"), sync: new Error("dead") };
  await rig.journal.close();
  return left;
}

function send(
  rig: JournalRig<CountingGates>,
  client: Client,
  delta: RequestDelta | undefined,
): void {
  if (delta === undefined) return;
  client.unanswered.push(delta);
  rig.journal.admit(delta, (refusal) => {
    if (refusal === null) client.unanswered = client.unanswered.filter((one) => one !== delta);
  });
}

describe("whatever dies, at whatever moment", () => {
  it.each(Array.from({ length: 40 }, (_, seed) => seed))(
    "everything acknowledged counts exactly once, per SLO and second (seed %i)",
    async (seed) => {
      const random = randomFrom(seed);
      const client = new Client(random);
      let disk = new FakeDisk();
      for (let life = 0; life < LIVES; life++) {
        disk = await live(disk, client, random, NOW + life * 20_000);
      }
      const rig = await openJournal(disk, new CountingGates(COLUMNS), { now: NOW + 200_000 });
      for (const delta of client.unanswered) expect(await rig.send(delta)).toBeNull();
      expect(rig.gates.tally()).toEqual(client.expected);
      expect(new Set(rig.gates.ticksByColumn()).size).toBe(1);
      await rig.journal.close();
    },
  );
});

describe("relaxed, after a power failure", () => {
  it.each([1, 2, 3])(
    "counts nothing twice, and loses at most the last second (seed %i)",
    async (seed) => {
      const random = randomFrom(seed);
      const client = new Client(random);
      const durability: Durability = "relaxed";
      const disk = new FakeDisk();
      const rig = await openJournal(disk, new CountingGates(COLUMNS), { now: NOW, durability });
      const stored = Array.from({ length: 50 }, () => client.next(NOW));
      for (const delta of stored) await rig.send(delta);
      await rig.journal.flush();
      for (let i = 0; i < 50; i++) await rig.send(client.next(NOW));
      const left = disk.afterPowerLoss(random);
      const next = await openJournal(left, new CountingGates(COLUMNS), { now: NOW, durability });
      for (const delta of stored) await next.send(delta);
      const tally = next.gates.tally();
      for (const [key, total] of Object.entries(tally)) {
        expect(total).toBeLessThanOrEqual(client.expected[key]!);
      }
      await Promise.all([rig.journal.close(), next.journal.close()]);
    },
  );
});

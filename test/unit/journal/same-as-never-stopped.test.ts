import { describe, expect, it } from "vitest";
import { luxonCalendar } from "../../../src/config/calendar.ts";
import { Gates } from "../../../src/engine/gates.ts";
import type { GateDecision } from "../../../src/model/gate.ts";
import type { Slo } from "../../../src/model/slo.ts";
import type { StateCarrier } from "../../../src/model/state-carrier.ts";
import { DAY, HOUR, MINUTE, SECOND } from "../../../src/model/time.ts";
import { newReceiverCounters } from "../../../src/ports/metrics.ts";
import { FakeDisk, type Random, randomFrom } from "../../support/fake-disk.ts";
import { START } from "../../support/gate-rig.ts";
import {
  HASTY,
  type JournalRig,
  NO_ROUNDS,
  openJournal,
  request,
} from "../../support/journal-rig.ts";
import { MONTH, slo } from "../../support/slo.ts";
import { stateOf } from "../../support/state-of.ts";
import { waitFor } from "../../support/wait.ts";

const SLOS: readonly Slo[] = [
  slo({ name: "rolling" }),
  slo({ name: "calendar", period: MONTH, plannedRequests: 1e6 }),
  slo({
    name: "slices",
    budgeting: { method: "timeslices", sliceMs: MINUTE, sliceTarget: 0.99 },
    objective: 0.99,
  }),
];

/** An engine without its edges, on a clock of the test. */
class Life {
  static async open(disk: FakeDisk, now: number, pace = HASTY): Promise<Life> {
    const counters = newReceiverCounters();
    const gates = new Gates({ calendar: luxonCalendar(), epoch: 0, counters, now });
    const rig = await openJournal(disk, gates, { now, pace });
    gates.changes = rig.journal;
    return new Life(rig, counters);
  }

  readonly rig: JournalRig<Gates>;
  readonly published: unknown[] = [];
  private readonly counters: ReturnType<typeof newReceiverCounters>;

  private constructor(rig: JournalRig<Gates>, counters: Life["counters"]) {
    this.rig = rig;
    this.counters = counters;
  }

  /** So many seconds of made-up traffic, which is the same for the same `random`. */
  async play(random: Random, from: number, seconds: number, id: number): Promise<void> {
    for (let s = 0; s < seconds; s++) {
      const now = from + s * SECOND;
      const burning = Math.floor(s / 100) % 3 === 1;
      const cells = SLOS.flatMap((_, index) =>
        random() < 0.2
          ? []
          : [
              {
                slo: index,
                second: Math.floor(now / SECOND) - Math.floor(random() * 20),
                total: 5120,
              },
            ],
      );
      const delta = { ...request(id + s, now, cells), bad: new Float64Array(cells.length) };
      if (burning)
        for (let i = 0; i < cells.length; i++) delta.bad[i] = 256 * Math.floor(random() * 9);
      delta.badSquares.set(delta.bad.map((bad) => bad / 256));
      const refusal = await this.rig.send(delta);
      if (refusal !== null) throw new Error(refusal.message);
      this.counters.requestsAccepted++;
      const { published } = this.rig.gates.tick(now);
      this.published.push(...published.map(({ decision }) => withoutEpoch(decision)));
    }
  }
}

function tracksOf(gates: Gates): readonly unknown[] {
  return (gates as unknown as { tracks: readonly unknown[] }).tracks;
}

function newest(disk: FakeDisk): number {
  return Math.max(...[...disk.files.keys()].map((name) => Number.parseInt(name, 10)));
}

function withoutEpoch({ epoch: _, ...decision }: GateDecision): unknown {
  return decision;
}

/** Of the process and not of what it knows; histories hold the epoch of their time. */
const NO_STATE = [
  "findings",
  "around",
  "receivedAt",
  "published",
  "counters",
  "changes",
  "histories",
  "epoch",
];
const HEARING = ["accepted", "turnedAway"];

describe("a restart", () => {
  it.each([
    [3, HASTY],
    [130, HASTY],
    [333, HASTY],
    [500, NO_ROUNDS],
  ] as const)(
    "after %i s leaves burn rates, budget, forecast and gates to the last bit as if there had been none",
    async (seconds, pace) => {
      const disk = new FakeDisk();
      const original = await Life.open(disk, START, pace);
      original.rig.gates.use(SLOS);
      await original.play(randomFrom(1), START + SECOND, seconds, 1);
      original.rig.gates.override("slices", {
        slo: "slices",
        state: "closed",
        author: "ana",
        reason: "test",
        createdAt: START,
        expiresAt: START + 600 * SECOND,
      });
      await original.rig.journal.flush();

      const now = START + seconds * SECOND;
      const next = await Life.open(disk.afterKill(), now, pace);
      const known = (life: Life) => stateOf(life.rig.gates, [...NO_STATE, ...HEARING]);
      expect(known(next)).toEqual(known(original));
      next.rig.gates.use(SLOS);

      const before = original.published.length;
      for (const life of [original, next]) {
        await life.play(randomFrom(2), now + SECOND, 400, 10_000);
      }
      expect(next.published).toEqual(original.published.slice(before));
      expect(next.rig.gates.list().map(withoutEpoch)).toEqual(
        original.rig.gates.list().map(withoutEpoch),
      );
      expect(original.published.length).toBeGreaterThan(before + 50);
      await Promise.all([original.rig.journal.close(), next.rig.journal.close()]);
    },
  );

  it("takes SLO files that were edited meanwhile as a running engine does", async () => {
    const disk = new FakeDisk();
    const original = await Life.open(disk, START);
    original.rig.gates.use(SLOS);
    await original.play(randomFrom(1), START + SECOND, 300, 1);
    await original.rig.journal.flush();
    const now = START + 300 * SECOND;
    const next = await Life.open(disk.afterKill(), now);
    const edited = [slo({ name: "added" }), slo({ name: "rolling", objective: 0.9 }), SLOS[2]!];
    for (const life of [original, next]) {
      life.rig.gates.use(edited);
      await life.play(randomFrom(2), now + SECOND, 100, 10_000);
    }
    expect(next.rig.gates.list().map(withoutEpoch)).toEqual(
      original.rig.gates.list().map(withoutEpoch),
    );
    // And that, too, is in the log.
    await next.rig.journal.flush();
    const last = await Life.open(disk.afterKill(), now + 100 * SECOND);
    expect(last.rig.gates.list().map(({ slo }) => slo)).toEqual(["added", "rolling", "slices"]);
    const since = edited.map((slo) => last.rig.gates.placeOf(slo).countsSince);
    expect(since).toEqual([now, START, START]);
    await Promise.all([original, next, last].map(({ rig }) => rig.journal.close()));
  });

  it("into a version that lays evidence out in another way keeps counts and gate", async () => {
    const disk = new FakeDisk();
    const original = await Life.open(disk, START, HASTY);
    const { gates } = original.rig;
    gates.use(SLOS);
    for (const track of tracksOf(gates)) {
      const { watch } = track as { watch: { carry(state: StateCarrier): void } };
      watch.carry = (state) => void state.text("a detector of another time");
    }
    await original.play(randomFrom(1), START + SECOND, 170, 1);
    expect(gates.get("rolling")).toMatchObject({ state: "closed", reason: "fast-burn" });
    const number = newest(disk);
    await waitFor(() => (newest(disk) > number + 1 ? true : undefined), { what: "two rounds" });
    const next = await Life.open(disk.afterKill(), START + 170 * SECOND);
    expect(next.rig.logged.join()).toContain("some of the stored state could not be brought back");
    for (const decision of gates.list()) {
      const { state, reason, budget, sequence, burn } = decision;
      expect(next.rig.gates.get(decision.slo)).toMatchObject({
        state,
        reason,
        budget,
        sequence,
        burn,
      });
    }
    // And it opens again: the recovery that was begun anew can be proven.
    next.rig.gates.use(SLOS);
    await next.play(randomFrom(2), START + 171 * SECOND, 99, 5_000);
    await Promise.all([original.rig.journal.close(), next.rig.journal.close()]);
  });

  it("has what comes before the first tick land in its own second", async () => {
    const disk = new FakeDisk();
    const original = await Life.open(disk, START);
    original.rig.gates.use(SLOS);
    await original.play(randomFrom(1), START + SECOND, 50, 1);
    await original.rig.journal.close();
    const now = START + 3 * MINUTE;
    const next = await Life.open(disk.afterKill(), now);
    await next.rig.send(request(9_999, now, [{ slo: 0, total: 256 }]));
    next.rig.gates.tick(now);
    expect(next.rig.gates.series("rolling")?.at(-1)).toEqual({ at: now, total: 1, bad: 0 });
    await next.rig.journal.close();
  });

  it.each([
    ["back by an hour", -HOUR],
    ["ahead by a week", 7 * DAY],
  ])("under a clock that was set %s keeps what was counted", async (_how, jump) => {
    const disk = new FakeDisk();
    const original = await Life.open(disk, START);
    original.rig.gates.use(SLOS);
    await original.play(randomFrom(1), START + SECOND, 200, 1);
    await original.rig.journal.close();
    const { budget, sequence } = original.rig.gates.get("rolling")!;
    let left = disk.afterKill();
    for (const now of [START + jump, START + jump + MINUTE, START + 200 * SECOND]) {
      const next = await Life.open(left, now);
      next.rig.gates.tick(now);
      const known = next.rig.gates.get("rolling")!;
      expect(known.budget).toMatchObject({ total: budget.total, bad: budget.bad });
      expect(known.sequence).toBeGreaterThanOrEqual(sequence);
      await next.rig.journal.close();
      left = left.afterKill();
    }
  });

  it("is a time without evidence, of which coverage knows", async () => {
    const disk = new FakeDisk();
    const original = await Life.open(disk, START);
    original.rig.gates.use(SLOS);
    await original.play(randomFrom(1), START + SECOND, 400, 1);
    await original.rig.journal.close();
    const now = START + 400 * SECOND + MINUTE;
    const next = await Life.open(disk.afterKill(), now);
    await next.play(randomFrom(2), now, 2, 10_000);
    const { data } = next.rig.gates.get("rolling")!;
    // A minute of five.
    expect(data.coverage).toBeCloseTo(0.8, 1);
    await next.rig.journal.close();
  });
});

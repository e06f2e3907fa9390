import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { luxonCalendar } from "../../../src/config/calendar.ts";
import { Gates } from "../../../src/engine/gates.ts";
import { FORMAT } from "../../../src/journal/records.ts";
import { MINUTE, SECOND } from "../../../src/model/time.ts";
import { newReceiverCounters } from "../../../src/ports/metrics.ts";
import { FakeDisk } from "../../support/fake-disk.ts";
import { START } from "../../support/gate-rig.ts";
import { NO_ROUNDS, openJournal, request } from "../../support/journal-rig.ts";
import { MONTH, slo } from "../../support/slo.ts";

const FOLDER = fileURLToPath(new URL("../../fixtures/state", import.meta.url));
const FIXTURE = `${FOLDER}/format-${FORMAT}.journal`;
const NAME = "0000000001.journal";

const freshGates = () =>
  new Gates({ calendar: luxonCalendar(), epoch: 0, counters: newReceiverCounters(), now: START });

/** A life with one SLO of each kind, stored in parts and in what happened after them. */
async function storeOne(): Promise<Uint8Array> {
  const disk = new FakeDisk();
  const gates = freshGates();
  const { journal, send } = await openJournal(disk, gates, {
    now: START,
    pace: { roundMs: 1, stepMs: 1 },
  });
  gates.changes = journal;
  gates.use([
    slo({ name: "rolling" }),
    slo({ name: "calendar", period: MONTH }),
    slo({
      name: "slices",
      objective: 0.99,
      budgeting: { method: "timeslices", sliceMs: MINUTE, sliceTarget: 0.99 },
    }),
  ]);
  const cells = [0, 1, 2].map((index) => ({ slo: index, total: 2560 }));
  for (let s = 1; s <= 90; s++) {
    await send(request(s, START + s * SECOND, cells));
    gates.tick(START + s * SECOND);
    if (disk.files.size > 1) break;
  }
  await journal.close();
  return disk.files.get(NAME)!.bytes;
}

describe(`state of format ${FORMAT}`, () => {
  it("can be read by this version (UPDATE=1 rewrites the fixture; raise FORMAT once it is released)", async () => {
    if (process.env.UPDATE === "1" || !existsSync(FIXTURE)) {
      mkdirSync(FOLDER, { recursive: true });
      writeFileSync(FIXTURE, await storeOne());
    }
    const disk = new FakeDisk();
    const bytes = readFileSync(FIXTURE);
    disk.files.set(NAME, { bytes, synced: bytes.length });
    const gates = freshGates();
    const { journal, logged } = await openJournal(disk, gates, {
      now: START + 100 * SECOND,
      pace: NO_ROUNDS,
    });
    expect(logged).toEqual(["the stored state is back"]);
    const decisions = gates.list();
    expect(decisions.map(({ slo }) => slo)).toEqual(["calendar", "rolling", "slices"]);
    for (const { budget, slo } of decisions) {
      expect(budget.total, slo).toBeGreaterThan(0);
      expect(budget.bad, slo).toBe(0);
    }
    await journal.close();
  });
});

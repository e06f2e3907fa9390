import { describe, expect, it } from "vitest";
import { luxonCalendar } from "../../../src/config/calendar.ts";
import { Gates } from "../../../src/engine/gates.ts";
import { PackedWriter } from "../../../src/journal/packed.ts";
import { restoreState, saveState } from "../../../src/journal/state-bytes.ts";
import type { Slo } from "../../../src/model/slo.ts";
import { DAY, MINUTE, SECOND } from "../../../src/model/time.ts";
import type { ReceiverCounters } from "../../../src/ports/metrics.ts";
import { GateRig, START, type Traffic } from "../../support/gate-rig.ts";
import { MONTH, slo } from "../../support/slo.ts";

const SLICES = { method: "timeslices", sliceMs: MINUTE, sliceTarget: 0.99 } as const;
const RATIO = { method: "ratio-timeslices", sliceMs: MINUTE } as const;

/** One of each kind that keeps other state. */
const KINDS: readonly Slo[] = [
  slo({ name: "rolling" }),
  slo({ name: "calendar", period: MONTH, plannedRequests: 1e6 }),
  slo({ name: "slices", budgeting: SLICES, objective: 0.99 }),
  slo({ name: "ratio", budgeting: RATIO, objective: 0.99, period: MONTH }),
  slo({ name: "windows", policy: { detector: "windows" } }),
  slo({ name: "hour", period: { kind: "rolling", durationMs: 3_600_000, text: "1h" } }),
];

/** A rig of the same counters that begins with nothing, and then gets the state of the other one. */
function carried(rig: GateRig): GateRig {
  const bytes = saveState(rig.gates).bytes().slice();
  const copy = new GateRig([], rig.now);
  Object.assign(copy.counters satisfies ReceiverCounters, structuredClone(rig.counters));
  restoreState(copy.gates, bytes);
  return copy;
}

/** Traffic that a generator makes up: calm, quiet, burning and sampled stretches. */
function play(rigs: readonly GateRig[], seconds: number, seed: number): void {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
  for (let s = 0; s < seconds; s++) {
    const stretch = Math.floor(s / 240) % 4;
    KINDS.forEach((_, index) => {
      if (stretch === 1 && random() < 0.9) return;
      const total = Math.ceil(random() * 200);
      const bad = stretch === 2 ? Math.floor(total * random()) : random() < 0.05 ? 1 : 0;
      const weight = stretch === 3 ? 3.25 : 1;
      const traffic: Traffic = { total: total * weight, bad: bad * weight };
      const second = Math.floor(rigs[0]!.now / SECOND) - Math.floor(random() ** 4 * 100);
      for (const rig of rigs)
        rig.add(traffic, { index, weight, second, version: 2 + (Math.floor(s / 50) % 3) });
    });
    for (const rig of rigs) rig.tick();
  }
}

describe("carried gates", () => {
  it.each([1, 59, 119, 700, 1201, 2000])(
    "go on exactly as the originals, after %i s",
    (seconds) => {
      const original = new GateRig(KINDS);
      original.gates.override("hour", {
        slo: "hour",
        state: "closed",
        author: "ana",
        reason: "test",
        createdAt: START,
        expiresAt: START + 1300 * SECOND,
      });
      play([original], seconds, seconds);
      const copy = carried(original);
      expect(copy.gates.list()).toEqual(original.gates.list());
      const before = original.published.length;
      play([original, copy], 900, seconds + 1);
      expect(copy.published).toEqual(original.published.slice(before));
      expect(copy.gates.list()).toEqual(original.gates.list());
      expect(saveState(copy.gates).bytes()).toEqual(saveState(original.gates).bytes());
    },
  );

  it("have seen gates close and open in that time", () => {
    const rig = new GateRig(KINDS);
    play([rig], 2900, 7);
    const reasons = rig.published.filter((p) => p.transition).map((p) => p.decision.reason);
    expect(reasons).toEqual(expect.arrayContaining(["ok", "fast-burn", "warming-up"]));
  });

  it("keep columns that a removed SLO has left", () => {
    const original = new GateRig(KINDS);
    original.gates.use(KINDS.slice(1));
    const copy = carried(original);
    const added = slo({ name: "added" });
    for (const { gates } of [original, copy]) gates.use([...KINDS.slice(1), added]);
    expect(copy.gates.placeOf(added).index).toBe(KINDS.length);
    expect(copy.gates.placeOf(KINDS[1]!).index).toBe(1);
  });

  it("take an edited SLO as a running engine takes it", () => {
    const original = new GateRig(KINDS);
    play([original], 600, 3);
    const copy = carried(original);
    const edited = [slo({ name: "rolling", objective: 0.99 }), ...KINDS.slice(1)];
    for (const { gates } of [original, copy]) gates.use(edited);
    play([original, copy], 120, 4);
    expect(copy.gates.list()).toEqual(original.gates.list());
    expect(copy.gate("rolling").budget.objective).toBe(0.99);
  });

  it("remember their newest transitions", () => {
    const original = new GateRig(KINDS);
    play([original], 1300, 5);
    const history = original.gates.history("rolling") ?? [];
    expect(history.length).toBeGreaterThan(1);
    expect(carried(original).gates.history("rolling")).toEqual(history.slice(0, 2));
  });

  it("are small: four weeks of traffic take less than 24 KiB an SLO", () => {
    const rig = new GateRig([slo()], START - 28 * DAY);
    for (let i = 0; i < 28 * 24 * 60; i++) {
      rig.add({ total: 6_000 + (i % 97), bad: i % 13 });
      rig.tick(MINUTE);
    }
    for (let i = 0; i < 600; i++) rig.run(1, { total: 100 + (i % 7), bad: i % 5 === 0 ? 1 : 0 });
    const out = new PackedWriter();
    saveState(rig.gates, out);
    expect(out.length).toBeLessThan(24 * 1024);
    expect(out.length).toBeGreaterThan(5 * 1024);
  });

  it("refuse state that was cut", () => {
    const gates = new GateRig([slo()]).gates;
    const bytes = saveState({ carry: (state) => gates.carryTrack(0, state) }).bytes();
    const cut = bytes.subarray(0, bytes.length - 1);
    const other = new Gates({
      calendar: luxonCalendar(),
      epoch: 1,
      counters: new GateRig([]).counters,
      now: START,
    });
    expect(() => restoreState({ carry: (state) => other.carryTrack(0, state) }, cut)).toThrow(
      "stored state is damaged",
    );
  });
});

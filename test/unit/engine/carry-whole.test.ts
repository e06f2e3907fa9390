import { describe, expect, it } from "vitest";
import { restoreState, saveState } from "../../../src/journal/state-bytes.ts";
import { DAY, HOUR, MINUTE, SECOND } from "../../../src/model/time.ts";
import { GateRig, HEALTHY, OUTAGE, START } from "../../support/gate-rig.ts";
import { MONTH, slo } from "../../support/slo.ts";
import { stateOf } from "../../support/state-of.ts";

const SLOS = [
  slo({ name: "rolling" }),
  slo({ name: "calendar", period: MONTH, plannedRequests: 1e6 }),
  slo({
    name: "slices",
    budgeting: { method: "timeslices", sliceMs: MINUTE, sliceTarget: 0.99 },
    objective: 0.99,
  }),
];
/** The last minutes of April: the calendar period ends in some of the tests. */
const END_OF_MONTH = Date.UTC(2026, 3, 30, 23, 50);

/** Scratch space, news and what belongs to the process; of histories only the newest are carried. */
const NO_STATE = [
  "findings",
  "around",
  "receivedAt",
  "published",
  "counters",
  "changes",
  "histories",
];

function wholeStateOf(rig: GateRig): unknown {
  return stateOf(rig.gates, NO_STATE);
}

describe("a carried copy knows everything the original knows", () => {
  const rig = new GateRig(SLOS, END_OF_MONTH - 30 * DAY);
  const day = () => {
    for (let i = 0; i < 24 * 60; i++) {
      for (let index = 0; index < SLOS.length; index++)
        rig.add({ total: 600, bad: i % 9 }, { index, version: 2 + (i % 2) });
      rig.tick(MINUTE);
    }
  };
  const minutes = (count: number, traffic: typeof HEALTHY | null) => {
    for (let s = 0; s < count * 60; s++) {
      if (traffic !== null) {
        for (let index = 0; index < SLOS.length; index++) rig.add(traffic, { index, weight: 1.5 });
      }
      rig.tick();
    }
  };
  it.each<[string, () => void]>([
    ["at the beginning", () => undefined],
    ["after a day", day],
    ["while an outage burns", () => minutes(4, OUTAGE)],
    ["in the recovery", () => minutes(4, HEALTHY)],
    [
      "with requests turned away",
      () => {
        rig.counters.requestsRefused.overloaded = 4;
        minutes(1, HEALTHY);
      },
    ],
    ["after silence", () => minutes(3, null)],
    [
      "after a standstill",
      () => {
        rig.now += 2 * HOUR;
        minutes(1, HEALTHY);
      },
    ],
    [
      "with requests of the month to come",
      () => {
        while (rig.now < END_OF_MONTH - DAY) day();
        rig.now = END_OF_MONTH + 9 * MINUTE + 50 * SECOND;
        rig.tick();
        const second = Date.UTC(2026, 4, 1) / SECOND + 3;
        rig.add({ total: 5, bad: 1 }, { index: 1, second });
      },
    ],
    ["in the next month", () => minutes(2, HEALTHY)],
    [
      "with overrides, also one that waits for its SLO",
      () => {
        for (const name of ["calendar", "later"]) {
          rig.gates.restoreOverride(name, {
            slo: name,
            state: "open",
            author: "ana",
            reason: "test",
            createdAt: rig.now,
            expiresAt: rig.now + HOUR,
          });
        }
        minutes(1, HEALTHY);
      },
    ],
  ])(
    "%s",
    (_when, happen) => {
      happen();
      const copy = new GateRig([], START);
      restoreState(copy.gates, saveState(rig.gates).bytes());
      expect(wholeStateOf(copy)).toEqual(wholeStateOf(rig));
      // A month of seconds takes a while on a busy machine.
    },
    60_000,
  );
});

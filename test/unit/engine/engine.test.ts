import { EMPTY, type Observable } from "rxjs";
import { TestScheduler } from "rxjs/testing";
import { describe, expect, it } from "vitest";
import { createEngine, type Engine } from "../../../src/engine/engine.ts";
import type { PublishReport } from "../../../src/engine/operators/publish-to.ts";
import type { GateDecision, Override } from "../../../src/model/gate.ts";
import { HOUR, type UnixMs } from "../../../src/model/time.ts";
import type { DecisionSink } from "../../../src/ports/decision-sink.ts";
import { alone } from "../../../src/ports/leadership.ts";
import { GateRig, START } from "../../support/gate-rig.ts";
import { slo } from "../../support/slo.ts";

/** Remembers what it was offered and answers at once, on the test's clock. */
class Recorder implements DecisionSink {
  readonly name = "recorder";
  readonly wants: DecisionSink["wants"];
  readonly got: string[] = [];

  constructor(wants: DecisionSink["wants"] = "transitions") {
    this.wants = wants;
  }

  publish(decisions: readonly GateDecision[]): Promise<void> {
    this.got.push(...decisions.map((d) => `${d.slo} ${d.state} ${d.reason} ${d.sequence}`));
    // biome-ignore lint/suspicious/noThenProperty: an answer that does not wait for the microtask queue
    return { then: (resolve: () => void) => resolve() } as unknown as Promise<void>;
  }

  async close(): Promise<void> {}
}

interface Rig {
  readonly engine: Engine;
  readonly gates: GateRig;
  readonly sink: Recorder;
  readonly scheduler: TestScheduler;
}

const PUBLISHING = {
  deadlineMs: 1000,
  queueLimit: 100,
  batchLimit: 10,
  retryDelayMs: () => 10,
  monotonicMs: () => 0,
};

function rig(
  use: (rig: Rig & { cold: (marbles: string) => Observable<UnixMs> }) => void,
  options: { ticks?: string; wants?: DecisionSink["wants"] } = {},
): void {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  scheduler.run(({ cold, flush }) => {
    const gates = new GateRig([slo(), slo({ name: "cart", service: "cart" })]);
    const sink = new Recorder(options.wants);
    // Marbles 1 to 9 are seconds after START.
    const times: Record<string, UnixMs> = {};
    for (let i = 0; i <= 9; i++) times[i] = START + i * 1000;
    const seconds = (marbles: string) => cold(marbles, times);
    const tick$ = options.ticks === undefined ? EMPTY : seconds(options.ticks);
    const engine = createEngine({
      tick$,
      gates: gates.gates,
      sinks: [sink],
      leadership: alone(1),
      publishing: PUBLISHING,
    });
    use({ engine, gates, sink, scheduler, cold: seconds });
    flush();
  });
}

const OVERRIDE: Override = {
  slo: "pay",
  state: "open",
  author: "ann",
  reason: "drill",
  createdAt: START + 1000,
  expiresAt: START + HOUR,
};

describe("the engine", () => {
  it("decides at every tick and publishes transitions to its sinks", () => {
    const reports: PublishReport[] = [];
    const done: string[] = [];
    rig(
      ({ engine, gates, sink, scheduler }) => {
        engine.running$.subscribe({
          next: (r) => reports.push(r),
          complete: () => done.push("done"),
        });
        scheduler.schedule(() => gates.add({ total: 10 }), 1);
        scheduler.schedule(() => expect(sink.got).toEqual(["pay unknown warming-up 1"]), 5);
      },
      { ticks: "1-2-3|" },
    );
    expect(reports.map(({ sink, outcome, decisions }) => [sink, outcome, decisions])).toEqual([
      ["recorder", "sent", 1],
    ]);
    // Ticks have ended, but overrides could still come.
    expect(done).toEqual([]);
  });

  it("decides once, however many sinks and watchers there are", () => {
    rig(
      ({ engine, gates }) => {
        let ticks = 0;
        const tick = gates.gates.tick.bind(gates.gates);
        gates.gates.tick = (now) => {
          ticks++;
          return tick(now);
        };
        engine.watch(() => {});
        engine.watch(() => {});
        engine.running$.subscribe({ complete: () => expect(ticks).toBe(4) });
        engine.nudge(START + 1000);
      },
      { ticks: "123|" },
    );
  });

  it.each([
    ["transitions", [false, true, false]],
    ["latest", [true, true, true]],
    ["both", [true, true, true]],
  ] as const)(
    "with a sink of %s has decisions that are no change built when they are read",
    (wants, wanted) => {
      const asked: unknown[] = [];
      rig(
        ({ engine, gates, scheduler }) => {
          const tick = gates.gates.tick.bind(gates.gates);
          gates.gates.tick = (now, refreshes) => {
            asked.push(refreshes);
            return tick(now, refreshes);
          };
          engine.running$.subscribe();
          let unwatch = () => {};
          scheduler.schedule(() => {
            unwatch = engine.watch(() => {});
          }, 1);
          scheduler.schedule(() => unwatch(), 3);
        },
        { ticks: "1-2-3|", wants },
      );
      expect(asked).toEqual(wanted);
    },
  );

  it("has a last tick at stop, publishes it, and completes", () => {
    rig(
      ({ engine, gates, sink, scheduler }) => {
        let completed = false;
        engine.running$.subscribe({
          complete: () => {
            completed = true;
          },
        });
        scheduler.schedule(() => {
          gates.add({ total: 10 });
          engine.stop(START + 1500);
          expect(sink.got).toEqual(["pay unknown warming-up 1"]);
          expect(completed).toBe(true);
          gates.add({ total: 10 }, { index: 1 });
        }, 2);
        // The tick at 4 comes after the end.
        scheduler.schedule(() => expect(sink.got).toHaveLength(1), 6);
      },
      { ticks: "1---2-3|" },
    );
  });

  it("publishes every gate at its first tick, and again every ten seconds, to sinks of the latest", () => {
    rig(
      ({ engine, sink, scheduler }) => {
        engine.running$.subscribe();
        const offered = (from: number, to: number): string[] => {
          sink.got.length = 0;
          for (let s = from; s <= to; s++) engine.nudge(START + s * 1000);
          return [...sink.got].sort();
        };
        scheduler.schedule(() => {
          const all = ["cart unknown no-data 0", "pay unknown no-data 0"];
          expect(offered(1, 1)).toEqual(all);
          expect(offered(2, 11)).toEqual(all);
          expect(offered(12, 21)).toEqual(all);
        }, 1);
      },
      { wants: "latest" },
    );
  });

  it("tells watchers of transitions and refreshes until they have enough", () => {
    rig(({ engine, gates }) => {
      engine.running$.subscribe();
      const seen: string[] = [];
      const enough = engine.watch((decisions) => seen.push(...decisions.map((d) => d.reason)));
      gates.add({ total: 10 });
      engine.nudge(START + 1000);
      expect(seen).toContain("warming-up");
      const before = seen.length;
      enough();
      gates.run(20, { total: 10 });
      engine.nudge(START + 30_000);
      expect(seen).toHaveLength(before);
    });
  });

  it("goes on without a watcher that throws, and reports it", () => {
    rig(({ engine, gates, sink }) => {
      const reports: PublishReport[] = [];
      engine.running$.subscribe((report) => reports.push(report));
      engine.watch(() => {
        throw new Error("socket closed");
      });
      gates.add({ total: 10 });
      engine.nudge(START + 1000);
      expect(sink.got).toHaveLength(1);
      expect(reports.map(({ sink, outcome, error }) => [sink, outcome, error?.message])).toEqual([
        ["watcher", "dropped", "watcher: socket closed"],
        ["recorder", "sent", undefined],
      ]);
      gates.add({ total: 10 }, { index: 1 });
      engine.nudge(START + 2000);
      expect(reports.filter(({ sink }) => sink === "watcher")).toHaveLength(1);
    });
  });

  it("decides and publishes an override at once, and its end too", () => {
    rig(({ engine, sink }) => {
      engine.running$.subscribe();
      expect(engine.set(OVERRIDE)).toBeNull();
      expect(engine.get("pay")).toMatchObject({ state: "open", allowed: true, override: OVERRIDE });
      expect(engine.clear("pay", "ann")).toBeNull();
      expect(engine.get("pay")).toMatchObject({ state: "unknown", override: null });
      expect(sink.got).toEqual(["pay open override 1", "pay unknown no-data 2"]);
    });
  });

  it("says that it does not know an SLO", () => {
    rig(({ engine }) => {
      engine.running$.subscribe();
      expect(engine.set({ ...OVERRIDE, slo: "pya" })).toBe('no SLO is named "pya"');
      expect(engine.clear("pya", "ann")).toBe('no SLO is named "pya"');
      expect(engine.get("pya")).toBeNull();
      expect(engine.history("pya")).toBeNull();
      expect(engine.series("pya")).toBeNull();
    });
  });
});

import { from } from "rxjs";
import { TestScheduler } from "rxjs/testing";
import { describe, expect, it } from "vitest";
import type { Publication } from "../../../../src/engine/gates.ts";
import type { Round } from "../../../../src/engine/operators/backlog.ts";
import {
  type PublishReport,
  type PublishSettings,
  publishTo,
} from "../../../../src/engine/operators/publish-to.ts";
import { EngineError } from "../../../../src/model/errors.ts";
import type { GateDecision } from "../../../../src/model/gate.ts";
import type { DecisionSink } from "../../../../src/ports/decision-sink.ts";
import { decision } from "../../../support/decisions.ts";

const RETRYABLE = new EngineError("SINK_UNAVAILABLE", "away", { retryable: true });
const FINAL = new EngineError("SINK_REJECTED", "too large");

/** One decision of the SLO `a`, `b`, ... with this sequence. */
function of(name: string, transition = true): Publication {
  return {
    decision: decision({ slo: name[0] ?? "", sequence: Number(name.slice(1)) }),
    transition,
  };
}

function round(...publications: Publication[]): Round {
  return { publications, removed: [], beginning: null };
}

const TRAFFIC: Record<string, Round> = {
  a: round(of("a1")),
  b: round(of("a2")),
  c: round(of("b1")),
  d: round(of("a3"), of("b2")),
  r: round(of("a9", false)),
  n: { publications: [], removed: [], beginning: { epoch: 2, after: 1, slos: [] } },
};

type Answer = "ok" | "retry" | "reject" | "never";

/** A sink on the test's clock: the n-th call takes `ms` and ends as the n-th answer says. */
class FakeSink implements DecisionSink {
  readonly name = "fake";
  readonly wants: DecisionSink["wants"];
  /** What it was offered: virtual time and names such as "a1,b1". */
  readonly offered: string[] = [];
  readonly aborted: number[] = [];
  private readonly scheduler: TestScheduler;
  private readonly answers: Answer[];
  private readonly ms: number;
  private running = 0;

  constructor(
    scheduler: TestScheduler,
    options: { wants?: DecisionSink["wants"]; answers?: Answer[]; ms?: number },
  ) {
    this.scheduler = scheduler;
    this.wants = options.wants ?? "transitions";
    this.answers = [...(options.answers ?? [])];
    this.ms = options.ms ?? 0;
  }

  publish(decisions: readonly GateDecision[], signal: AbortSignal): Promise<void> {
    const now = this.scheduler.now();
    this.offered.push(`${now} ${decisions.map((d) => `${d.slo}${d.sequence}`).join(",")}`);
    signal.addEventListener("abort", () => this.aborted.push(this.scheduler.now()));
    const answer = this.answers.shift() ?? "ok";
    if (answer !== "never") expect(++this.running).toBe(1);
    // A real promise would answer after the test's clock has run out; the operator only ever calls `then`.
    const answered = {
      // biome-ignore lint/suspicious/noThenProperty: the reason stands above
      then: (resolve: () => void, reject: (error: unknown) => void): void => {
        if (answer === "never") return;
        const settle = (): void => {
          this.running--;
          if (answer === "ok") resolve();
          else reject(answer === "retry" ? RETRYABLE : FINAL);
        };
        this.scheduler.schedule(settle, this.ms);
      },
    };
    return answered as unknown as Promise<void>;
  }

  async close(): Promise<void> {}
}

interface Outcome {
  readonly offered: readonly string[];
  readonly reports: readonly string[];
  readonly aborted: readonly number[];
  readonly completedAt: number | null;
}

function play(
  marbles: string,
  options: {
    wants?: DecisionSink["wants"];
    answers?: Answer[];
    ms?: number;
    settings?: Partial<PublishSettings>;
    unsubscribe?: string;
  } = {},
): Outcome {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  return scheduler.run(({ cold, flush, expectObservable }) => {
    const sink = new FakeSink(scheduler, options);
    const settings: PublishSettings = {
      leads: () => true,
      deadlineMs: 50,
      queueLimit: 100,
      batchLimit: 10,
      retryDelayMs: (attempt) => attempt * 10,
      monotonicMs: () => scheduler.now(),
      ...options.settings,
    };
    const reports: string[] = [];
    let completedAt: number | null = null;
    const output$ = cold(marbles, TRAFFIC).pipe(publishTo(sink, settings));
    const subscription = output$.subscribe({
      next: (r: PublishReport) =>
        reports.push(
          `${scheduler.now()} ${r.outcome} ${r.decisions}${r.error === null ? "" : ` ${r.error.message}`}`,
        ),
      complete: () => {
        completedAt = scheduler.now();
      },
    });
    if (options.unsubscribe !== undefined) {
      cold(options.unsubscribe).subscribe(() => subscription.unsubscribe());
    }
    // Something must be expected for the virtual clock to run at all.
    expectObservable(from([])).toBe("|");
    flush();
    return { offered: sink.offered, reports, aborted: sink.aborted, completedAt };
  });
}

describe("publishTo: transitions", () => {
  it("sends every transition in order, and what came meanwhile in one batch", () => {
    //                  0123456
    expect(play("      abcd--|", { ms: 3 })).toEqual({
      offered: ["0 a1", "3 a2,b1,a3,b2"],
      reports: ["3 sent 1", "6 sent 4"],
      aborted: [],
      completedAt: 6,
    });
  });

  it("leaves refreshes out", () => {
    expect(play("arr|").offered).toEqual(["0 a1"]);
  });

  it("offers no more than the batch limit at once", () => {
    expect(play("dd|", { ms: 5, settings: { batchLimit: 1 } }).offered).toEqual([
      "0 a3",
      "5 b2",
      "10 a3",
      "15 b2",
    ]);
  });

  it("lets the oldest fall off a full queue, and says so", () => {
    // a1 is on its way; a2, b1, a3, b2 wait for a queue of two.
    const { offered, reports } = play("abcd-------|", { ms: 10, settings: { queueLimit: 2 } });
    expect(offered).toEqual(["0 a1", "10 a3,b2"]);
    expect(reports).toEqual(["3 dropped 2", "10 sent 1", "20 sent 2"]);
  });
});

describe("publishTo: the latest", () => {
  it("keeps only the newest of each SLO while a call runs", () => {
    const { offered } = play("abcd--|", { wants: "latest", ms: 5 });
    expect(offered).toEqual(["0 a1", "5 a3,b2"]);
  });

  it("sends refreshes too", () => {
    expect(play("a-r|", { wants: "latest" }).offered).toEqual(["0 a1", "2 a9"]);
  });
});

describe("publishTo: failures", () => {
  it("offers the same batch again after a delay that grows, and lets the rest wait", () => {
    const outcome = play("ab 50ms |", { answers: ["retry", "retry", "ok"], ms: 2 });
    // Fails at 2, again at 2 + 10 + 2, succeeds at 14 + 20 + 2.
    expect(outcome.offered).toEqual(["0 a1", "12 a1", "34 a1", "36 a2"]);
    expect(outcome.reports).toEqual([
      "2 failed 1 away",
      "14 failed 1 away",
      "36 sent 1",
      "38 sent 1",
    ]);
  });

  it("does not try again what was rejected for good, and goes on", () => {
    const { offered, reports } = play("a--b--|", { answers: ["reject", "ok"] });
    expect(offered).toEqual(["0 a1", "3 a2"]);
    expect(reports).toEqual(["0 dropped 1 too large", "3 sent 1"]);
  });

  it("begins with the shortest delay again after a success", () => {
    const answers: Answer[] = ["retry", "ok", "retry", "ok"];
    expect(play("a 29ms b 29ms |", { answers }).offered).toEqual([
      "0 a1",
      "10 a1",
      "30 a2",
      "40 a2",
    ]);
  });

  it("aborts a call at its deadline and tries again, though the sink never answers", () => {
    const { offered, reports, aborted } = play("a 99ms |", { answers: ["never", "ok"] });
    expect(aborted).toEqual([50]);
    expect(offered).toEqual(["0 a1", "60 a1"]);
    expect(reports).toEqual(["50 failed 1 fake: no answer within 50 ms", "60 sent 1"]);
  });

  it("takes what is no EngineError for an outage", () => {
    const scheduler = new TestScheduler(() => undefined);
    scheduler.run(({ cold, flush }) => {
      const sink: DecisionSink = {
        name: "odd",
        wants: "transitions",
        publish: () => {
          throw new TypeError("undefined is not a function");
        },
        close: async () => {},
      };
      const settings: PublishSettings = {
        leads: () => true,
        deadlineMs: 50,
        queueLimit: 1,
        batchLimit: 1,
        retryDelayMs: () => 10,
        monotonicMs: () => scheduler.now(),
      };
      // Only that a throw does not escape: the promise's answer comes after the virtual clock.
      expect(() => cold("a|", TRAFFIC).pipe(publishTo(sink, settings)).subscribe()).not.toThrow();
      flush();
    });
  });
});

describe("publishTo: who may publish", () => {
  it("offers nothing while this process does not lead, and all of it when it leads again", () => {
    let asked = 0;
    // Asked at the first and the second round.
    const leads = () => ++asked > 2;
    const { offered } = play("ab 8ms c 10ms |", { settings: { leads } });
    expect(offered).toEqual(["10 a1,a2,b1"]);
  });

  it("gives up a retry at the beginning of another term", () => {
    const { offered } = play("a-n-b 60ms |", {
      answers: ["retry"],
      settings: { retryDelayMs: () => 20 },
    });
    // a1 failed at 0 ms and would be offered again at 20.
    expect(offered).toEqual(["0 a1", "4 a2"]);
  });
});

describe("publishTo: the end", () => {
  it("offers what waits once more, then completes", () => {
    const { offered, completedAt } = play("ab|", { ms: 10 });
    expect(offered).toEqual(["0 a1", "10 a2"]);
    expect(completedAt).toBe(20);
  });

  it("does not wait for the delay of a retry, and gives up after that try", () => {
    const outcome = play("ab---|", { answers: ["retry", "retry", "ok"], ms: 1 });
    expect(outcome.offered).toEqual(["0 a1", "5 a1", "6 a2"]);
    expect(outcome.reports).toEqual(["1 failed 1 away", "6 dropped 1 away", "7 sent 1"]);
    expect(outcome.completedAt).toBe(7);
  });

  it("completes at the deadline of a sink that never answers", () => {
    const { reports, completedAt } = play("a|", { answers: ["never"] });
    expect(reports).toEqual(["50 dropped 1 fake: no answer within 50 ms"]);
    expect(completedAt).toBe(50);
  });

  it("aborts the call that runs when nobody listens any more", () => {
    const { aborted, reports } = play("a 99ms |", { answers: ["never"], unsubscribe: "5ms x" });
    expect(aborted).toEqual([5]);
    expect(reports).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import { publishLog } from "../../../src/cli/publish-log.ts";
import type { PublishReport } from "../../../src/engine/operators/publish-to.ts";
import { EngineError } from "../../../src/model/errors.ts";

function rig(waiting: number | null = null) {
  const lines: { message: string; fields: Readonly<Record<string, unknown>> }[] = [];
  let now = 0;
  const add = (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
    lines.push({ message, fields });
  };
  const say = publishLog({
    log: { info: add, warn: add, error: add },
    monotonicMs: () => now,
    waiting: () => waiting,
  });
  const at = (seconds: number, outcome: PublishReport["outcome"], decisions = 1) => {
    now = seconds * 1000;
    const error =
      outcome === "failed"
        ? new EngineError("SINK_UNAVAILABLE", "no answer", { retryable: true })
        : null;
    say({ sink: "kafka", outcome, decisions, seconds: 0, error });
  };
  return { lines, at };
}

describe("the log of publishing", () => {
  it("says the first failures, then one a minute that stands for those between", () => {
    const { lines, at } = rig();
    for (let second = 0; second <= 180; second += 3) at(second, "failed");
    // At 0, 3 and 6 s; then 60 s after the last line each: 66 and 126 s, of twenty failures.
    expect(lines.map(({ fields }) => fields.failures)).toEqual([1, 1, 1, 20, 20]);
  });

  it("says that a sink works again, and the next failure anew", () => {
    const { lines, at } = rig();
    for (let second = 0; second < 30; second += 3) at(second, "failed");
    at(31, "sent");
    at(32, "sent");
    at(33, "failed");
    const said = lines.map(({ message }) => message);
    expect(said.slice(3)).toEqual(["a sink works again", "a sink failed and will be tried again"]);
    expect(lines[3]?.fields).toEqual({ sink: "kafka", failures: 10 });
  });

  it("says how many transitions wait in the outbox, and what becomes of them", () => {
    const { lines, at } = rig(17);
    at(0, "failed");
    expect(lines).toEqual([
      {
        message:
          "a sink failed and will be tried again; transitions wait in the outbox and are sent when it is back",
        fields: { sink: "kafka", failures: 1, waiting: 17, error: "no answer" },
      },
    ]);
  });

  it("leaves no dropped decision unsaid for more than a minute of dropping", () => {
    const { lines, at } = rig();
    for (let second = 0; second <= 63; second++) at(second, "dropped", 2);
    expect(lines.map(({ fields }) => fields.decisions)).toEqual([2, 2, 2, 120]);
  });
});

import { describe, expect, it } from "vitest";
import {
  Backlog,
  type Batch,
  MemoryQueue,
  type Round,
} from "../../../../src/engine/operators/backlog.ts";
import type { DecisionSink } from "../../../../src/ports/decision-sink.ts";
import { decision } from "../../../support/decisions.ts";

function sink(wants: DecisionSink["wants"]): DecisionSink {
  const nothing = async () => undefined;
  return { name: "fake", wants, publish: nothing, remove: nothing, close: nothing };
}

/** `a1!` is a transition of SLO a to sequence 1, `a1` a refresh, `-a` its removal, `>5` the beginning of term 5 (`>5/4=ab` after 4, of SLOs a and b). */
function round(...words: string[]): Round {
  const removed = words.filter((word) => word.startsWith("-")).map((word) => word.slice(1));
  const term = words.find((word) => word.startsWith(">"));
  const [numbers = "", slos = ""] = (term?.slice(1) ?? "").split("=");
  const [epoch = 0, after = 0] = numbers.split("/").map(Number);
  const publications = words
    .filter((word) => /^[a-z]/.test(word))
    .map((word) => ({
      decision: decision({ slo: word[0] ?? "", sequence: Number.parseInt(word.slice(1), 10) }),
      transition: word.endsWith("!"),
    }));
  return {
    publications,
    removed,
    beginning: term === undefined ? null : { epoch, after, slos: [...slos] },
  };
}

function shown(batch: Batch | null): string {
  if (batch === null) return "";
  if ("removed" in batch) return batch.removed.map((slo) => `-${slo}`).join(" ");
  return batch.decisions.map(({ slo, sequence }) => `${slo}${sequence}`).join(" ");
}

function batches(backlog: Backlog, limit = 10): string[] {
  const all: string[] = [];
  for (let next = backlog.next(limit); next !== null; next = backlog.next(limit)) {
    all.push(shown(next));
    backlog.settled();
  }
  return all;
}

describe("a backlog", () => {
  it("of transitions leaves refreshes out", () => {
    const backlog = new Backlog(sink("transitions"), 10);
    backlog.add(round("a1!", "b1"));
    backlog.add(round("a1", "a2!"));
    expect(batches(backlog)).toEqual(["a1 a2"]);
  });

  it("of the latest keeps one decision per SLO, and gives all of them at once", () => {
    const backlog = new Backlog(sink("latest"), 10);
    backlog.add(round("a1!", "b1", "c1"));
    backlog.add(round("a2!"));
    expect(batches(backlog, 2)).toEqual(["a2 b1 c1"]);
  });

  it("of the latest waits in a new term until every SLO is there or gone", () => {
    const backlog = new Backlog(sink("latest"), 10);
    backlog.add(round(">5/4=abc", "a1"));
    expect(batches(backlog)).toEqual([]);
    backlog.add(round("c1!"));
    expect(batches(backlog)).toEqual([]);
    backlog.add(round("-b", "a2!"));
    expect(batches(backlog)).toEqual(["-b", "a2 c1"]);
    backlog.add(round("a3"));
    expect(batches(backlog)).toEqual(["a3"]);
  });

  it("of changes or of both does not wait for the rest of a new term", () => {
    const backlog = new Backlog(sink("both"), 10);
    backlog.add(round(">5/4=abc", "a1!", "b1"));
    expect(batches(backlog)).toEqual(["a1", "b1"]);
  });

  it("of both sends changes first, and no older state after a newer one", () => {
    const backlog = new Backlog(sink("both"), 10);
    backlog.add(round("a1", "b1"));
    backlog.add(round("a2!"));
    expect(batches(backlog)).toEqual(["a2", "b1"]);
  });

  it("removes an SLO after its last change, and forgets what waited for it", () => {
    const both = new Backlog(sink("both"), 10);
    both.add(round("a1", "a2!", "b1"));
    both.add(round("-a"));
    expect(batches(both)).toEqual(["a2", "-a", "b1"]);
    const latest = new Backlog(sink("latest"), 10);
    latest.add(round("a1", "b1"));
    latest.add(round("-a"));
    expect(batches(latest)).toEqual(["-a", "b1"]);
  });

  it("drops the oldest changes beyond its limit, and says how many", () => {
    const backlog = new Backlog(sink("transitions"), 2);
    expect(backlog.add(round("a1!", "a2!", "a3!"))).toBe(1);
    expect(batches(backlog)).toEqual(["a2 a3"]);
  });

  it("gives up at a new term what another leader has overtaken", () => {
    const backlog = new Backlog(sink("both"), 10);
    backlog.add(round(">5", "a1!", "b1"));
    // Nobody led in between.
    expect(backlog.add(round(">6/5"))).toBe(0);
    backlog.add(round("a2!"));
    expect(backlog.add(round(">8/7", "a9"))).toBe(2);
    expect(batches(backlog)).toEqual(["a9"]);
  });
});

describe("a queue in memory", () => {
  it("does not drop what is taken", () => {
    const queue = new MemoryQueue(1);
    queue.push(["a", "b"].map((removed) => ({ removed })));
    expect(queue.take(1)).toEqual([{ removed: "b" }]);
    expect(queue.push([{ removed: "c" }, { removed: "d" }])).toBe(1);
    queue.settled();
    expect(queue.take(5)).toEqual([{ removed: "d" }]);
  });
});

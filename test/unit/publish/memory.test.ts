import { expect, it } from "vitest";
import { memorySink } from "../../../src/publish/memory.ts";
import { decisionMessage } from "../../../src/publish/message.ts";
import { decisionSinkContract } from "../../contract/decision-sink.ts";
import { decision } from "../../support/decisions.ts";

decisionSinkContract("memory", async () => {
  const sink = memorySink();
  return { sink, published: async () => sink.published.map(decisionMessage) };
});

it("forgets the oldest decisions beyond its limit", async () => {
  const sink = memorySink({ limit: 2 });
  for (const sequence of [1, 2, 3])
    await sink.publish([decision({ sequence })], AbortSignal.timeout(1_000));
  expect(sink.published.map((d) => d.sequence)).toEqual([2, 3]);
});

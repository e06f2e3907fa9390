import { afterEach, describe, expect, it } from "vitest";
import type { DecisionMessage } from "../../src/model/decision-message.ts";
import { EngineError } from "../../src/model/errors.ts";
import type { GateDecision } from "../../src/model/gate.ts";
import type { DecisionSink } from "../../src/ports/decision-sink.ts";
import { decisionMessage } from "../../src/publish/message.ts";
import { decision } from "../support/decisions.ts";

/** A sink under test and the way to see what has come out of it, in order. */
export interface SinkUnderTest {
  readonly sink: DecisionSink;
  /** Every decision that a reader of the sink sees now; for `latest` sinks the newest per SLO. */
  published(): Promise<readonly DecisionMessage[]>;
  /** Lets go of folders, topics and servers; the sink has been closed. */
  dispose?(): Promise<void>;
}

/** What every DecisionSink promises; see `ports/decision-sink.ts`. `build` makes a new, empty one. */
export function decisionSinkContract(name: string, build: () => Promise<SinkUnderTest>): void {
  describe(`${name} as a decision sink`, () => {
    const built: { under: SinkUnderTest; closed: boolean }[] = [];
    const setUp = async () => {
      const entry = { under: await build(), closed: false };
      built.push(entry);
      return {
        ...entry.under,
        close: async () => {
          entry.closed = true;
          await entry.under.sink.close();
        },
      };
    };
    afterEach(async () => {
      for (const entry of built.splice(0)) {
        if (!entry.closed) await entry.under.sink.close();
        await entry.under.dispose?.();
      }
    });

    it("has a name that can be a metric label", async () => {
      const { sink } = await setUp();
      expect(sink.name).toMatch(/^[a-z][a-z0-9_]*$/);
    });

    it("has let a batch out, whole and in order, when publish resolves", async () => {
      const { sink, published } = await setUp();
      const batch = ["a", "b", "c"].map((slo) => decision({ slo }));
      await sink.publish(batch, inTime());
      expect(await published()).toEqual(batch.map(decisionMessage));
    });

    it("shows the newest decision of an SLO last", async () => {
      const { sink, published } = await setUp();
      for (const sequence of [1, 2, 3]) await sink.publish([decision({ sequence })], inTime());
      const seen = await published();
      expect(seen.at(-1)?.sequence).toBe(3);
      if (sink.wants === "transitions") expect(seen.map((d) => d.sequence)).toEqual([1, 2, 3]);
    });

    it("takes an empty batch", async () => {
      const { sink, published } = await setUp();
      await sink.publish([], inTime());
      expect(await published()).toEqual([]);
    });

    it("bears any text in a message without breaking the record", async () => {
      const { sink, published } = await setUp();
      const message = 'line\nbreak "quote" \\ \u2028 \u0000 € 🚦';
      await sink.publish([decision({ slo: "a", message }), decision({ slo: "b" })], inTime());
      expect((await published()).map((d) => d.message)).toEqual([message, decision().message]);
    });

    it("rejects with a retryable engine error when the deadline has passed, and works again later", async () => {
      const { sink, published } = await setUp();
      const error = await failure(sink, [decision({ sequence: 1 })], AbortSignal.abort());
      expect(error).toBeInstanceOf(EngineError);
      expect(error).toMatchObject({ code: "SINK_UNAVAILABLE", retryable: true });
      await sink.publish([decision({ sequence: 2 })], inTime());
      expect((await published()).at(-1)?.sequence).toBe(2);
    });

    it("keeps what it has published when it closes", async () => {
      const { sink, published, close } = await setUp();
      await sink.publish([decision()], inTime());
      await close();
      expect(await published()).toEqual([decisionMessage(decision())]);
    });

    it("closes without ever having published", async () => {
      const { close } = await setUp();
      await expect(close()).resolves.toBeUndefined();
    });
  });
}

function inTime(): AbortSignal {
  return AbortSignal.timeout(10_000);
}

async function failure(
  sink: DecisionSink,
  batch: readonly GateDecision[],
  signal: AbortSignal,
): Promise<unknown> {
  return sink.publish(batch, signal).then(
    () => new Error("published in spite of the deadline"),
    (error: unknown) => error,
  );
}

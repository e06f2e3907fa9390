import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import type { DecisionMessage } from "../../../src/model/decision-message.ts";
import { stdoutSink } from "../../../src/publish/stdout.ts";
import { decisionSinkContract } from "../../contract/decision-sink.ts";
import { decision, open } from "../../support/decisions.ts";

function collect(): { stream: Writable; text: () => string } {
  let text = "";
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  return { stream, text: () => text };
}

decisionSinkContract("stdout in a pipe", async () => {
  const { stream, text } = collect();
  return {
    sink: stdoutSink({ stream, isTTY: false }),
    published: async () =>
      text()
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as DecisionMessage),
  };
});

const inTime = () => AbortSignal.timeout(5_000);

describe("stdout on a terminal", () => {
  it("tells a transition in one sentence", async () => {
    const { stream, text } = collect();
    const sink = stdoutSink({ stream, isTTY: true });
    await sink.publish([decision(), open("cart")], inTime());
    expect(text()).toBe(
      "10:00:37Z payment-availability CLOSED (fast-burn): burn rate 41.2 over 5m and 15.9 over 1h\n" +
        "10:00:37Z cart OPEN (ok): burn rate 0.4 over 5m and 0.3 over 1h\n",
    );
  });

  it("says when the state alone would mislead", async () => {
    const { stream, text } = collect();
    const sink = stdoutSink({ stream, isTTY: true });
    await sink.publish(
      [
        decision({ mode: "shadow", allowed: true }),
        decision({ state: "unknown", reason: "stale", allowed: true }),
      ],
      inTime(),
    );
    expect(text()).toMatch(/CLOSED \(fast-burn\) \[shadow: allowed all the same\]:/);
    expect(text()).toMatch(/UNKNOWN \(stale\) \[allowed\]:/);
  });

  it("lets no control character through to the terminal", async () => {
    const { stream, text } = collect();
    await stdoutSink({ stream, isTTY: true }).publish(
      [decision({ message: "a\n\u001b[2Jb" })],
      inTime(),
    );
    expect(text()).toMatch(/: a \[2Jb\n$/);
  });
});

describe("stdout whose reader", () => {
  it("has gone falls silent and does not fail", async () => {
    let writes = 0;
    const stream = new Writable({
      write(_chunk, _encoding, done) {
        writes++;
        done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
      },
    });
    const sink = stdoutSink({ stream, isTTY: false });
    await sink.publish([decision()], inTime());
    await sink.publish([decision()], inTime());
    await sink.close();
    expect(writes).toBe(1);
  });

  it("hangs gets a batch once, however often it is offered", async () => {
    let release = (): void => {};
    const chunks: string[] = [];
    const stream = new Writable({
      write(chunk, _encoding, done) {
        chunks.push(String(chunk));
        release = done;
      },
    });
    const sink = stdoutSink({ stream, isTTY: false });
    for (let offer = 0; offer < 3; offer++)
      await expect(sink.publish([decision()], AbortSignal.timeout(10))).rejects.toMatchObject({
        code: "SINK_UNAVAILABLE",
        retryable: true,
      });
    const last = sink.publish([decision()], inTime());
    release();
    await last;
    expect(chunks).toHaveLength(1);
    expect(stream.writableLength).toBe(0);
  });
});

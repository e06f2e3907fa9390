import type { Writable } from "node:stream";
import { EngineError } from "../model/errors.ts";
import type { DecisionSink } from "../ports/decision-sink.ts";
import { oneWriteAtATime } from "./deadline.ts";
import { decisionJson, decisionMessage } from "./message.ts";
import { decisionSentence } from "./sentence.ts";

export interface StdoutSinkSettings {
  readonly stream: Writable;
  /** True: a sentence for people. False: a line of JSON, as in the file sink. */
  readonly isTTY: boolean;
}

/**
 * One line per transition. When the reader of the pipe has gone (`| head -1`) the sink falls silent: that
 * is the reader's choice and neither the engine's end nor an error to repeat every second.
 */
export function stdoutSink({ stream, isTTY }: StdoutSinkSettings): DecisionSink {
  let readerGone = false;
  // A stream's error is emitted beside the write's callback; without a listener it would end the process.
  const onError = (error: Error): void => {
    readerGone ||= isReaderGone(error);
  };
  stream.on("error", onError);
  const writeLines = oneWriteAtATime("stdout", async (text) => {
    try {
      await write(stream, text);
    } catch (error) {
      if (!isReaderGone(error)) throw unavailable(error);
      readerGone = true;
    }
  });
  return {
    name: "stdout",
    wants: "transitions",
    async publish(decisions, signal) {
      if (readerGone || decisions.length === 0) return;
      const text = decisions
        .map((d) => `${isTTY ? decisionSentence(decisionMessage(d)) : decisionJson(d)}\n`)
        .join("");
      await writeLines(text, signal);
    },
    async close() {
      // The process' own stdout stays open; the listener stays too while writes may still fail late.
      if (stream.writableLength === 0 || readerGone) stream.off("error", onError);
    },
  };
}

function write(stream: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

function isReaderGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return (
    code === "EPIPE" || code === "ERR_STREAM_DESTROYED" || code === "ERR_STREAM_WRITE_AFTER_END"
  );
}

function unavailable(cause: unknown): EngineError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new EngineError("SINK_UNAVAILABLE", `stdout: ${why}`, { retryable: true, cause });
}

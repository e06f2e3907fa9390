import { Writable } from "node:stream";
import type { CliIo, CliStream } from "../../src/cli/io.ts";

export interface CapturedIo {
  readonly io: CliIo;
  readonly out: () => string;
  readonly err: () => string;
}

/** A command's outside world that remembers what was written. */
export function captureIo(
  options: {
    readonly isTTY?: boolean;
    readonly columns?: number;
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): CapturedIo {
  const { isTTY = false, columns = 120, env = {} } = options;
  const texts = { out: "", err: "" };
  const stream = (name: "out" | "err"): CliStream =>
    Object.assign(
      new Writable({
        decodeStrings: false,
        write(chunk, _encoding, done) {
          texts[name] += String(chunk);
          done();
        },
      }),
      { isTTY, columns },
    );
  const io = { stdout: stream("out"), stderr: stream("err"), env };
  return { io, out: () => texts.out, err: () => texts.err };
}

/** A pipe whose reader goes away after so many writes. */
export function unreadAfter(writes: number): { readonly stdout: CliStream; out: () => string } {
  let text = "";
  let left = writes;
  const stdout = new Writable({
    // As the standard output of a process, which stays when its reader goes.
    autoDestroy: false,
    decodeStrings: false,
    write(chunk, _encoding, done) {
      if (left-- > 0) text += String(chunk);
      done(left < 0 ? Object.assign(new Error("write EPIPE"), { code: "EPIPE" }) : null);
    },
  });
  return { stdout, out: () => text };
}

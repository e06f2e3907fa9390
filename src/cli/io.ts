import type { Writable } from "node:stream";

/** A terminal, or a pipe. */
export interface CliStream extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Characters of a line of a terminal, at least 20; a terminal that does not know its size counts as 80. */
export function columnsOf(stream: CliStream): number {
  return Math.max(20, stream.columns || 80);
}

/** Resolves when nobody reads any more (`| head`): at the first write that fails for it. That is no error of the command. */
export function readerLeft(stream: CliStream): Promise<void> {
  return new Promise((resolve) => stream.on("error", () => resolve()));
}

/** The outside world of a command, so that tests can give it another one. */
export interface CliIo {
  readonly stdout: CliStream;
  readonly stderr: CliStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

import type { Writable } from "node:stream";

/** A terminal, or a pipe. */
export interface CliStream extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** The outside world of a command, so that tests can give it another one. */
export interface CliIo {
  readonly stdout: CliStream;
  readonly stderr: CliStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

import { type ChildProcess, spawn } from "node:child_process";

const KEPT_OUTPUT_BYTES = 4 * 1024 * 1024;

/** How a process ended: its exit code, or the signal that ended it. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that a test started: it is stopped by its own pid, at the latest when the test process exits. */
export interface OwnedProcess {
  readonly pid: number;
  /** Everything written so far (the last 4 MiB). */
  stdout(): string;
  stderr(): string;
  /** Null while it runs. */
  ending(): Ending | null;
  readonly ended: Promise<Ending>;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, then SIGKILL after `graceMs` (5 s). Resolves when it has ended. */
  stop(graceMs?: number): Promise<Ending>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** @throws Error when the program cannot be started */
export function startProcess(
  program: string,
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): OwnedProcess {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (child.pid === undefined) throw new Error(`${program} could not be started`);
  running.add(child);
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  let ending: Ending | null = null;
  const ended = new Promise<Ending>((resolve) => {
    // "close", not "exit": by then all output has been read.
    child.once("close", (code, signal) => {
      running.delete(child);
      ending = { code, signal };
      resolve(ending);
    });
  });
  return {
    pid: child.pid,
    stdout,
    stderr,
    ending: () => ending,
    ended,
    signal: (signal) => void child.kill(signal),
    async stop(graceMs = 5_000) {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
      const how = await ended;
      clearTimeout(timer);
      return how;
    },
  };
}

/** Runs a program to its end. */
export async function runProcess(
  program: string,
  args: readonly string[],
  options: {
    readonly timeoutMs?: number;
    readonly env?: Readonly<Record<string, string>>;
    readonly cwd?: string;
  } = {},
): Promise<Ending & { readonly stdout: string; readonly stderr: string }> {
  const { timeoutMs = 30_000, ...spawnOptions } = options;
  const child = startProcess(program, args, spawnOptions);
  const timer = setTimeout(() => child.signal("SIGKILL"), timeoutMs);
  const ending = await child.ended;
  clearTimeout(timer);
  return { ...ending, stdout: child.stdout(), stderr: child.stderr() };
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    text = (text + chunk).slice(-KEPT_OUTPUT_BYTES);
  });
  return () => text;
}

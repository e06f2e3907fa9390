import cluster, { type Worker } from "node:cluster";
import { Readable } from "node:stream";
import { EngineError } from "../model/errors.ts";
import type { DurationMs } from "../model/time.ts";
import type { Log } from "../ports/log.ts";
import type { FromWorker, Port, Ports, ToWorker } from "./messages.ts";

/** The worker's file descriptor of the pipe; the one before it is the channel's. */
export const REQUESTS_FD = 4;
/** A worker that has listened for so long has recovered: its next end counts as the first one. */
const RECOVERED_MS = 60_000;
/** A worker that says nothing for so long, also at its start, hangs: it is killed. */
const SILENCE_MS = 30_000;
/** Looks at it so often in that time: after a pause of its own the control plane has looked once before it reads. */
const LOOKS = 4;
/** Of a stop's time, for the last word of workers that have used all of theirs. */
const FAREWELL_MS = 300;

export interface FleetParts {
  readonly count: number;
  /** Path of the program that a worker runs. */
  readonly program: string;
  /** What a worker is told first, whenever one starts. */
  readonly start: () => ToWorker;
  /**
   * Takes what one worker process sends, from its start to its end: messages, and requests over a pipe of their own.
   *
   * @returns what takes the messages
   */
  readonly attach: (
    port: Port<ToWorker>,
    requests: Readable,
    worker: number,
  ) => (message: FromWorker) => void;
  /** @param ends of the worker one after the other, 1 or more */
  readonly restartDelayMs: (ends: number) => DurationMs;
  /** Default 30 s. */
  readonly silenceMs?: DurationMs;
  readonly log: Log;
}

/**
 * Receiver workers: processes that share the ports they listen on, by node:cluster. The control plane holds the listening
 * sockets and deals connections out in turn. A worker that ends is started again; one whose control plane ends, ends.
 */
export class Fleet {
  private readonly parts: FleetParts;
  private readonly members: Member[];
  /** Until all workers listen for the first time, and again from the stop on, none is started again. */
  private restarting = false;
  /** Times that a worker was started again. */
  restarts = 0;

  constructor(parts: FleetParts) {
    this.parts = parts;
    this.members = Array.from({ length: parts.count }, (_, i) => ({
      number: i + 1,
      process: null,
      listensSince: null,
      ends: 0,
      timer: null,
    }));
  }

  /** Workers that take requests now. */
  get listening(): number {
    return this.members.filter(({ listensSince }) => listensSince !== null).length;
  }

  /**
   * Resolves when all workers listen.
   *
   * @throws EngineError why one cannot; none is left then
   */
  async start(): Promise<Ports> {
    cluster.setupPrimary({
      exec: this.parts.program,
      args: [],
      serialization: "advanced",
      // Standard output belongs to decisions.
      stdio: ["ignore", "ignore", "inherit", "ipc", "pipe"],
    });
    try {
      const all = await Promise.all(
        this.members.map(
          (member) => new Promise<Ports>((resolve, reject) => this.fork(member, resolve, reject)),
        ),
      );
      this.restarting = true;
      for (const member of this.members) {
        if (member.process === null) this.ended(member, "something while others started");
      }
      return all[0] ?? { grpc: null, http: null };
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  /** To every worker. */
  post(message: ToWorker): void {
    for (const { process } of this.members) if (process !== null) portOf(process).post(message);
  }

  /** Workers finish what they have accepted and end; what is left after `deadlineMs` is killed. Safe to call twice. */
  async stop(deadlineMs: DurationMs): Promise<void> {
    this.restarting = false;
    for (const { timer } of this.members) if (timer !== null) clearTimeout(timer);
    const running = this.members.flatMap(({ process }) => process ?? []);
    const ended = running.map((worker) => new Promise((resolve) => worker.once("exit", resolve)));
    this.post({ kind: "stop", deadlineMs: Math.max(0, deadlineMs - FAREWELL_MS) });
    const timer = setTimeout(() => {
      for (const worker of running) worker.process.kill("SIGKILL");
    }, deadlineMs);
    await Promise.all(ended);
    clearTimeout(timer);
  }

  private fork(
    member: Member,
    listens: (ports: Ports) => void,
    cannot: (cause: EngineError) => void,
  ): void {
    const { parts } = this;
    const over = (how: string) => {
      if (member.listensSince === null)
        cannot(new EngineError("WORKER_FAILED", `a receiver worker ended by ${how} at its start`));
      this.ended(member, how);
    };
    const worker = born(over, parts.log);
    if (worker === null) return;
    member.process = worker;
    const port = portOf(worker);
    const receive = parts.attach(port, requestsOf(worker), member.number);
    const heard = killedWhenSilent(worker, parts.silenceMs ?? SILENCE_MS);
    worker.on("message", (message: FromWorker) => {
      heard();
      if (message.kind === "listening") {
        member.listensSince = performance.now();
        listens(message.ports);
      } else if (message.kind === "failed") {
        cannot(new EngineError(message.code, message.message));
      } else receive(message);
    });
    port.post(parts.start());
  }

  private ended(member: Member, how: string): void {
    const { log, restartDelayMs } = this.parts;
    const { process, listensSince, number } = member;
    member.process = null;
    member.listensSince = null;
    if (!this.restarting) return;
    const recovered = listensSince !== null && performance.now() - listensSince > RECOVERED_MS;
    member.ends = recovered ? 1 : member.ends + 1;
    const inMs = restartDelayMs(member.ends);
    log.error("a receiver worker has ended and is started again; senders repeat what it had", {
      worker: number,
      pid: process?.process.pid,
      how,
      inMs,
    });
    member.timer = setTimeout(() => {
      this.restarts++;
      this.fork(
        member,
        () => log.info("a receiver worker listens again", { worker: number }),
        (cause) => log.error("a receiver worker cannot start", { error: cause.message }),
      );
    }, inMs);
  }
}

interface Member {
  /** 1 and up. */
  readonly number: number;
  process: Worker | null;
  listensSince: number | null;
  /** One after the other, without having recovered. */
  ends: number;
  timer: NodeJS.Timeout | null;
}

/**
 * A new process; null when there is none, for want of file handles, processes or memory: there may be one later.
 *
 * @param over called once, when it has ended or cannot be had
 */
function born(over: (how: string) => void, log: Log): Worker | null {
  let worker: Worker;
  try {
    worker = cluster.fork();
  } catch (error) {
    over(String(error));
    return null;
  }
  const isBorn = worker.process.pid !== undefined;
  worker.once("exit", (code: number | null, signal: string | null) => {
    over(signal ?? `exit code ${code}`);
  });
  worker.on("error", (error) => {
    if (isBorn) log.error("a receiver worker cannot be reached", { error: error.message });
    // Has no exit.
    else over(error.message);
  });
  return isBorn ? worker : null;
}

/** @returns to be called whenever the worker is heard */
function killedWhenSilent(worker: Worker, silenceMs: DurationMs): () => void {
  let silentLooks = 0;
  const looking = setInterval(() => {
    silentLooks++;
    if (silentLooks === LOOKS) worker.process.kill("SIGKILL");
  }, silenceMs / LOOKS);
  worker.once("exit", () => clearInterval(looking));
  return () => {
    silentLooks = 0;
  };
}

function requestsOf(worker: Worker): Readable {
  const pipe = worker.process.stdio[REQUESTS_FD];
  if (!(pipe instanceof Readable)) throw new Error("unreachable: a worker has a pipe of requests");
  // Broken by its end, which `exit` says.
  pipe.on("error", () => undefined);
  return pipe;
}

function portOf(worker: Worker): Port<ToWorker> {
  return {
    post: (message) => {
      // It may have ended just now: its `exit` says so, and its senders repeat.
      if (worker.isConnected()) worker.process.send(message, () => undefined);
    },
  };
}

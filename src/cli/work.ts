import { Socket } from "node:net";
import { OtlpReader } from "../aggregate/otlp-reader.ts";
import { compileRules, type RuleSet } from "../aggregate/rules.ts";
import { SeriesStore } from "../aggregate/series.ts";
import { VersionTable } from "../aggregate/versions.ts";
import { REQUESTS_FD } from "../channel/fleet.ts";
import type { FromWorker, Rules, ToWorker } from "../channel/messages.ts";
import { RequestWriter } from "../channel/request-pipe.ts";
import { WorkerEnd } from "../channel/worker-end.ts";
import { EngineError } from "../model/errors.ts";
import { newReceiverCounters } from "../ports/metrics.ts";
import { BufferPool } from "../receive/assembly.ts";
import { giveHeapRoom } from "./heap-flags.ts";
import { type Receivers, startReceivers } from "./receivers.ts";

const TELL_REFUSED_MS = 250;
const TELL_ALIVE_MS = 2_000;

/** A receiver worker: `worker.ts` runs it in a process of its own, forked by the control plane. */
export class Work {
  /** Resolves when the control plane wants the worker to end, or has ended itself. */
  readonly over: Promise<void>;
  private readonly counters = newReceiverCounters();
  private readonly versions = new VersionTable();
  private reader: OtlpReader | null = null;
  private end: WorkerEnd | null = null;
  private receivers: Receivers | null = null;

  constructor() {
    this.over = new Promise((resolve) => {
      process.once("disconnect", resolve);
      process.on("message", async (message: ToWorker) => {
        if (await this.obey(message)) resolve();
      });
    });
  }

  /** @returns whether the worker's work is over */
  private async obey(message: ToWorker): Promise<boolean> {
    switch (message.kind) {
      case "start":
        return !(await this.start(message));
      case "rules":
        this.reader?.useRules(compiled(message.rules));
        return false;
      case "answers":
        this.end?.answered(message);
        return false;
      case "stop":
        await this.receivers?.stop(message.deadlineMs);
        this.end?.tellRefused();
        await allTold();
        return true;
    }
  }

  /** @returns whether it listens */
  private async start({
    receivers,
    rules,
  }: Extract<ToWorker, { kind: "start" }>): Promise<boolean> {
    const { versions, counters } = this;
    const reader = new OtlpReader({
      rules: compiled(rules),
      clock: { now: () => Date.now() },
      // Spans move no series; the control plane has those of metrics.
      series: new SeriesStore(0, 0),
      versions,
    });
    const end = new WorkerEnd({
      reader,
      versions,
      port: { post: tell },
      metrics: new RequestWriter(requestPipe(), new BufferPool()),
      refused: counters.requestsRefused,
    });
    this.reader = reader;
    this.end = end;
    setInterval(() => end.tellRefused(), TELL_REFUSED_MS).unref();
    try {
      this.receivers = await startReceivers(receivers, end, counters);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      tell({ kind: "failed", code: error.code, message: error.message });
      return false;
    }
    giveHeapRoom();
    tell({ kind: "listening", ports: this.receivers.ports });
    setInterval(() => tell({ kind: "alive" }), TELL_ALIVE_MS).unref();
    return true;
  }
}

function requestPipe(): Socket {
  const pipe = new Socket({ fd: REQUESTS_FD, readable: false, writable: true });
  // Broken when the control plane has gone: then the worker is about to end.
  pipe.on("error", () => undefined);
  return pipe;
}

function compiled({ slos, columns }: Rules): RuleSet {
  const columnOf = new Map(slos.map((slo, i) => [slo, columns[i]]));
  return compileRules(slos, (slo) => {
    const column = columnOf.get(slo);
    if (column === undefined) throw new Error(`unreachable: ${slo.name} has no column`);
    return column;
  });
}

/** What is told arrives in order: when the last word has gone out, everything has. */
function allTold(): Promise<void> {
  return new Promise((resolve) => {
    tell({ kind: "refused", byCode: {} }, resolve);
  });
}

/** To nobody when the control plane has just gone: then the worker is about to end. */
function tell(message: FromWorker, sent: () => void = () => undefined): void {
  if (process.connected) process.send?.(message, undefined, undefined, sent);
  else sent();
}

import type { DeltaConsumer } from "../ports/delta-consumer.ts";
import { addTo, type ReceiverCounters } from "../ports/metrics.ts";
import type { Encoding, OtlpConsumer } from "../ports/otlp-consumer.ts";
import { CrossedDelta } from "./delta-numbers.ts";
import type { FromWorker, Outcome, Port, ToWorker } from "./messages.ts";
import { type PlaneVersions, VersionIds } from "./version-ids.ts";

export interface PlaneParts {
  readonly consumer: OtlpConsumer & DeltaConsumer;
  readonly versions: PlaneVersions;
  readonly counters: ReceiverCounters;
}

/** The control plane's end of the channel to one worker: what the worker has read is admitted here, and answered once committed. */
export class PlaneEnd {
  private readonly parts: PlaneParts;
  private readonly port: Port<ToWorker>;
  private readonly delta: CrossedDelta;
  private readonly versionIds: VersionIds;
  private committed: number[] = [];
  private others: (readonly [number, Outcome])[] = [];
  private answering = false;

  /** @param worker number of the worker, 1 and up */
  constructor(parts: PlaneParts, port: Port<ToWorker>, worker: number) {
    this.parts = parts;
    this.port = port;
    this.delta = new CrossedDelta(worker);
    this.versionIds = new VersionIds(parts.versions);
  }

  /** The messages about requests; those about the worker itself are the fleet's. */
  receive(message: FromWorker): void {
    switch (message.kind) {
      case "deltas":
        this.takeAll(message.numbers);
        break;
      case "versions":
        for (const name of message.names) this.versionIds.add(name);
        break;
      case "refused": {
        const { requestsRefused } = this.parts.counters;
        for (const [code, count] of Object.entries(message.byCode))
          addTo(requestsRefused, code, count);
        break;
      }
    }
  }

  /** A request that was not read by the worker; `bytes` belong to the caller again on return. */
  consume(request: number, encoding: Encoding, bytes: Uint8Array): void {
    this.parts.consumer.consume("metrics", encoding, bytes, (outcome) => {
      this.answer(request, outcome);
    });
  }

  private takeAll(numbers: Float64Array): void {
    const { delta } = this;
    for (let at = 0; at < numbers.length; ) {
      at = delta.read(numbers, at, this.versionIds.byWorkers);
      this.versionIds.used(delta);
      const { request } = delta;
      this.parts.consumer.take(delta, delta.taken, (refusal) => this.answer(request, refusal));
    }
  }

  /** What one commit has answered goes out in one message. */
  private answer(request: number, outcome: Outcome): void {
    if (outcome === null) this.committed.push(request);
    else this.others.push([request, outcome]);
    if (this.answering) return;
    this.answering = true;
    setImmediate(() => {
      const { others } = this;
      const committed = Float64Array.from(this.committed);
      this.answering = false;
      this.committed = [];
      this.others = [];
      this.port.post({ kind: "answers", committed, others });
    });
  }
}

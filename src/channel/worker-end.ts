import { FIRST_VERSION } from "../model/delta.ts";
import { addTo } from "../ports/metrics.ts";
import type { Done, Encoding, OtlpConsumer, Signal } from "../ports/otlp-consumer.ts";
import type { RequestReader } from "../ports/request-reader.ts";
import { DeltaWriter } from "./delta-numbers.ts";
import type { FromWorker, Port, ToWorker } from "./messages.ts";
import type { RequestWriter } from "./request-pipe.ts";

/** Deltas beyond this many numbers (half a megabyte) are not gathered any longer. */
const GATHERED_NUMBERS = 65_536;
/** Of an id whose name was forgotten before it was told; nothing can have been counted for it. */
const NAMELESS = new Uint8Array(0);

/** Names of versions by the worker's own ids. */
export interface VersionNames {
  readonly nextId: number;
  bytesOf(id: number): Uint8Array | null;
}

/**
 * The worker's end of the channel: requests of spans are read here and cross as deltas, those of metrics cross as they are,
 * since cumulative series need one place that knows their last points. What is in flight is bounded by the receivers.
 */
export class WorkerEnd implements OtlpConsumer {
  private readonly reader: RequestReader;
  private readonly versions: VersionNames;
  private readonly port: Port<FromWorker>;
  private readonly metrics: RequestWriter;
  private readonly refused: Record<string, number>;
  private readonly waiting = new Map<number, Done>();
  private readonly deltas = new DeltaWriter();
  private requests = 0;
  private versionsSent = FIRST_VERSION;
  private flushing = false;

  /** `refused`: requests by RefusalCode; what the receivers and the reader refuse is moved from there to the control plane. */
  constructor(parts: {
    reader: RequestReader;
    versions: VersionNames;
    port: Port<FromWorker>;
    metrics: RequestWriter;
    refused: Record<string, number>;
  }) {
    this.reader = parts.reader;
    this.versions = parts.versions;
    this.port = parts.port;
    this.metrics = parts.metrics;
    this.refused = parts.refused;
  }

  consume(signal: Signal, encoding: Encoding, bytes: Uint8Array, done: Done): void {
    if (signal === "metrics") {
      const request = this.expect(done);
      this.metrics.send(request, encoding, bytes);
      return;
    }
    const refusal = this.reader.read(signal, encoding, bytes);
    if (refusal !== null) {
      addTo(this.refused, refusal.code, 1);
      done(refusal);
      return;
    }
    this.nameVersions();
    const partial = this.reader.partialSuccess();
    const request = this.expect(partial === null ? done : (outcome) => done(outcome ?? partial));
    this.deltas.add(request, this.reader.delta, this.reader.taken());
    if (this.deltas.length > GATHERED_NUMBERS) this.flush();
    else this.flushSoon();
  }

  answered({ committed, others }: Extract<ToWorker, { kind: "answers" }>): void {
    for (const request of committed) this.take(request)(null);
    for (const [request, outcome] of others) this.take(request)(outcome);
  }

  /** To be called now and then, and at the end. */
  tellRefused(): void {
    const byCode = { ...this.refused };
    if (Object.keys(byCode).length === 0) return;
    for (const code of Object.keys(byCode)) delete this.refused[code];
    this.port.post({ kind: "refused", byCode });
  }

  private expect(done: Done): number {
    const request = ++this.requests;
    this.waiting.set(request, done);
    return request;
  }

  private take(request: number): Done {
    const done = this.waiting.get(request);
    if (done === undefined) throw new Error(`unreachable: request ${request} is not waited for`);
    this.waiting.delete(request);
    return done;
  }

  private nameVersions(): void {
    const { nextId } = this.versions;
    if (nextId === this.versionsSent) return;
    const names: Uint8Array[] = [];
    for (; this.versionsSent < nextId; this.versionsSent++)
      names.push(this.versions.bytesOf(this.versionsSent) ?? NAMELESS);
    this.port.post({ kind: "versions", names });
  }

  /** What comes in one turn of the event loop goes out in one message. */
  private flushSoon(): void {
    if (this.flushing) return;
    this.flushing = true;
    setImmediate(() => {
      this.flushing = false;
      this.flush();
    });
  }

  private flush(): void {
    if (this.deltas.length === 0) return;
    this.port.post({ kind: "deltas", numbers: this.deltas.written() });
    this.deltas.clear();
  }
}

import { OtlpReader } from "../../src/aggregate/otlp-reader.ts";
import { compileRules } from "../../src/aggregate/rules.ts";
import { SeriesStore } from "../../src/aggregate/series.ts";
import { VersionTable } from "../../src/aggregate/versions.ts";
import type { FromWorker, ToWorker } from "../../src/channel/messages.ts";
import { PlaneEnd } from "../../src/channel/plane-end.ts";
import { RequestParser, RequestWriter } from "../../src/channel/request-pipe.ts";
import { WorkerEnd } from "../../src/channel/worker-end.ts";
import type { Slo } from "../../src/model/slo.ts";
import type { Encoding, Signal } from "../../src/ports/otlp-consumer.ts";
import { BufferPool } from "../../src/receive/assembly.ts";
import { type IngestRig, NOW, type Outcome } from "./ingest-rig.ts";

/** A receiver worker joined to the control plane of an IngestRig. Messages are copied, and cross in a later turn, as between processes. */
export class RigWorker {
  /** Messages that have crossed, by kind. */
  readonly crossed: string[] = [];
  readonly refused: Record<string, number> = {};
  readonly end: WorkerEnd;
  private readonly reader: OtlpReader;
  private readonly versions = new VersionTable();
  private alive = true;

  constructor(plane: IngestRig, slos: readonly Slo[], number: number) {
    this.reader = new OtlpReader({
      rules: compileRules(slos, (slo) => slos.indexOf(slo)),
      clock: { now: () => plane.now },
      series: new SeriesStore(NOW, 10_000),
      versions: this.versions,
    });
    const later = <Message extends { readonly kind: string }>(
      receive: (message: Message) => void,
    ) => ({
      post: (message: Message) => {
        const copy = structuredClone(message);
        setImmediate(() => {
          if (!this.alive) return;
          this.crossed.push(copy.kind);
          receive(copy);
        });
      },
    });
    const planeEnd = new PlaneEnd(
      plane,
      later<ToWorker>((message) => {
        if (message.kind === "answers") this.end.answered(message);
      }),
      number,
    );
    const pool = new BufferPool();
    const parser = new RequestParser(pool, (...request) => planeEnd.consume(...request));
    const cross = (bytes: Uint8Array, written: () => void) => {
      const copy = Buffer.from(bytes);
      setImmediate(() => {
        if (this.alive) parser.read(copy);
        written();
      });
    };
    this.end = new WorkerEnd({
      reader: this.reader,
      versions: this.versions,
      port: later<FromWorker>((message) => planeEnd.receive(message)),
      refused: this.refused,
      metrics: new RequestWriter({ write: cross }, pool),
    });
  }

  useSlos(slos: readonly Slo[]): void {
    this.reader.useRules(compileRules(slos, (slo) => slos.indexOf(slo)));
  }

  /** Nothing crosses any more, in either direction. */
  die(): void {
    this.alive = false;
  }

  send(signal: Signal, encoding: Encoding, bytes: Uint8Array): Promise<Outcome> {
    return new Promise((resolve) => {
      const own = Uint8Array.from(bytes);
      this.end.consume(signal, encoding, own, resolve);
      // They belong to the receiver again.
      own.fill(0xff);
    });
  }

  spans(bytes: Uint8Array, encoding: Encoding = "protobuf"): Promise<Outcome> {
    return this.send("traces", encoding, bytes);
  }
}

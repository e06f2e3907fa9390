import type { PartialSuccess, Refusal } from "../model/refusal.ts";
import { addTo, type ReceiverCounters } from "../ports/metrics.ts";
import type { Encoding, OtlpConsumer, Signal } from "../ports/otlp-consumer.ts";
import { Assembly, BufferPool } from "./assembly.ts";
import { gunzip } from "./gunzip.ts";
import type { InFlight } from "./limits.ts";
import { failed, type SizeLimit, TOO_SLOW } from "./refusals.ts";

/**
 * JSON becomes objects before it becomes counts: ten to twenty times its size in memory, and a second in which nothing else
 * is done. 16 MiB of it is some ten thousand spans. `decode/json.ts` bounds how much there may be in it.
 */
const MAX_JSON_BYTES = 16 * 1024 * 1024;

/** What the requests of one receiver share. */
export class Intake {
  readonly consumer: OtlpConsumer;
  readonly limits: InFlight;
  readonly pool = new BufferPool();
  /** The largest request of each encoding, as sent and after decompression. */
  readonly sizes: Readonly<Record<Encoding, SizeLimit>>;
  /** Read by the receiver when it stops; new requests are refused from then on. */
  stopping = false;
  private readonly open = new Set<OpenRequest>();
  private readonly counters: ReceiverCounters | null;
  private readonly readTimeoutMs: number;
  private idle: (() => void) | null = null;
  /** Steps of a quarter of the read timeout: cheaper than a timer per request. */
  private sweeps = 0;
  private readonly sweeper: NodeJS.Timeout;

  constructor(parts: {
    consumer: OtlpConsumer;
    limits: InFlight;
    counters: ReceiverCounters | null;
    maxMessageBytes: number;
    readTimeoutMs: number;
  }) {
    this.consumer = parts.consumer;
    this.limits = parts.limits;
    this.counters = parts.counters;
    const protobuf = { maxBytes: parts.maxMessageBytes, source: "max_recv_msg_size_mib" };
    const json = {
      maxBytes: MAX_JSON_BYTES,
      source: "the most of OTLP/JSON; protobuf may be larger",
    };
    this.sizes = { protobuf, json: protobuf.maxBytes <= MAX_JSON_BYTES ? protobuf : json };
    this.readTimeoutMs = parts.readTimeoutMs;
    this.sweeper = setInterval(() => this.sweep(), this.readTimeoutMs / SWEEPS_PER_TIMEOUT);
    this.sweeper.unref();
  }

  add(request: OpenRequest): void {
    request.openedAtSweep = this.sweeps;
    this.open.add(request);
  }

  remove(request: OpenRequest): void {
    this.open.delete(request);
    if (this.open.size === 0 && this.idle !== null) this.idle();
  }

  count(refusal: Refusal): void {
    if (this.counters !== null) addTo(this.counters.requestsRefused, refusal.code, 1);
  }

  /** Resolves when no request is open, at the latest after `deadlineMs`. */
  drained(deadlineMs: number): Promise<void> {
    if (this.open.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, deadlineMs);
      this.idle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  close(): void {
    clearInterval(this.sweeper);
  }

  private sweep(): void {
    this.sweeps += 1;
    for (const request of this.open) {
      if (this.sweeps - request.openedAtSweep > SWEEPS_PER_TIMEOUT) request.expire();
    }
  }
}

const SWEEPS_PER_TIMEOUT = 4;

/**
 * One request from its first byte to its `done`, whatever carries it:
 * reading -> (unpacking) -> handed over -> over. `intake.limits.begin` has been called for it; all it holds
 * is ended exactly once. A subclass reads the carrier's framing and writes the answer.
 */
export abstract class OpenRequest {
  /** Of the intake's clock of sweeps. */
  openedAtSweep = 0;
  protected readonly intake: Intake;
  protected readonly signal: Signal;
  protected readonly encoding: Encoding;
  protected readonly assembly: Assembly;
  protected state: "reading" | "unpacking" | "handed-over" | "over" = "reading";
  private heldBytes = 0;
  private hasGone = false;

  constructor(intake: Intake, signal: Signal, encoding: Encoding) {
    this.intake = intake;
    this.signal = signal;
    this.encoding = encoding;
    this.assembly = new Assembly(intake.pool);
    intake.add(this);
  }

  /** Writes the answer, if the sender is still there. Called at most once; never throws. */
  protected abstract answer(outcome: Refusal | PartialSuccess | null): void;

  /**
   * Keeps a chunk of the request. False: it is not wanted any more, or there is no room for it and the request has been
   * refused.
   *
   * @param expectedBytes of the whole request, as far as its sender has told
   */
  protected keep(chunk: Buffer, expectedBytes: number): boolean {
    if (this.state !== "reading") return false;
    const bytes = this.assembly.wants(chunk.length, expectedBytes);
    const refusal = bytes === 0 ? null : this.intake.limits.grow(bytes);
    if (refusal !== null) {
      this.refuse(refusal);
      return false;
    }
    this.heldBytes += bytes;
    this.assembly.append(chunk, expectedBytes);
    return true;
  }

  /** What the receiver itself refuses; the consumer counts its own refusals. */
  protected refuse(refusal: Refusal): void {
    if (this.state === "over") return;
    this.intake.count(refusal);
    this.end();
    this.answer(refusal);
  }

  protected unpack(compressed: Buffer): void {
    this.state = "unpacking";
    const { sizes, limits } = this.intake;
    gunzip(compressed, sizes[this.encoding], limits, (bytes, refusal, grown) => {
      this.assembly.release();
      this.heldBytes += grown;
      if (this.hasGone) this.end();
      else if (refusal === null) this.handOver(bytes);
      else this.refuse(refusal);
    });
  }

  /** `bytes` may be reused as soon as this returns. */
  protected handOver(bytes: Uint8Array): void {
    this.state = "handed-over";
    try {
      this.intake.consumer.consume(this.signal, this.encoding, bytes, this.done);
    } catch (error) {
      this.refuse(failed(error));
    }
    this.assembly.release();
  }

  private readonly done = (outcome: Refusal | PartialSuccess | null): void => {
    if (this.state === "over") return;
    this.end();
    this.answer(outcome);
  };

  /** The sender has gone. What is being unpacked stays in flight until it is, what was handed over until its `done`. */
  protected abandoned(): void {
    if (this.state === "reading") this.end();
    this.hasGone = true;
  }

  /** Only reading can take too long: it is the sender who does it. */
  expire(): void {
    if (this.state === "reading") this.refuse(TOO_SLOW);
  }

  private end(): void {
    // What is unpacked is released already, what the consumer reads is when it has.
    if (this.state === "reading") this.assembly.release();
    this.state = "over";
    this.intake.limits.end(this.heldBytes);
    this.intake.remove(this);
  }
}

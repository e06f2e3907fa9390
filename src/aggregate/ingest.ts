import type { RequestDelta, Taken } from "../model/delta.ts";
import type { Refusal } from "../model/refusal.ts";
import type { Admission, Admitted } from "../ports/admission.ts";
import type { Clock } from "../ports/clock.ts";
import type { DeltaConsumer } from "../ports/delta-consumer.ts";
import { addTo, type ReceiverCounters } from "../ports/metrics.ts";
import type { Done, Encoding, OtlpConsumer, Signal } from "../ports/otlp-consumer.ts";
import { OtlpReader } from "./otlp-reader.ts";
import type { RuleSet } from "./rules.ts";
import type { SeriesStore } from "./series.ts";
import type { VersionTable } from "./versions.ts";

/**
 * The hot path on one page: bytes -> read (`otlp-reader.ts`) -> admission -> done; of what receiver workers have read, the
 * second half. Counters move only when the request is admitted.
 */
export class Ingest implements OtlpConsumer, DeltaConsumer {
  private readonly reader: OtlpReader;
  private readonly admission: Admission;
  private readonly counters: ReceiverCounters;
  private readonly series: SeriesStore;

  constructor(parts: {
    rules: RuleSet;
    admission: Admission;
    clock: Clock;
    counters: ReceiverCounters;
    series: SeriesStore;
    versions: VersionTable;
  }) {
    this.reader = new OtlpReader(parts);
    this.admission = parts.admission;
    this.counters = parts.counters;
    this.series = parts.series;
  }

  /** Rules for all requests from now on; series and versions are kept. */
  useRules(rules: RuleSet): void {
    this.reader.useRules(rules);
  }

  consume(signal: Signal, encoding: Encoding, bytes: Uint8Array, done: Done): void {
    const { reader } = this;
    const refusal = reader.read(signal, encoding, bytes);
    if (refusal !== null) {
      addTo(this.counters.requestsRefused, refusal.code, 1);
      done(refusal);
      return;
    }
    const partial = reader.partialSuccess();
    this.take(reader.delta, reader.taken(), (late) => done(late ?? partial));
  }

  take(delta: RequestDelta, taken: Taken, done: (refusal: Refusal | null) => void): void {
    const { series, counters } = this;
    // Only what was read here can have moved series, and be the request that `rollback` takes back.
    const moved = delta.baseLines !== undefined;
    let admitted: Admitted | null = null;
    let mark = 0;
    const answer = (refusal: Refusal | null) => {
      if (admitted === "admitted") {
        // A commit that fails takes all that was admitted after it along: what they moved is one chain.
        if (refusal === null) series.settle(mark);
        else series.rollbackUnsettled();
      }
      if (refusal !== null) addTo(counters.requestsRefused, refusal.code, 1);
      else if (admitted === "duplicate") counters.requestsDuplicate++;
      else count(counters, taken);
      done(refusal);
    };
    // The sender hears of it once everything here is settled, also when the commit is immediate.
    let early: Refusal | null | undefined;
    const verdict = this.admission.admit(delta, (refusal) => {
      if (admitted === null) early = refusal;
      else answer(refusal);
    });
    // One that moved nothing may be answered before the commit of an earlier one, which has yet to settle its own.
    if (moved && verdict === "admitted") mark = series.keep();
    else if (moved) series.rollback();
    admitted = verdict;
    if (early !== undefined) answer(early);
  }
}

function count(counters: ReceiverCounters, taken: Taken): void {
  counters.requestsAccepted++;
  counters.bytesAccepted += taken.bytes;
  counters.spansAccepted += taken.spans;
  counters.pointsAccepted += taken.points;
  counters.spansUnmatched += taken.unmatched;
  counters.late += taken.late;
  counters.skewed += taken.skewed;
  counters.unverified += taken.unverified;
  for (const [reason, items] of Object.entries(taken.refused)) {
    addTo(counters.itemsRefused, reason, items);
  }
}

import { Ingest } from "../../src/aggregate/ingest.ts";
import { compileRules } from "../../src/aggregate/rules.ts";
import { SeriesStore } from "../../src/aggregate/series.ts";
import { VersionTable } from "../../src/aggregate/versions.ts";
import { FingerprintMemory } from "../../src/journal/fingerprints.ts";
import type { RequestDelta } from "../../src/model/delta.ts";
import { COUNT_UNIT } from "../../src/model/delta.ts";
import type { Matcher } from "../../src/model/matcher.ts";
import type { PartialSuccess, Refusal } from "../../src/model/refusal.ts";
import type { Indicator, MetricSelector, Slo } from "../../src/model/slo.ts";
import type { UnixMs } from "../../src/model/time.ts";
import type { Admission } from "../../src/ports/admission.ts";
import { newReceiverCounters } from "../../src/ports/metrics.ts";
import type { Encoding, Signal } from "../../src/ports/otlp-consumer.ts";
import { MemoryAdmission } from "./memory-admission.ts";

/** 2026-05-04T10:00:00Z. */
export const NOW: UnixMs = Date.UTC(2026, 4, 4, 10);
export const NOW_S = NOW / 1000;

/** A cell of a delta, in requests; the version by name. */
export interface Cell {
  readonly slo: string;
  readonly version: string;
  readonly second: number;
  readonly total: number;
  readonly bad: number;
  readonly rawBad: number;
  readonly badSquares: number;
}

export type Outcome = Refusal | PartialSuccess | null;

/** An SLO of which only the parts that ingestion reads are real. */
export function sloOf(name: string, indicator: Indicator): Slo {
  return { name, displayName: name, service: name, objective: 0.999, indicator } as Slo;
}

export function spanSlo(name: string, total: Matcher, bad: Matcher): Slo {
  return sloOf(name, { signal: "spans", total, bad, good: null });
}

/** A metric SLO of `service`; selectors default to one metric without conditions. */
export function metricSlo(
  name: string,
  parts: {
    readonly total: Partial<MetricSelector>;
    readonly bad?: Partial<MetricSelector>;
    readonly good?: Partial<MetricSelector>;
  },
): Slo {
  const selector = (part: Partial<MetricSelector>): MetricSelector => ({
    metrics: ["requests"],
    where: { all: [] },
    threshold: null,
    ...part,
  });
  return sloOf(name, {
    signal: "metrics",
    total: selector(parts.total),
    bad: parts.bad === undefined ? null : selector(parts.bad),
    good: parts.good === undefined ? null : selector(parts.good),
  });
}

/** Everything between request bytes and admitted cells, with a clock the test holds. */
export class IngestRig {
  readonly counters = newReceiverCounters();
  readonly versions: VersionTable;
  readonly series: SeriesStore;
  readonly admission: Admission;
  /** Cells of all admitted requests, in order; those of one request are sorted. */
  readonly cells: Cell[] = [];
  now = NOW;
  readonly consumer: Ingest;
  private slos: readonly Slo[];

  constructor(
    slos: readonly Slo[],
    options: {
      readonly listeningSince?: UnixMs;
      readonly seriesLimit?: number;
      readonly versionLimit?: number;
      readonly admission?: Admission;
    } = {},
  ) {
    this.slos = slos;
    this.versions = new VersionTable(options.versionLimit ?? 100);
    this.series = new SeriesStore(
      options.listeningSince ?? NOW - 60_000,
      options.seriesLimit ?? 10_000,
    );
    this.admission =
      options.admission ??
      new MemoryAdmission(
        (delta) => this.cells.push(...this.cellsOf(delta)),
        new FingerprintMemory(1_000),
      );
    this.consumer = new Ingest({
      rules: compileRules(slos, (slo) => slos.indexOf(slo)),
      admission: this.admission,
      clock: { now: () => this.now },
      counters: this.counters,
      series: this.series,
      versions: this.versions,
    });
  }

  /** Compiles these instead; an SLO keeps its column by its place in the list, and counts since the beginning unless said. */
  useSlos(slos: readonly Slo[], since: Readonly<Record<string, UnixMs>> = {}): void {
    this.slos = slos;
    const sinceOf = (slo: Slo) => since[slo.name] ?? 0;
    this.consumer.useRules(compileRules(slos, (slo) => slos.indexOf(slo), sinceOf));
  }

  /** What the sender is answered. */
  send(signal: Signal, encoding: Encoding, bytes: Uint8Array): Outcome {
    const answers: Outcome[] = [];
    this.consumer.consume(signal, encoding, bytes, (outcome) => answers.push(outcome));
    if (answers.length !== 1) throw new Error(`done was called ${answers.length} times`);
    return answers[0]!;
  }

  spans(bytes: Uint8Array, encoding: Encoding = "protobuf"): Outcome {
    return this.send("traces", encoding, bytes);
  }

  metrics(bytes: Uint8Array, encoding: Encoding = "protobuf"): Outcome {
    return this.send("metrics", encoding, bytes);
  }

  /** Sums over all cells, of one SLO or all. */
  sum(slo?: string): { total: number; bad: number; rawBad: number; badSquares: number } {
    const sum = { total: 0, bad: 0, rawBad: 0, badSquares: 0 };
    for (const cell of this.cells) {
      if (slo !== undefined && cell.slo !== slo) continue;
      sum.total += cell.total;
      sum.bad += cell.bad;
      sum.rawBad += cell.rawBad;
      sum.badSquares += cell.badSquares;
    }
    return sum;
  }

  /** Total and bad, the numbers most tests are about; and forgets them. */
  take(slo?: string): [total: number, bad: number] {
    const { total, bad } = this.sum(slo);
    this.cells.length = 0;
    return [total, bad];
  }

  private cellsOf(delta: RequestDelta): Cell[] {
    const cells = Array.from({ length: delta.length }, (_, i) => ({
      slo: this.slos[delta.slo[i]!]!.name,
      version: this.versions.nameOf(delta.version[i]!),
      second: delta.second[i]!,
      total: delta.total[i]! / COUNT_UNIT,
      bad: delta.bad[i]! / COUNT_UNIT,
      rawBad: delta.rawBad[i]!,
      badSquares: delta.badSquares[i]!,
    }));
    const key = (cell: Cell) => `${cell.slo} ${cell.version} ${cell.second}`;
    return cells.sort((a, b) => (key(a) < key(b) ? -1 : 1));
  }
}

import { jsonToProtobuf } from "../decode/json.ts";
import { MetricsDecoder } from "../decode/metrics.ts";
import type { PointRecord } from "../decode/point-record.ts";
import { STRING } from "../decode/slot-types.ts";
import type { SpanRecord } from "../decode/span-record.ts";
import { TraceDecoder } from "../decode/traces.ts";
import { FAULT_TEXT, NO_FAULT, nanosToSecond, TOO_MANY_ITEMS } from "../decode/wire.ts";
import { COUNT_UNIT, NO_VERSION, type Taken } from "../model/delta.ts";
import type { PartialSuccess, Refusal } from "../model/refusal.ts";
import type { UnixSecond } from "../model/time.ts";
import type { Clock } from "../ports/clock.ts";
import type { Encoding, Signal } from "../ports/otlp-consumer.ts";
import type { RequestReader } from "../ports/request-reader.ts";
import { isWithoutValue, PointCounts, type PointRefusal } from "./point-counts.ts";
import {
  type PointRule,
  type RuleSet,
  SERVICE_NAME,
  SERVICE_VERSION,
  type SpanRule,
} from "./rules.ts";
import { adjustedCount } from "./sampling.ts";
import type { SeriesStore } from "./series.ts";
import { MAX_CELLS, Tally } from "./tally.ts";
import type { VersionTable } from "./versions.ts";

/** A span may be ahead of our clock by this much and still count, in the second it arrived. */
export const MAX_SKEW_S = 3600;
/** Data older than the longest tier (744 h) has nowhere to go. */
export const MAX_AGE_S = 744 * 3600;
/** The finest windows reach back this far: what is older was late. */
const LATE_S = 300;
/** Retries older than the memory of fingerprints cannot be recognised. */
const UNVERIFIED_S = 900;

/**
 * Reads requests: bytes -> decode -> classify -> tally. One at a time, synchronously; nothing is allocated per span. What the
 * last one said stands in `delta`, `taken` and `partialSuccess` until the next one is read.
 */
export class OtlpReader implements RequestReader {
  readonly delta = new Tally();
  private readonly pointCounts = new PointCounts();
  private readonly clock: Clock;
  private readonly series: SeriesStore;
  private readonly versions: VersionTable;
  private rules: RuleSet;
  private traces: TraceDecoder;
  private metrics: MetricsDecoder;
  /** Of the resource being walked: its rules, and its version once one of them has matched. */
  private spanRules: SpanRule[] = [];
  private pointRules: PointRule[] = [];
  /** Those of `pointRules` that read the metric being walked. */
  private readonly metricRules: PointRule[] = [];
  private metricOfRules = -1;
  private version = NO_VERSION;
  /** Of the request being walked. */
  private signal: Signal = "traces";
  private byteLength = 0;
  private nowSecond: UnixSecond = 0;
  private spans = 0;
  /** Spans of resources that no rule asks for. */
  private unmatched = 0;
  private late = 0;
  private skewed = 0;
  private unverified = 0;
  private future = 0;
  private tooOld = 0;
  private readonly refusedPoints = { "no-bucket-bound": 0, "series-limit": 0, unusable: 0 };

  constructor(parts: {
    rules: RuleSet;
    clock: Clock;
    series: SeriesStore;
    versions: VersionTable;
  }) {
    this.clock = parts.clock;
    this.series = parts.series;
    this.versions = parts.versions;
    this.rules = parts.rules;
    this.traces = this.traceDecoder();
    this.metrics = this.metricsDecoder();
  }

  /** Rules for all requests from now on; series and versions are kept. */
  useRules(rules: RuleSet): void {
    this.rules = rules;
    this.traces = this.traceDecoder();
    this.metrics = this.metricsDecoder();
  }

  read(signal: Signal, encoding: Encoding, bytes: Uint8Array): Refusal | null {
    let wire = bytes;
    if (encoding === "json") {
      const converted = jsonToProtobuf(signal, bytes);
      if ("problem" in converted) return refused(converted.code, converted.problem);
      wire = converted.bytes;
    }
    this.signal = signal;
    this.byteLength = bytes.length;
    this.begin();
    const fault = signal === "traces" ? this.traces.decode(wire) : this.metrics.decode(wire);
    if (fault === NO_FAULT && !this.delta.overflowed) {
      this.delta.baseLines = this.series.moved();
      return null;
    }
    this.series.rollback();
    if (fault === NO_FAULT) return TOO_MANY_CELLS;
    return fault === TOO_MANY_ITEMS
      ? refused("too-large", `${FAULT_TEXT[fault]}; send smaller batches`)
      : refused("malformed", `not an OTLP ${signal} request: ${FAULT_TEXT[fault]}`);
  }

  taken(): Taken {
    const rejected = this.rejected();
    return {
      bytes: this.byteLength,
      spans: this.signal === "traces" ? this.spans - rejected : 0,
      points: this.signal === "metrics" ? this.metrics.points - rejected : 0,
      unmatched: this.unmatched,
      late: this.late,
      skewed: this.skewed,
      unverified: this.unverified,
      refused: { ...this.refusedPoints, future: this.future, "too-old": this.tooOld },
    };
  }

  partialSuccess(): PartialSuccess | null {
    const bound = this.refusedPoints["no-bucket-bound"];
    const limit = this.refusedPoints["series-limit"];
    const { unusable } = this.refusedPoints;
    const rejected = this.rejected();
    if (rejected === 0) return null;
    const reasons: string[] = [];
    if (this.future > 0) reasons.push(`${this.future} more than 1 h ahead of the receiver's clock`);
    if (this.tooOld > 0) reasons.push(`${this.tooOld} older than 31 days`);
    if (bound > 0)
      reasons.push(`${bound} histograms without a bucket bound at the SLO's threshold`);
    if (limit > 0)
      reasons.push(`${limit} beyond the limit of ${this.series.limit} series (state.max_series)`);
    if (unusable > 0)
      reasons.push(`${unusable} not countable (non-monotonic or without temporality)`);
    return { rejected, message: `not counted: ${reasons.join("; ")}` };
  }

  private begin(): void {
    const now = this.clock.now();
    this.nowSecond = Math.floor(now / 1000);
    this.delta.begin(now);
    this.series.begin(now);
    this.spans = 0;
    this.unmatched = 0;
    this.late = 0;
    this.skewed = 0;
    this.unverified = 0;
    this.future = 0;
    this.tooOld = 0;
    this.refusedPoints["no-bucket-bound"] = 0;
    this.refusedPoints["series-limit"] = 0;
    this.refusedPoints.unusable = 0;
  }

  private rejected(): number {
    const { "no-bucket-bound": bound, "series-limit": limit, unusable } = this.refusedPoints;
    return this.future + this.tooOld + bound + limit + unusable;
  }

  private traceDecoder(): TraceDecoder {
    return new TraceDecoder(this.rules.resourceKeys, this.rules.spanKeys, {
      resource: (record) => this.spanResource(record),
      span: (record) => this.span(record),
    });
  }

  private metricsDecoder(): MetricsDecoder {
    const { resourceKeys, pointKeys, metricNames } = this.rules;
    return new MetricsDecoder(resourceKeys, pointKeys, metricNames, {
      resource: (record) => this.pointResource(record),
      point: (record) => this.point(record),
    });
  }

  private spanResource(record: SpanRecord): void {
    this.spanRules.length = 0;
    const found = this.find(this.rules.spans, record);
    for (let i = 0; i < found.length; i++) {
      const rule = found[i]!;
      if (rule.resource(record)) this.spanRules.push(rule);
    }
    this.version = this.spanRules.length > 0 ? this.versionOf(record) : NO_VERSION;
  }

  private span(record: SpanRecord): void {
    this.spans++;
    this.delta.identity.addSpan(record);
    const rules = this.spanRules;
    if (rules.length === 0) this.unmatched++;
    let second = -1;
    let weight = COUNT_UNIT;
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i]!;
      if (!rule.total(record)) continue;
      if (second < 0) {
        second = this.landing(nanosToSecond(record.endHi, record.endLo));
        if (second < 0) return;
        if (record.traceStateEnd > record.traceStateStart) {
          weight = adjustedCount(record.bytes, record.traceStateStart, record.traceStateEnd);
        }
      }
      this.delta.addSpan(this.cellOf(rule, second), weight, rule.judge(record) === rule.judgesBad);
    }
  }

  private cellOf(rule: SpanRule, second: UnixSecond): number {
    const { delta: tally } = this;
    const last = rule.lastCell;
    if (
      last >= 0 &&
      last < tally.length &&
      tally.second[last] === second &&
      tally.slo[last] === rule.slo &&
      tally.version[last] === this.version
    ) {
      return last;
    }
    const cell = tally.cell(rule.slo, this.version, second);
    rule.lastCell = cell;
    return cell;
  }

  private pointResource(record: PointRecord): void {
    this.pointRules.length = 0;
    this.metricOfRules = -1;
    const found = this.find(this.rules.points, record);
    for (let i = 0; i < found.length; i++) {
      const rule = found[i]!;
      if (rule.resource(record)) this.pointRules.push(rule);
    }
    this.version = this.pointRules.length > 0 ? this.versionOf(record) : NO_VERSION;
  }

  private point(record: PointRecord): void {
    this.delta.identity.addPoint(record);
    if (isWithoutValue(record)) return;
    const rules = this.rulesOf(record.metric);
    const counts = this.pointCounts;
    let second = -1;
    let refused: PointRefusal | null = null;
    for (let i = 0; i < rules.length; ) {
      // The rules of one SLO stand together: they were added one after the other.
      const { slo } = rules[i]!;
      counts.begin();
      for (; i < rules.length && rules[i]!.slo === slo; i++) {
        const rule = rules[i]!;
        if (rule.where(record)) counts.select(rule);
      }
      if (counts.isEmpty()) continue;
      if (second < 0) {
        second = this.landing(nanosToSecond(record.timeHi, record.timeLo));
        if (second < 0) return;
      }
      const refusal = counts.addTo(this.delta, record, second, this.version, this.series);
      refused ??= refusal;
    }
    // However many SLOs could not use it, the sender is told of one point.
    if (refused !== null) this.refusedPoints[refused]++;
  }

  /** Points of one metric come together: its rules are looked for once. */
  private rulesOf(metric: number): readonly PointRule[] {
    const { metricRules } = this;
    if (metric !== this.metricOfRules) {
      this.metricOfRules = metric;
      metricRules.length = 0;
      for (const rule of this.pointRules) if (rule.metrics.has(metric)) metricRules.push(rule);
    }
    return metricRules;
  }

  /** The second an event counts in, or -1 when it is refused for its time. */
  private landing(second: UnixSecond): number {
    const now = this.nowSecond;
    if (second > now) {
      if (second > now + MAX_SKEW_S) {
        this.future++;
        return -1;
      }
      this.skewed++;
      return now;
    }
    if (second < now - LATE_S) {
      if (second < now - MAX_AGE_S) {
        this.tooOld++;
        return -1;
      }
      this.late++;
      if (second < now - UNVERIFIED_S) this.unverified++;
    }
    return second;
  }

  private find<Rule>(
    index: { find(bytes: Uint8Array, start: number, end: number): readonly Rule[] },
    record: SpanRecord | PointRecord,
  ): readonly Rule[] {
    const resource = record.resource;
    const named = resource.typeOf(SERVICE_NAME) === STRING;
    return index.find(
      record.bytes,
      named ? resource.start[SERVICE_NAME]! : 0,
      named ? resource.end[SERVICE_NAME]! : 0,
    );
  }

  private versionOf(record: SpanRecord | PointRecord): number {
    const resource = record.resource;
    if (resource.typeOf(SERVICE_VERSION) !== STRING) return NO_VERSION;
    return this.versions.idOf(
      record.bytes,
      resource.start[SERVICE_VERSION]!,
      resource.end[SERVICE_VERSION]!,
      this.delta.receivedAt,
    );
  }
}

function refused(code: Refusal["code"], message: string): Refusal {
  return { code, message, retryAfterMs: null };
}

const TOO_MANY_CELLS: Refusal = {
  code: "too-large",
  message: `the request spreads over more than ${MAX_CELLS} pairs of SLO and second`,
  retryAfterMs: null,
};

import { AttributeRuns } from "./attribute-runs.ts";
import * as F from "./fields.ts";
import { Hash128 } from "./hash128.ts";
import type { KeyTable } from "./key-table.ts";
import * as pointRecord from "./point-record.ts";
import { PointRecord } from "./point-record.ts";
import { readExpHistogramPoint, readHistogramPoint, readNumberPoint } from "./points.ts";
import { type ItemWalker, walkItems } from "./resource.ts";
import * as wire from "./wire.ts";
import { type Fault, WireReader } from "./wire.ts";

// Compiled in as numbers: an imported constant is looked up at every use (decision D-072).
const { DATA_POINTS, DATA_TEMPORALITY } = F;
const { EXP_HISTOGRAM, GAUGE, HISTOGRAM, SUM } = pointRecord;
const { NO_FAULT, TOO_MANY_ITEMS, WRONG_WIRE_TYPE } = wire;

/** Told of every wanted data point; reads the decoder's one `record` and keeps nothing of it. */
export interface PointVisitor {
  resource(record: PointRecord): void;
  point(record: PointRecord): void;
}

/** Tags of the `data` oneof of Metric, and which record type they are. */
const SUMMARY = 5;
/** Tells the hash of an attribute from that of a scope or a name of the same bytes. */
const ATTRIBUTE_SALT = 4;
const DATA_TYPE: Readonly<Record<number, number>> = {
  [F.METRIC_GAUGE]: GAUGE,
  [F.METRIC_SUM]: SUM,
  [F.METRIC_HISTOGRAM]: HISTOGRAM,
  [F.METRIC_EXP_HISTOGRAM]: EXP_HISTOGRAM,
  [F.METRIC_SUMMARY]: SUMMARY,
};

/** Walks ExportMetricsServiceRequest bytes. Points of metrics no rule names are counted, not read. */
export class MetricsDecoder implements ItemWalker {
  readonly record: PointRecord;
  /** Data points in the last request, wanted or not. */
  points = 0;
  private readonly reader = new WireReader();
  private readonly hash = new Hash128();
  private readonly runs = new AttributeRuns();
  private readonly runSum = new Int32Array(4);
  private readonly names: KeyTable;
  private readonly visitor: PointVisitor;
  /** Sum of the hashes of the parts seen so far: of the resource, then of the scope, then of the metric. */
  private readonly resourceHash = new Int32Array(4);
  private readonly scopeHash = new Int32Array(4);
  private readonly metricHash = new Int32Array(4);

  constructor(
    resourceKeys: KeyTable,
    pointKeys: KeyTable,
    metricNames: KeyTable,
    visitor: PointVisitor,
  ) {
    this.record = new PointRecord(resourceKeys, pointKeys);
    this.names = metricNames;
    this.visitor = visitor;
  }

  /** As TraceDecoder.decode: after a fault the caller drops the whole request. */
  decode(bytes: Uint8Array): Fault {
    const reader = this.reader;
    reader.reset(bytes);
    this.record.bytes = bytes;
    this.record.view = reader.view;
    this.points = 0;
    walkItems(reader, this.record.resource, this);
    return reader.fault;
  }

  resource(reader: WireReader, start: number, end: number): void {
    this.resourceHash.fill(0);
    reader.pos = start;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === F.RESOURCE_X_RESOURCE) {
        const stop = reader.lengthEnd(end);
        while (reader.pos < stop) {
          const inner = reader.tag(stop);
          if (inner === F.RESOURCE_ATTRIBUTES) {
            this.addRange(this.resourceHash, reader, reader.lengthEnd(stop), 1);
          } else reader.skip(inner, stop);
        }
      } else reader.skip(tag, end);
    }
    if (reader.fault === NO_FAULT) this.visitor.resource(this.record);
  }

  scope(reader: WireReader, end: number): void {
    this.scopeHash.set(this.resourceHash);
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === F.SCOPE_X_SCOPE) this.addScope(reader, reader.lengthEnd(end));
      else reader.skip(tag, end);
    }
  }

  /** Field by field: some encoders write an empty version and others none, and both mean the same scope. */
  private addScope(reader: WireReader, end: number): void {
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === F.SCOPE_NAME || tag === F.SCOPE_VERSION || tag === F.SCOPE_ATTRIBUTES) {
        const stop = reader.lengthEnd(end);
        if (stop > reader.pos) this.addRange(this.scopeHash, reader, stop, tag);
      } else reader.skip(tag, end);
    }
  }

  item(reader: WireReader, end: number): void {
    const start = reader.pos;
    const record = this.record;
    record.metric = -1;
    record.nameStart = 0;
    record.nameEnd = 0;
    record.unitSeconds = 0;
    let type = 0;
    // Name and unit may come after the data: the first pass learns them, the second reads points.
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === F.METRIC_NAME) {
        record.nameEnd = reader.lengthEnd(end);
        record.nameStart = reader.pos;
        reader.pos = record.nameEnd;
      } else if (tag === F.METRIC_UNIT) {
        const stop = reader.lengthEnd(end);
        record.unitSeconds = unitSeconds(reader.bytes, reader.pos, stop);
        reader.pos = stop;
      } else if (DATA_TYPE[tag] !== undefined) {
        type = tag;
        reader.pos = reader.lengthEnd(end);
      } else if (isKnownMetricField(tag >>> 3)) reader.fail(WRONG_WIRE_TYPE);
      else reader.skip(tag, end);
    }
    if (reader.fault !== NO_FAULT || type === 0) return;
    record.metric = this.names.find(reader.view, record.nameStart, record.nameEnd);
    record.type = DATA_TYPE[type]!;
    if (record.metric >= 0) {
      this.metricHash.set(this.scopeHash);
      reader.pos = record.nameStart;
      this.addRange(this.metricHash, reader, record.nameEnd, 3);
      // Streams of one name and different kinds are different series.
      this.metricHash[0]! += Math.imul(record.type, 0x9e3779b1);
    }
    reader.pos = start;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      // A second `data` of another kind replaces the first: the last one counts, as in a oneof.
      if (tag === type) this.readData(reader, reader.lengthEnd(end));
      else reader.skip(tag, end);
    }
  }

  private readData(reader: WireReader, end: number): void {
    const record = this.record;
    const start = reader.pos;
    const pointsBefore = this.points;
    const wanted = record.metric >= 0 && record.type !== SUMMARY;
    record.temporality = 0;
    record.monotonic = false;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === DATA_TEMPORALITY && record.type !== SUMMARY) {
        record.temporality = reader.varint32(end);
      } else if (tag === F.SUM_IS_MONOTONIC && record.type === SUM) {
        record.monotonic = reader.varint32(end) !== 0;
      } else {
        if (tag === DATA_POINTS) this.points++;
        reader.skip(tag, end);
      }
    }
    reader.itemsLeft -= this.points - pointsBefore;
    if (reader.itemsLeft < 0) reader.fail(TOO_MANY_ITEMS);
    if (!wanted || reader.fault !== NO_FAULT) return;
    reader.pos = start;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === DATA_POINTS) this.readPoint(reader, reader.lengthEnd(end));
      else if (tag >>> 3 === 1) reader.fail(WRONG_WIRE_TYPE);
      else reader.skip(tag, end);
    }
  }

  private readPoint(reader: WireReader, end: number): void {
    const record = this.record;
    record.clearPoint();
    record.series.set(this.metricHash);
    if (record.type === HISTOGRAM) readHistogramPoint(reader, end, record, this);
    else if (record.type === EXP_HISTOGRAM) readExpHistogramPoint(reader, end, record, this);
    else readNumberPoint(reader, end, record, this);
    if (reader.fault === NO_FAULT) this.visitor.point(record);
  }

  /** Reads one KeyValue of a point and adds it to the series' identity. */
  attribute(reader: WireReader, end: number): void {
    const start = reader.pos;
    this.addRange(this.record.series, reader, end, ATTRIBUTE_SALT);
    if (reader.fault !== NO_FAULT) return;
    reader.pos = start;
    this.readAttribute(reader, end);
  }

  /** The same for all of a point's KeyValues at once, each behind a tag and a length of a byte. */
  attributeRun(reader: WireReader, end: number): void {
    const { hash, runs, runSum } = this;
    const { series } = this.record;
    const start = reader.pos;
    hash.within(reader.view, start, end);
    const { a, b, c, d } = hash;
    let sum = runs.sum;
    if (!runs.find(a, b, c, d)) {
      sum = runSum.fill(0);
      while (reader.pos < end) {
        const stop = reader.pos + 2 + reader.bytes[reader.pos + 1]!;
        reader.pos += 2;
        this.addRange(sum, reader, stop, ATTRIBUTE_SALT);
      }
      runs.keep(a, b, c, d, sum);
    }
    for (let i = 0; i < 4; i++) series[i] = series[i]! + sum[i]!;
    reader.pos = end;
    if (this.record.attributes.keys.size === 0) return;
    for (let pos = start; pos < end && reader.fault === NO_FAULT; ) {
      const stop = pos + 2 + reader.bytes[pos + 1]!;
      reader.pos = pos + 2;
      this.readAttribute(reader, stop);
      pos = stop;
    }
  }

  private readAttribute(reader: WireReader, end: number): void {
    const start = reader.pos;
    const { attributes } = this.record;
    if (attributes.readPlain(reader.view, start, end)) reader.pos = end;
    else attributes.read(reader, end);
  }

  /** Adds the hash of the bytes up to `end`: a sum, so the order of attributes does not matter. */
  private addRange(into: Int32Array, reader: WireReader, end: number, salt: number): void {
    if (reader.fault !== NO_FAULT) return;
    this.hash.within(reader.view, reader.pos, end);
    into[0]! += Math.imul(this.hash.a, 2 * salt + 1);
    into[1]! += Math.imul(this.hash.b, 2 * salt + 1);
    into[2]! += Math.imul(this.hash.c, 2 * salt + 1);
    into[3]! += Math.imul(this.hash.d, 2 * salt + 1);
    reader.pos = end;
  }
}

function isKnownMetricField(field: number): boolean {
  return field === 1 || field === 3 || field === 5 || field === 7 || (field >= 9 && field <= 11);
}

/** UCUM time units in seconds: "s", "ms", "us", "ns", "min", "h"; anything else is 0. */
function unitSeconds(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  const c0 = bytes[start];
  if (length === 1) return c0 === 0x73 ? 1 : c0 === 0x68 ? 3600 : 0;
  if (length === 2 && bytes[start + 1] === 0x73) {
    return c0 === 0x6d ? 1e-3 : c0 === 0x75 ? 1e-6 : c0 === 0x6e ? 1e-9 : 0;
  }
  return length === 3 && c0 === 0x6d && bytes[start + 1] === 0x69 && bytes[start + 2] === 0x6e
    ? 60
    : 0;
}

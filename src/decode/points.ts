import * as F from "./fields.ts";
import type { NumberRun, PointRecord } from "./point-record.ts";
import {
  bitsToDouble,
  TOO_MANY_BUCKETS,
  toDouble,
  toSignedDouble,
  type WireReader,
  WRONG_WIRE_TYPE,
} from "./wire.ts";

// Compiled in as numbers: an imported constant is looked up at every use (decision D-072).
const { HISTOGRAM_START, HISTOGRAM_TIME, HISTOGRAM_COUNT, HISTOGRAM_SUM } = F;
const { HISTOGRAM_BUCKETS, HISTOGRAM_BOUNDS, HISTOGRAM_ATTRIBUTES } = F;

interface AttributeReader {
  /** Takes the KeyValue at `reader.pos`, up to `end`. */
  attribute(reader: WireReader, end: number): void;
  /** Takes the KeyValues that begin at `reader.pos`, each behind the same tag of one byte, up to `end`. */
  attributeRun(reader: WireReader, end: number): void;
}

/** NumberDataPoint: value, times and attributes. */
export function readNumberPoint(
  reader: WireReader,
  end: number,
  record: PointRecord,
  attributes: AttributeReader,
): void {
  while (reader.pos < end) {
    const tag = reader.tag(end);
    switch (tag) {
      case F.NUMBER_START:
        readStart(reader, end, record);
        break;
      case F.NUMBER_TIME:
        readTime(reader, end, record);
        break;
      case F.NUMBER_DOUBLE:
        reader.fixed64(end);
        record.value = bitsToDouble(reader.hi, reader.lo);
        record.hasValue = true;
        break;
      case F.NUMBER_INT:
        reader.fixed64(end);
        record.value = toSignedDouble(reader.hi, reader.lo);
        record.hasValue = true;
        break;
      case F.NUMBER_ATTRIBUTES:
        attributes.attribute(reader, reader.lengthEnd(end));
        break;
      case F.NUMBER_FLAGS:
        record.flags = reader.varint32(end);
        break;
      default: {
        const field = tag >>> 3;
        if ((field >= 2 && field <= 4) || (field >= 6 && field <= 8)) reader.fail(WRONG_WIRE_TYPE);
        else reader.skip(tag, end);
      }
    }
  }
}

/** HistogramDataPoint with explicit bounds; buckets and bounds packed or not. */
export function readHistogramPoint(
  reader: WireReader,
  end: number,
  record: PointRecord,
  attributes: AttributeReader,
): void {
  record.hasValue = true;
  plainHistogram(reader, end, record, attributes);
  while (reader.pos < end) {
    const tag = reader.tag(end);
    switch (tag) {
      case F.HISTOGRAM_START:
        readStart(reader, end, record);
        break;
      case F.HISTOGRAM_TIME:
        readTime(reader, end, record);
        break;
      case F.HISTOGRAM_COUNT:
        reader.fixed64(end);
        record.count = toDouble(reader.hi, reader.lo);
        break;
      case F.HISTOGRAM_BUCKETS:
        readRun(reader, reader.lengthEnd(end), record.buckets, pushCount);
        break;
      case F.HISTOGRAM_BUCKET:
        pushCount(reader, end, record.buckets);
        break;
      case F.HISTOGRAM_BOUNDS:
        readRun(reader, reader.lengthEnd(end), record.bounds, pushDouble);
        break;
      case F.HISTOGRAM_BOUND:
        pushDouble(reader, end, record.bounds);
        break;
      case F.HISTOGRAM_ATTRIBUTES:
        attributes.attribute(reader, reader.lengthEnd(end));
        break;
      case F.HISTOGRAM_FLAGS:
        record.flags = reader.varint32(end);
        break;
      default: {
        const field = tag >>> 3;
        if ((field >= 2 && field <= 4) || field === 6 || field === 7 || field === 9 || field === 10)
          reader.fail(WRONG_WIRE_TYPE);
        else reader.skip(tag, end);
      }
    }
  }
}

/**
 * Reads on as long as fields come in the order and shape in which encoders write them, each of them optional, and stops
 * before the first that is different: as the plain fields of a span are (traces.ts).
 */
function plainHistogram(
  reader: WireReader,
  end: number,
  record: PointRecord,
  attributes: AttributeReader,
): void {
  const { view } = reader;
  let pos = reader.pos;
  if (pos + 9 <= end && view.getUint8(pos) === HISTOGRAM_START) {
    record.startLo = view.getUint32(pos + 1, true);
    record.startHi = view.getUint32(pos + 5, true);
    pos += 9;
  }
  if (pos + 9 <= end && view.getUint8(pos) === HISTOGRAM_TIME) {
    record.timeLo = view.getUint32(pos + 1, true);
    record.timeHi = view.getUint32(pos + 5, true);
    pos += 9;
  }
  if (pos + 9 <= end && view.getUint8(pos) === HISTOGRAM_COUNT) {
    record.count = toDouble(view.getUint32(pos + 5, true), view.getUint32(pos + 1, true));
    pos += 9;
  }
  if (pos + 9 <= end && view.getUint8(pos) === HISTOGRAM_SUM) pos += 9;
  pos = plainRun(view, pos, end, HISTOGRAM_BUCKETS, record.buckets);
  pos = plainRun(view, pos, end, HISTOGRAM_BOUNDS, record.bounds);
  const start = pos;
  while (pos + 2 <= end && view.getUint8(pos) === HISTOGRAM_ATTRIBUTES) {
    const length = view.getUint8(pos + 1);
    const stop = pos + 2 + length;
    if (length >= 0x80 || stop > end) break;
    pos = stop;
  }
  reader.pos = start;
  if (pos > start) attributes.attributeRun(reader, pos);
}

/** Where a packed run ends that is kept where it stands; `pos` when there is none of that tag and shape. */
function plainRun(view: DataView, pos: number, end: number, tag: number, run: NumberRun): number {
  if (pos + 3 > end || view.getUint8(pos) !== tag) return pos;
  let start = pos + 2;
  let length = view.getUint8(pos + 1);
  if (length >= 0x80) {
    const high = view.getUint8(start++);
    if (high >= 0x80) return pos;
    length = (length & 0x7f) | (high << 7);
  }
  const stop = start + length;
  if (stop > end || length % 8 !== 0 || !run.place(start, length / 8)) return pos;
  return stop;
}

/** ExponentialHistogramDataPoint: positive buckets are kept, negative ones only summed. */
export function readExpHistogramPoint(
  reader: WireReader,
  end: number,
  record: PointRecord,
  attributes: AttributeReader,
): void {
  record.hasValue = true;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    switch (tag) {
      case F.EXP_START:
        readStart(reader, end, record);
        break;
      case F.EXP_TIME:
        readTime(reader, end, record);
        break;
      case F.EXP_COUNT:
        reader.fixed64(end);
        record.count = toDouble(reader.hi, reader.lo);
        break;
      case F.EXP_SCALE:
        record.scale = zigzag(reader.varint32(end));
        break;
      case F.EXP_ZERO_COUNT:
        reader.fixed64(end);
        record.zeroCount = toDouble(reader.hi, reader.lo);
        break;
      case F.EXP_POSITIVE:
        readBuckets(reader, reader.lengthEnd(end), record, true);
        break;
      case F.EXP_NEGATIVE:
        readBuckets(reader, reader.lengthEnd(end), record, false);
        break;
      case F.EXP_ATTRIBUTES:
        attributes.attribute(reader, reader.lengthEnd(end));
        break;
      case F.EXP_FLAGS:
        record.flags = reader.varint32(end);
        break;
      case F.EXP_ZERO_THRESHOLD:
        reader.fixed64(end);
        record.zeroThreshold = bitsToDouble(reader.hi, reader.lo);
        break;
      default: {
        const field = tag >>> 3;
        if (field <= 4 || (field >= 6 && field <= 10) || field === 14) reader.fail(WRONG_WIRE_TYPE);
        else reader.skip(tag, end);
      }
    }
  }
}

function readBuckets(
  reader: WireReader,
  end: number,
  record: PointRecord,
  positive: boolean,
): void {
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === F.BUCKETS_OFFSET) {
      const offset = zigzag(reader.varint32(end));
      if (positive) record.offset = offset;
    } else if (tag === F.BUCKETS_COUNTS) {
      const stop = reader.lengthEnd(end);
      while (reader.pos < stop) pushVarintBucket(reader, stop, record, positive);
    } else if (tag === F.BUCKETS_COUNT) pushVarintBucket(reader, end, record, positive);
    else if (tag >>> 3 <= 2) reader.fail(WRONG_WIRE_TYPE);
    else reader.skip(tag, end);
  }
}

function pushVarintBucket(
  reader: WireReader,
  end: number,
  record: PointRecord,
  positive: boolean,
): void {
  reader.varint64(end);
  const count = toDouble(reader.hi, reader.lo);
  if (!positive) record.negativeCount += count;
  else if (!record.buckets.push(count)) reader.fail(TOO_MANY_BUCKETS);
}

/** A packed run of eight bytes each: kept where it stands if it is the only one and whole. */
function readRun(
  reader: WireReader,
  end: number,
  run: NumberRun,
  push: (reader: WireReader, end: number, run: NumberRun) => void,
): void {
  const bytes = end - reader.pos;
  if (bytes % 8 === 0 && run.place(reader.pos, bytes / 8)) reader.pos = end;
  else while (reader.pos < end) push(reader, end, run);
}

function pushCount(reader: WireReader, end: number, run: NumberRun): void {
  run.unplaceCounts(reader.view);
  reader.fixed64(end);
  if (!run.push(toDouble(reader.hi, reader.lo))) reader.fail(TOO_MANY_BUCKETS);
}

function pushDouble(reader: WireReader, end: number, run: NumberRun): void {
  run.unplaceDoubles(reader.view);
  reader.fixed64(end);
  if (!run.push(bitsToDouble(reader.hi, reader.lo))) reader.fail(TOO_MANY_BUCKETS);
}

function readStart(reader: WireReader, end: number, record: PointRecord): void {
  reader.fixed64(end);
  record.startHi = reader.hi;
  record.startLo = reader.lo;
}

function readTime(reader: WireReader, end: number, record: PointRecord): void {
  reader.fixed64(end);
  record.timeHi = reader.hi;
  record.timeLo = reader.lo;
}

function zigzag(value: number): number {
  return (value >>> 1) ^ -(value & 1);
}

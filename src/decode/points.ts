import * as F from "./fields.ts";
import type { PointRecord } from "./point-record.ts";
import {
  bitsToDouble,
  TOO_MANY_BUCKETS,
  toDouble,
  toSignedDouble,
  type WireReader,
  WRONG_WIRE_TYPE,
} from "./wire.ts";

/** Takes the KeyValue at `reader.pos`, up to `end`. */
interface AttributeReader {
  attribute(reader: WireReader, end: number): void;
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
      case F.HISTOGRAM_BUCKETS: {
        const stop = reader.lengthEnd(end);
        while (reader.pos < stop) pushFixedBucket(reader, stop, record);
        break;
      }
      case F.HISTOGRAM_BUCKET:
        pushFixedBucket(reader, end, record);
        break;
      case F.HISTOGRAM_BOUNDS: {
        const stop = reader.lengthEnd(end);
        while (reader.pos < stop) pushBound(reader, stop, record);
        break;
      }
      case F.HISTOGRAM_BOUND:
        pushBound(reader, end, record);
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
  else if (!record.pushBucket(count)) reader.fail(TOO_MANY_BUCKETS);
}

function pushFixedBucket(reader: WireReader, end: number, record: PointRecord): void {
  reader.fixed64(end);
  if (!record.pushBucket(toDouble(reader.hi, reader.lo))) reader.fail(TOO_MANY_BUCKETS);
}

function pushBound(reader: WireReader, end: number, record: PointRecord): void {
  reader.fixed64(end);
  if (!record.pushBound(bitsToDouble(reader.hi, reader.lo))) reader.fail(TOO_MANY_BUCKETS);
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

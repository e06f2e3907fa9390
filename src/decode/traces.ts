import { filterIndex, type KeyTable } from "./attributes.ts";
import {
  KEY_VALUE_KEY,
  SPAN_ATTRIBUTES,
  SPAN_DROPPED_ATTRIBUTES,
  SPAN_DROPPED_EVENTS,
  SPAN_DROPPED_LINKS,
  SPAN_END,
  SPAN_FLAGS,
  SPAN_KIND,
  SPAN_LAST_READ_FIELD,
  SPAN_NAME,
  SPAN_PARENT_ID,
  SPAN_SPAN_ID,
  SPAN_START,
  SPAN_STATUS,
  SPAN_TRACE_ID,
  SPAN_TRACE_STATE,
  STATUS_CODE,
} from "./fields.ts";
import { type ItemWalker, walkItems } from "./resource.ts";
import { SpanRecord } from "./span-record.ts";
import { BAD_ID_LENGTH, type Fault, NO_FAULT, WireReader, WRONG_WIRE_TYPE } from "./wire.ts";

/** Told of every resource and span, in order; reads the decoder's one `record` and keeps nothing of it. */
export interface SpanVisitor {
  resource(record: SpanRecord): void;
  span(record: SpanRecord): void;
}

/** Field numbers of Span that are known but of no interest, as bits: parent id, counts, events, links. */
const UNREAD_FIELDS = (1 << 4) | (1 << 10) | (1 << 11) | (1 << 12) | (1 << 13) | (1 << 14);

/** Tag and length of fields of one length, as the little-endian number that the two bytes are. */
const TRACE_ID_START = SPAN_TRACE_ID | (16 << 8);
const SPAN_ID_START = SPAN_SPAN_ID | (8 << 8);
const PARENT_ID_START = SPAN_PARENT_ID | (8 << 8);
const STATUS_START = SPAN_STATUS | (2 << 8);
/** A tag of two bytes, before a fixed32. */
const FLAGS_TAG = SPAN_FLAGS;

/** Walks ExportTraceServiceRequest bytes; builds no object, string or BigInt per span. */
export class TraceDecoder implements ItemWalker {
  readonly record: SpanRecord;
  private readonly reader = new WireReader();
  private readonly visitor: SpanVisitor;

  /** Only attributes in the two tables are read into the record. */
  constructor(resourceKeys: KeyTable, spanKeys: KeyTable, visitor: SpanVisitor) {
    this.record = new SpanRecord(resourceKeys, spanKeys);
    this.visitor = visitor;
  }

  /**
   * Visits all spans of the request. After a fault the visitor has seen some of them: the caller drops
   * the whole request. Never throws on any bytes.
   */
  decode(bytes: Uint8Array): Fault {
    const reader = this.reader;
    reader.reset(bytes);
    this.record.bytes = bytes;
    this.record.view = reader.view;
    walkItems(reader, this.record.resource, this);
    return reader.fault;
  }

  resource(): void {
    this.visitor.resource(this.record);
  }

  scope(): void {} // a span's SLOs do not depend on its scope

  item(reader: WireReader, end: number): void {
    this.record.clear();
    this.plainFields(reader, end);
    while (reader.pos < end) {
      this.field(reader, end, reader.tag(end));
      this.plainFields(reader, end);
    }
    if (reader.fault === NO_FAULT) this.visitor.span(this.record);
  }

  /**
   * Reads on as long as fields come in the order and shape in which encoders write them, each of them
   * optional, and stops before the first that is different; `field`, which checks everything, reads that one. One
   * branch for each field of the message predicts far better than one switch for all of them, and the position is in a local:
   * a span takes a third of the time (bench/decode.bench.ts). Unrolled for that reason.
   */
  private plainFields(reader: WireReader, end: number): void {
    const record = this.record;
    const attributes = record.attributes;
    const known = attributes.keys.filter;
    const bytes = reader.bytes;
    const view = reader.view;
    let pos = reader.pos;
    if (pos + 18 <= end && view.getUint16(pos, true) === TRACE_ID_START) {
      record.traceId = pos + 2;
      pos += 18;
    }
    if (pos + 10 <= end && view.getUint16(pos, true) === SPAN_ID_START) {
      record.spanId = pos + 2;
      pos += 10;
    }
    if (pos + 2 <= end && bytes[pos] === SPAN_TRACE_STATE) {
      const stop = pos + 2 + bytes[pos + 1]!;
      if (bytes[pos + 1]! < 0x80 && stop <= end) {
        record.traceStateStart = pos + 2;
        record.traceStateEnd = stop;
        pos = stop;
      }
    }
    if (pos + 10 <= end && view.getUint16(pos, true) === PARENT_ID_START) pos += 10;
    if (pos + 2 <= end && bytes[pos] === SPAN_NAME) {
      const stop = pos + 2 + bytes[pos + 1]!;
      if (bytes[pos + 1]! < 0x80 && stop <= end) {
        record.nameStart = pos + 2;
        record.nameEnd = stop;
        pos = stop;
      }
    }
    if (pos + 2 <= end && bytes[pos] === SPAN_KIND && bytes[pos + 1]! < 0x80) {
      record.kind = bytes[pos + 1]!;
      pos += 2;
    }
    if (pos + 9 <= end && bytes[pos] === SPAN_START) {
      record.startLo = view.getUint32(pos + 1, true);
      record.startHi = view.getUint32(pos + 5, true);
      pos += 9;
    }
    if (pos + 9 <= end && bytes[pos] === SPAN_END) {
      record.endLo = view.getUint32(pos + 1, true);
      record.endHi = view.getUint32(pos + 5, true);
      pos += 9;
    }
    while (pos + 3 <= end && bytes[pos] === SPAN_ATTRIBUTES) {
      let start = pos + 2;
      let length = bytes[pos + 1]!;
      if (length >= 0x80) {
        if (bytes[start]! >= 0x80) break;
        length = (length & 0x7f) | (bytes[start++]! << 7);
      }
      const stop = start + length;
      if (stop > end) break;
      const keyLength = bytes[start + 1]!;
      const keyEnd = start + 2 + keyLength;
      const isForeign =
        keyEnd <= stop &&
        known[filterIndex(keyLength, bytes[keyEnd - 1]!)] === 0 &&
        bytes[start] === KEY_VALUE_KEY &&
        keyLength < 0x80;
      if (!isForeign && !attributes.readPlain(bytes, view, start, stop)) break;
      pos = stop;
    }
    if (pos + 2 <= end && bytes[pos] === SPAN_DROPPED_ATTRIBUTES && bytes[pos + 1]! < 0x80)
      pos += 2;
    if (pos + 2 <= end && bytes[pos] === SPAN_DROPPED_EVENTS && bytes[pos + 1]! < 0x80) pos += 2;
    if (pos + 2 <= end && bytes[pos] === SPAN_DROPPED_LINKS && bytes[pos + 1]! < 0x80) pos += 2;
    if (pos + 4 <= end && view.getUint16(pos, true) === STATUS_START) {
      if (bytes[pos + 2] === STATUS_CODE && bytes[pos + 3]! < 0x80) {
        record.status = bytes[pos + 3]!;
        pos += 4;
      }
    }
    if (pos + 6 <= end && view.getUint16(pos, true) === FLAGS_TAG) pos += 6;
    reader.pos = pos;
  }

  private field(reader: WireReader, end: number, tag: number): void {
    const record = this.record;
    switch (tag) {
      case SPAN_TRACE_ID: {
        const stop = reader.lengthEnd(end);
        record.traceId = stop === reader.pos ? -1 : reader.pos;
        if (stop - reader.pos !== 16 && stop !== reader.pos) reader.fail(BAD_ID_LENGTH);
        if (reader.fault === NO_FAULT) reader.pos = stop;
        break;
      }
      case SPAN_SPAN_ID: {
        const stop = reader.lengthEnd(end);
        record.spanId = stop === reader.pos ? -1 : reader.pos;
        if (stop - reader.pos !== 8 && stop !== reader.pos) reader.fail(BAD_ID_LENGTH);
        if (reader.fault === NO_FAULT) reader.pos = stop;
        break;
      }
      case SPAN_TRACE_STATE:
        record.traceStateEnd = reader.lengthEnd(end);
        record.traceStateStart = reader.pos;
        reader.pos = record.traceStateEnd;
        break;
      case SPAN_NAME:
        record.nameEnd = reader.lengthEnd(end);
        record.nameStart = reader.pos;
        reader.pos = record.nameEnd;
        break;
      case SPAN_KIND:
        record.kind = reader.varint32(end);
        break;
      case SPAN_START:
        reader.fixed64(end);
        record.startHi = reader.hi;
        record.startLo = reader.lo;
        break;
      case SPAN_END:
        reader.fixed64(end);
        record.endHi = reader.hi;
        record.endLo = reader.lo;
        break;
      case SPAN_ATTRIBUTES:
        record.attributes.read(reader, reader.lengthEnd(end));
        break;
      case SPAN_STATUS:
        this.readStatus(reader, reader.lengthEnd(end));
        break;
      default: {
        const field = tag >>> 3;
        if (field <= SPAN_LAST_READ_FIELD && ((UNREAD_FIELDS >>> field) & 1) === 0) {
          reader.fail(WRONG_WIRE_TYPE);
        } else reader.skip(tag, end);
      }
    }
  }

  private readStatus(reader: WireReader, end: number): void {
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === STATUS_CODE) this.record.status = reader.varint32(end);
      else if (tag >>> 3 === 3) reader.fail(WRONG_WIRE_TYPE);
      else reader.skip(tag, end);
    }
  }
}

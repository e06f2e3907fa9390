import * as fields from "./fields.ts";
import type { KeyTable } from "./key-table.ts";
import { type ItemWalker, walkItems } from "./resource.ts";
import { SpanRecord } from "./span-record.ts";
import * as wire from "./wire.ts";

// Compiled in as numbers: an imported constant is looked up at every use (decision D-072).
const { KEY_VALUE_KEY, SPAN_ATTRIBUTES, SPAN_DROPPED_ATTRIBUTES, SPAN_DROPPED_EVENTS } = fields;
const { SPAN_DROPPED_LINKS, SPAN_END, SPAN_FLAGS, SPAN_KIND, SPAN_LAST_READ_FIELD } = fields;
const { SPAN_NAME, SPAN_PARENT_ID, SPAN_SPAN_ID, SPAN_START, SPAN_STATUS, SPAN_TRACE_ID } = fields;
const { SPAN_TRACE_STATE, STATUS_CODE } = fields;
const { BAD_ID_LENGTH, NO_FAULT, WRONG_WIRE_TYPE } = wire;

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
/**
 * An attribute begins with its tag and length and the tag and length of its key: four bytes that are read as one number. The mask
 * leaves what is the same in all that have lengths of one byte.
 */
const SHORT_ATTRIBUTE_MASK = 0x80ff80ff | 0;
const SHORT_ATTRIBUTE = SPAN_ATTRIBUTES | (KEY_VALUE_KEY << 16);
/** The four bytes behind the tag of an attribute that has a length of two bytes. */
const LONG_ATTRIBUTE_MASK = 0x80ff8080 | 0;
const LONG_ATTRIBUTE = 0x80 | (KEY_VALUE_KEY << 16);

/** Walks ExportTraceServiceRequest bytes; builds no object, string or BigInt per span. */
export class TraceDecoder implements ItemWalker {
  readonly record: SpanRecord;
  private readonly reader = new wire.WireReader();
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
  decode(bytes: Uint8Array): wire.Fault {
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

  item(reader: wire.WireReader, end: number): void {
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
  private plainFields(reader: wire.WireReader, end: number): void {
    const record = this.record;
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
    if (pos + 2 <= end && view.getUint8(pos) === SPAN_TRACE_STATE) {
      const stop = pos + 2 + view.getUint8(pos + 1);
      if (view.getUint8(pos + 1) < 0x80 && stop <= end) {
        record.traceStateStart = pos + 2;
        record.traceStateEnd = stop;
        pos = stop;
      }
    }
    if (pos + 10 <= end && view.getUint16(pos, true) === PARENT_ID_START) pos += 10;
    if (pos + 2 <= end && view.getUint8(pos) === SPAN_NAME) {
      const stop = pos + 2 + view.getUint8(pos + 1);
      if (view.getUint8(pos + 1) < 0x80 && stop <= end) {
        record.nameStart = pos + 2;
        record.nameEnd = stop;
        pos = stop;
      }
    }
    if (pos + 2 <= end && view.getUint8(pos) === SPAN_KIND && view.getUint8(pos + 1) < 0x80) {
      record.kind = view.getUint8(pos + 1);
      pos += 2;
    }
    if (pos + 9 <= end && view.getUint8(pos) === SPAN_START) {
      record.startTime = pos + 1;
      pos += 9;
    }
    if (pos + 9 <= end && view.getUint8(pos) === SPAN_END) {
      record.endTime = pos + 1;
      pos += 9;
    }
    const attributes = record.attributes;
    const keys = attributes.keys;
    while (pos + 4 <= end) {
      let head = view.getInt32(pos, true);
      let start = pos + 2;
      let length = (head >>> 8) & 0xff;
      if ((head & SHORT_ATTRIBUTE_MASK) !== SHORT_ATTRIBUTE) {
        if ((head & 0xff) !== SPAN_ATTRIBUTES || pos + 5 > end) break;
        head = view.getInt32(pos + 1, true);
        if ((head & LONG_ATTRIBUTE_MASK) !== LONG_ATTRIBUTE) break;
        start = pos + 3;
        length = (head & 0x7f) | ((head >>> 1) & 0x3f80);
      }
      const stop = start + length;
      const keyLength = head >>> 24;
      const keyEnd = start + 2 + keyLength;
      if (stop > end || keyEnd > stop || keyLength < 4) break;
      const last = view.getInt32(keyEnd - 4, true);
      const candidate = keys.candidate(last, keyLength);
      if (candidate !== 0) {
        const slot = keys.slotOf(candidate, view, start + 2, keyEnd, last);
        if (slot >= 0 && !attributes.readPlainValue(view, keyEnd, stop, slot)) break;
      }
      pos = stop;
    }
    if (
      pos + 2 <= end &&
      view.getUint8(pos) === SPAN_DROPPED_ATTRIBUTES &&
      view.getUint8(pos + 1) < 0x80
    )
      pos += 2;
    if (
      pos + 2 <= end &&
      view.getUint8(pos) === SPAN_DROPPED_EVENTS &&
      view.getUint8(pos + 1) < 0x80
    )
      pos += 2;
    if (
      pos + 2 <= end &&
      view.getUint8(pos) === SPAN_DROPPED_LINKS &&
      view.getUint8(pos + 1) < 0x80
    )
      pos += 2;
    if (pos + 4 <= end && view.getUint16(pos, true) === STATUS_START) {
      if (view.getUint8(pos + 2) === STATUS_CODE && view.getUint8(pos + 3) < 0x80) {
        record.status = view.getUint8(pos + 3);
        pos += 4;
      }
    }
    if (pos + 6 <= end && view.getUint16(pos, true) === FLAGS_TAG) pos += 6;
    reader.pos = pos;
  }

  private field(reader: wire.WireReader, end: number, tag: number): void {
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
        record.startTime = reader.pos;
        reader.fixed64(end);
        break;
      case SPAN_END:
        record.endTime = reader.pos;
        reader.fixed64(end);
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

  private readStatus(reader: wire.WireReader, end: number): void {
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === STATUS_CODE) this.record.status = reader.varint32(end);
      else if (tag >>> 3 === 3) reader.fail(WRONG_WIRE_TYPE);
      else reader.skip(tag, end);
    }
  }
}

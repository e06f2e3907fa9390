import type { KeyTable } from "./attributes.ts";
import {
  SPAN_ATTRIBUTES,
  SPAN_END,
  SPAN_KIND,
  SPAN_LAST_READ_FIELD,
  SPAN_NAME,
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
    walkItems(reader, this.record.resource, this);
    return reader.fault;
  }

  resource(): void {
    this.visitor.resource(this.record);
  }

  scope(): void {} // a span's SLOs do not depend on its scope

  item(reader: WireReader, end: number): void {
    const record = this.record;
    record.clear();
    while (reader.pos < end) {
      const tag = reader.tag(end);
      switch (tag) {
        case SPAN_TRACE_ID: {
          const stop = reader.lengthEnd(end);
          if (stop - reader.pos === 16) record.traceId = reader.pos;
          else if (stop !== reader.pos) reader.fail(BAD_ID_LENGTH);
          if (reader.fault === NO_FAULT) reader.pos = stop;
          break;
        }
        case SPAN_SPAN_ID: {
          const stop = reader.lengthEnd(end);
          if (stop - reader.pos === 8) record.spanId = reader.pos;
          else if (stop !== reader.pos) reader.fail(BAD_ID_LENGTH);
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
    if (reader.fault === NO_FAULT) this.visitor.span(record);
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

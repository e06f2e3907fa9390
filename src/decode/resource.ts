import type { AttributeSlots } from "./attributes.ts";
import * as fields from "./fields.ts";
import * as wire from "./wire.ts";

// Compiled in as numbers: an imported constant is looked up at every use (decision D-072).
const { REQUEST_RESOURCES, RESOURCE_ATTRIBUTES, RESOURCE_X_RESOURCE, RESOURCE_X_SCOPES } = fields;
const { SCOPE_X_ITEMS, SCOPE_X_SCOPE } = fields;
const { NO_FAULT, TOO_MANY_ITEMS, WRONG_WIRE_TYPE } = wire;

/** What the walk over the envelope tells: every resource once, then each of its items. */
export interface ItemWalker {
  /**
   * The wanted attributes of the resource are in its slots. Called before the resource's items;
   * `start` to `end` is the ResourceSpans or ResourceMetrics message.
   */
  resource(reader: wire.WireReader, start: number, end: number): void;
  /** `reader.pos` stands at a ScopeSpans or ScopeMetrics message, which ends at `end`; may move `reader.pos`. */
  scope(reader: wire.WireReader, end: number): void;
  /** `reader.pos` stands at the item (a Span or Metric), which ends at `end`. */
  item(reader: wire.WireReader, end: number): void;
}

/**
 * Walks an ExportTraceServiceRequest or ExportMetricsServiceRequest: both have the same envelope of
 * resources, scopes and items. A resource may come after its scopes and more than once (protobuf merges
 * repeated occurrences of a message), so each resource's fields are gone through twice.
 */
export function walkItems(
  reader: wire.WireReader,
  slots: AttributeSlots,
  walker: ItemWalker,
): void {
  const end = reader.bytes.length;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === REQUEST_RESOURCES) walkResource(reader, reader.lengthEnd(end), slots, walker);
    else if (tag >>> 3 === 1) reader.fail(WRONG_WIRE_TYPE);
    else reader.skip(tag, end);
  }
}

function walkResource(
  reader: wire.WireReader,
  end: number,
  slots: AttributeSlots,
  walker: ItemWalker,
): void {
  if (--reader.itemsLeft < 0) reader.fail(TOO_MANY_ITEMS);
  const start = reader.pos;
  slots.clear();
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === RESOURCE_X_SCOPES) reader.pos = reader.lengthEnd(end);
    else if (tag === RESOURCE_X_RESOURCE) readResource(reader, reader.lengthEnd(end), slots);
    else if (tag >>> 3 === 1) reader.fail(WRONG_WIRE_TYPE);
    else reader.skip(tag, end);
  }
  if (reader.fault !== NO_FAULT) return;
  walker.resource(reader, start, end);
  if (reader.fault !== NO_FAULT) return;
  reader.pos = start;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === RESOURCE_X_SCOPES) walkScope(reader, reader.lengthEnd(end), walker);
    else if (tag >>> 3 === 2) reader.fail(WRONG_WIRE_TYPE);
    else reader.skip(tag, end);
  }
}

function readResource(reader: wire.WireReader, end: number, slots: AttributeSlots): void {
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === RESOURCE_ATTRIBUTES) slots.read(reader, reader.lengthEnd(end));
    else if (tag >>> 3 === 1) reader.fail(WRONG_WIRE_TYPE);
    else reader.skip(tag, end);
  }
}

function walkScope(reader: wire.WireReader, end: number, walker: ItemWalker): void {
  if (--reader.itemsLeft < 0) reader.fail(TOO_MANY_ITEMS);
  const start = reader.pos;
  walker.scope(reader, end);
  if (reader.fault !== NO_FAULT) return;
  reader.pos = start;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === SCOPE_X_ITEMS) {
      if (--reader.itemsLeft < 0) reader.fail(TOO_MANY_ITEMS);
      walker.item(reader, reader.lengthEnd(end));
    } else if (tag === SCOPE_X_SCOPE) reader.pos = reader.lengthEnd(end);
    else if (tag >>> 3 === 2) reader.fail(WRONG_WIRE_TYPE);
    else reader.skip(tag, end);
  }
}

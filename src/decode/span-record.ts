import { AttributeSlots } from "./attributes.ts";
import type { KeyTable } from "./key-table.ts";

/** One request span, reused: what classification and tally read. Ranges point into `bytes`. */
export class SpanRecord {
  bytes: Uint8Array = new Uint8Array(0);
  /** Of the same bytes. */
  view: DataView = new DataView(new ArrayBuffer(0));
  readonly resource: AttributeSlots;
  readonly attributes: AttributeSlots;
  /** OTLP SpanKind, 0 to 5; 2 is SERVER. */
  kind = 0;
  /** OTLP StatusCode: 0 unset, 1 ok, 2 error. */
  status = 0;
  nameStart = 0;
  nameEnd = 0;
  /** Offsets of the ids; -1 when absent. 16 and 8 bytes. */
  traceId = -1;
  spanId = -1;
  traceStateStart = 0;
  traceStateEnd = 0;
  /** Offsets of the times, 8 bytes each; -1 when absent. */
  startTime = -1;
  endTime = -1;

  constructor(resourceKeys: KeyTable, spanKeys: KeyTable) {
    this.resource = new AttributeSlots(resourceKeys);
    this.attributes = new AttributeSlots(spanKeys);
  }

  clear(): void {
    this.attributes.clear();
    this.kind = 0;
    this.status = 0;
    this.nameStart = 0;
    this.nameEnd = 0;
    this.traceId = -1;
    this.spanId = -1;
    this.traceStateStart = 0;
    this.traceStateEnd = 0;
    this.startTime = -1;
    this.endTime = -1;
  }

  /** Nanoseconds since 1970 as two halves, both uint32; 0 when the span has no such time. */
  get startHi(): number {
    return this.startTime < 0 ? 0 : this.view.getUint32(this.startTime + 4, true);
  }

  get startLo(): number {
    return this.startTime < 0 ? 0 : this.view.getUint32(this.startTime, true);
  }

  get endHi(): number {
    return this.endTime < 0 ? 0 : this.view.getUint32(this.endTime + 4, true);
  }

  get endLo(): number {
    return this.endTime < 0 ? 0 : this.view.getUint32(this.endTime, true);
  }
}

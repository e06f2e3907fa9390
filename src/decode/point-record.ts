import { AttributeSlots } from "./attributes.ts";
import type { KeyTable } from "./key-table.ts";

export const GAUGE = 1;
export const SUM = 2;
export const HISTOGRAM = 3;
export const EXP_HISTOGRAM = 4;

/** SDKs make at most some hundred; without a limit one message could demand eight times its size. */
export const MAX_BUCKETS = 16_384;

/** One metric data point, reused: what classification and tally read. */
export class PointRecord {
  bytes: Uint8Array = new Uint8Array(0);
  /** Of the same bytes. */
  view: DataView = new DataView(new ArrayBuffer(0));
  readonly resource: AttributeSlots;
  readonly attributes: AttributeSlots;
  /** Slot of the metric's name in the table of wanted names. */
  metric = -1;
  nameStart = 0;
  nameEnd = 0;
  /** Length of the metric's unit in seconds ("ms" is 0.001), 0 when the unit is not a time. */
  unitSeconds = 0;
  type = 0;
  /** 1 delta, 2 cumulative, 0 unspecified (gauges). */
  temporality = 0;
  monotonic = false;
  /** Nanoseconds since 1970, both halves uint32. */
  startHi = 0;
  startLo = 0;
  timeHi = 0;
  timeLo = 0;
  flags = 0;
  /** Gauge or sum. */
  value = 0;
  hasValue = false;
  /** Histograms. */
  count = 0;
  readonly buckets = new NumberRun();
  readonly bounds = new NumberRun();
  /** Exponential histograms: positive buckets are in `buckets`, the first has index `offset`. */
  scale = 0;
  offset = 0;
  /** Observations between -zeroThreshold and zeroThreshold. */
  zeroCount = 0;
  zeroThreshold = 0;
  negativeCount = 0;
  /** Identity of the series: resource, scope, name and attributes, in any order. Four int32 lanes. */
  readonly series = new Int32Array(4);

  constructor(resourceKeys: KeyTable, pointKeys: KeyTable) {
    this.resource = new AttributeSlots(resourceKeys);
    this.attributes = new AttributeSlots(pointKeys);
  }

  clearPoint(): void {
    this.attributes.clear();
    this.startHi = 0;
    this.startLo = 0;
    this.timeHi = 0;
    this.timeLo = 0;
    this.flags = 0;
    this.value = 0;
    this.hasValue = false;
    this.count = 0;
    this.buckets.clear();
    this.bounds.clear();
    this.scale = 0;
    this.offset = 0;
    this.zeroCount = 0;
    this.zeroThreshold = 0;
    this.negativeCount = 0;
  }
}

/**
 * The buckets or bounds of a histogram. Encoders write them in one packed run of eight bytes each; of those only the place
 * is kept, since the few that a threshold asks for are read soonest where they stand. Any other shape is copied.
 */
export class NumberRun {
  length = 0;
  /** Where the packed run begins; -1 when the numbers are in `copied`. */
  private at = -1;
  private copied = new Float64Array(64);

  clear(): void {
    this.length = 0;
    this.at = -1;
  }

  /** Takes `count` numbers at `pos` as they stand. False when there are others already, or too many: then they must be pushed. */
  place(pos: number, count: number): boolean {
    if (this.length > 0 || count > MAX_BUCKETS) return false;
    this.length = count;
    this.at = pos;
    return true;
  }

  /** Copies what was placed before, so that more can be pushed. */
  unplaceCounts(view: DataView): void {
    if (this.at < 0) return;
    const { length } = this;
    for (let i = 0; i < length; i++) this.copy(i, this.count(view, i));
    this.at = -1;
  }

  unplaceDoubles(view: DataView): void {
    if (this.at < 0) return;
    const { length } = this;
    for (let i = 0; i < length; i++) this.copy(i, this.double(view, i));
    this.at = -1;
  }

  /** Grows with the longest histogram seen; false when MAX_BUCKETS is reached. */
  push(value: number): boolean {
    if (this.length === MAX_BUCKETS) return false;
    this.copy(this.length++, value);
    return true;
  }

  /** The number at this index of a run of fixed64. */
  count(view: DataView, index: number): number {
    if (this.at < 0) return this.copied[index]!;
    const pos = this.at + 8 * index;
    return view.getUint32(pos + 4, true) * 4294967296 + view.getUint32(pos, true);
  }

  /** The number at this index of a run of doubles. */
  double(view: DataView, index: number): number {
    return this.at < 0 ? this.copied[index]! : view.getFloat64(this.at + 8 * index, true);
  }

  private copy(index: number, value: number): void {
    if (index >= this.copied.length) {
      const larger = new Float64Array(this.copied.length * 2);
      larger.set(this.copied);
      this.copied = larger;
    }
    this.copied[index] = value;
  }
}

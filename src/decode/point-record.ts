import { AttributeSlots, type KeyTable } from "./attributes.ts";

export const GAUGE = 1;
export const SUM = 2;
export const HISTOGRAM = 3;
export const EXP_HISTOGRAM = 4;

/** SDKs make at most some hundred; without a limit one message could demand eight times its size. */
export const MAX_BUCKETS = 16_384;

/** One metric data point, reused: what classification and tally read. */
export class PointRecord {
  bytes: Uint8Array = new Uint8Array(0);
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
  bucketLength = 0;
  buckets = new Float64Array(64);
  boundLength = 0;
  bounds = new Float64Array(64);
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
    this.bucketLength = 0;
    this.boundLength = 0;
    this.scale = 0;
    this.offset = 0;
    this.zeroCount = 0;
    this.zeroThreshold = 0;
    this.negativeCount = 0;
  }

  /** Grows with the longest histogram seen; false when MAX_BUCKETS is reached. */
  pushBucket(count: number): boolean {
    if (this.bucketLength === MAX_BUCKETS) return false;
    if (this.bucketLength === this.buckets.length) this.buckets = grown(this.buckets);
    this.buckets[this.bucketLength++] = count;
    return true;
  }

  pushBound(bound: number): boolean {
    if (this.boundLength === MAX_BUCKETS) return false;
    if (this.boundLength === this.bounds.length) this.bounds = grown(this.bounds);
    this.bounds[this.boundLength++] = bound;
    return true;
  }
}

function grown(array: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(array.length * 2);
  larger.set(array);
  return larger;
}

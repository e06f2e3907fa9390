import { metricsRequest } from "../test/support/otlp.ts";
import { eachMessage, writeNanos } from "./encode.ts";

export const METRICS_SERVICE = "cart";
/** The bucket bounds that the HTTP conventions advise, in seconds. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] as const;
/** Of ten observations nine are fast; the threshold of the bench's SLO lies between the two buckets. */
const FAST_BUCKET = 3;
const SLOW_BUCKET = 12;
export const THRESHOLD = "250ms";
/** What every point adds from one request to the next. */
export const OBSERVATIONS = 10;
const FAST_OBSERVATIONS = 9;

/** Fields of HistogramDataPoint whose values change from request to request. */
const TIME = 3;
const COUNT = 4;
const BUCKET_COUNTS = 6;

/**
 * One encoded ExportMetricsServiceRequest with a cumulative latency histogram, as one instance of a service sends it again
 * and again: times and counts are rewritten in place.
 */
export class PatchableMetrics {
  readonly bytes: Buffer;
  readonly points: number;
  /** Three offsets a point: time, count and the first bucket count. */
  private readonly offsets: Uint32Array;
  private requests = 0;

  private constructor(bytes: Buffer, offsets: Uint32Array) {
    this.bytes = bytes;
    this.offsets = offsets;
    this.points = offsets.length / 3;
  }

  /**
   * @param instance tells the series of one sender from another's
   * @param startUnixMs when the instance started; its counts begin at zero then
   */
  static encode(points: number, instance: string, startUnixMs: number): PatchableMetrics {
    const described = Array.from({ length: points }, (_, i) => ({
      startUnixMs,
      timeUnixMs: startUnixMs,
      attributes: {
        "http.request.method": "GET",
        "http.route": `/api/v1/things/${i}`,
        "http.response.status_code": 200,
        "url.scheme": "https",
        "service.instance.id": instance,
      },
      value: { bounds: [...BOUNDS], counts: BOUNDS.map(() => 0).concat(0) },
    }));
    const metric = { name: "http.server.request.duration", unit: "s", points: described };
    const bytes = Buffer.from(metricsRequest({ service: METRICS_SERVICE }, [metric]));
    return new PatchableMetrics(bytes, pointOffsets(bytes, points));
  }

  /** Makes it the next request: every point has seen OBSERVATIONS more. */
  patch(nowUnixMs: number): void {
    const { bytes, offsets } = this;
    this.requests++;
    const nowNs = BigInt(nowUnixMs) * 1_000_000n;
    const [hi, lo] = [Number(nowNs >> 32n), Number(nowNs & 0xffffffffn)];
    // Two requests of one millisecond must not have one time: the second would be a repetition.
    const ns = lo + (this.requests % 1_000_000);
    for (let at = 0; at < offsets.length; at += 3) {
      writeNanos(bytes, offsets[at]!, hi, ns);
      bytes.writeUInt32LE(this.requests * OBSERVATIONS, offsets[at + 1]!);
      const buckets = offsets[at + 2]!;
      bytes.writeUInt32LE(this.requests * FAST_OBSERVATIONS, buckets + 8 * FAST_BUCKET);
      bytes.writeUInt32LE(
        this.requests * (OBSERVATIONS - FAST_OBSERVATIONS),
        buckets + 8 * SLOW_BUCKET,
      );
    }
  }
}

function pointOffsets(bytes: Buffer, points: number): Uint32Array {
  const offsets: number[] = [];
  // resource_metrics > scope_metrics > metrics > histogram > data_points
  eachMessage(bytes, [1, 2, 2, 9, 1], (reader, end) => {
    const at = [0, 0, 0];
    while (reader.pos < end) {
      const tag = reader.uint32();
      const field = tag >>> 3;
      if (field === TIME) at[0] = reader.pos;
      else if (field === COUNT) at[1] = reader.pos;
      if (field === BUCKET_COUNTS) {
        const length = reader.uint32();
        at[2] = reader.pos;
        reader.skip(length);
      } else reader.skipType(tag & 7);
    }
    offsets.push(...at);
  });
  if (offsets.length !== 3 * points || offsets.includes(0))
    throw new Error("unreachable: a point without time, count or packed bucket counts");
  return Uint32Array.from(offsets);
}

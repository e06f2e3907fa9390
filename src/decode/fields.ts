/**
 * Tags (`field number * 8 + wire type`) of the OTLP messages that are read, named Message_field.
 * @see https://github.com/open-telemetry/opentelemetry-proto
 */

// collector/trace/v1/trace_service.proto, collector/metrics/v1/metrics_service.proto
export const REQUEST_RESOURCES = 0x0a; // 1: repeated ResourceSpans or ResourceMetrics

// trace/v1/trace.proto, metrics/v1/metrics.proto
export const RESOURCE_X_RESOURCE = 0x0a; // 1: Resource
export const RESOURCE_X_SCOPES = 0x12; // 2: repeated ScopeSpans or ScopeMetrics
export const SCOPE_X_SCOPE = 0x0a; // 1: InstrumentationScope
export const SCOPE_X_ITEMS = 0x12; // 2: repeated Span or Metric

// resource/v1/resource.proto
export const RESOURCE_ATTRIBUTES = 0x0a; // 1: repeated KeyValue

// common/v1/common.proto: InstrumentationScope
export const SCOPE_NAME = 0x0a; // 1: string
export const SCOPE_VERSION = 0x12; // 2: string
export const SCOPE_ATTRIBUTES = 0x1a; // 3: repeated KeyValue

// trace/v1/trace.proto: Span
export const SPAN_TRACE_ID = 0x0a; // 1: bytes, 16
export const SPAN_SPAN_ID = 0x12; // 2: bytes, 8
export const SPAN_TRACE_STATE = 0x1a; // 3: string
export const SPAN_NAME = 0x2a; // 5: string
export const SPAN_KIND = 0x30; // 6: enum
export const SPAN_START = 0x39; // 7: fixed64, ns
export const SPAN_END = 0x41; // 8: fixed64, ns
export const SPAN_ATTRIBUTES = 0x4a; // 9: repeated KeyValue
export const SPAN_STATUS = 0x7a; // 15: Status
// Read by nobody, but in every span, so stepped over quickly
export const SPAN_PARENT_ID = 0x22; // 4: bytes
export const SPAN_DROPPED_ATTRIBUTES = 0x50; // 10: uint32
export const SPAN_DROPPED_EVENTS = 0x60; // 12: uint32
export const SPAN_DROPPED_LINKS = 0x70; // 14: uint32
export const SPAN_FLAGS = 0x0185; // 16: fixed32; its tag has two bytes, 0x85 0x01
export const SPAN_LAST_READ_FIELD = 15;
export const STATUS_CODE = 0x18; // 3: enum

// common/v1/common.proto: KeyValue, AnyValue
export const KEY_VALUE_KEY = 0x0a; // 1: string
export const KEY_VALUE_VALUE = 0x12; // 2: AnyValue
export const ANY_STRING = 0x0a; // 1: string
export const ANY_BOOL = 0x10; // 2: bool
export const ANY_INT = 0x18; // 3: int64
export const ANY_DOUBLE = 0x21; // 4: double
export const ANY_LAST_FIELD = 7; // 5: array, 6: map, 7: bytes

// metrics/v1/metrics.proto: Metric
export const METRIC_NAME = 0x0a; // 1: string
export const METRIC_UNIT = 0x1a; // 3: string
export const METRIC_GAUGE = 0x2a; // 5: Gauge
export const METRIC_SUM = 0x3a; // 7: Sum
export const METRIC_HISTOGRAM = 0x4a; // 9: Histogram
export const METRIC_EXP_HISTOGRAM = 0x52; // 10: ExponentialHistogram
export const METRIC_SUMMARY = 0x5a; // 11: Summary, not counted
// Gauge, Sum, Histogram, ExponentialHistogram share these
export const DATA_POINTS = 0x0a; // 1: repeated data points
export const DATA_TEMPORALITY = 0x10; // 2: enum
export const SUM_IS_MONOTONIC = 0x18; // 3: bool
// NumberDataPoint
export const NUMBER_START = 0x11; // 2: fixed64
export const NUMBER_TIME = 0x19; // 3: fixed64
export const NUMBER_DOUBLE = 0x21; // 4: double
export const NUMBER_INT = 0x31; // 6: sfixed64
export const NUMBER_ATTRIBUTES = 0x3a; // 7: repeated KeyValue
export const NUMBER_FLAGS = 0x40; // 8: uint32
// HistogramDataPoint
export const HISTOGRAM_START = 0x11; // 2: fixed64
export const HISTOGRAM_TIME = 0x19; // 3: fixed64
export const HISTOGRAM_COUNT = 0x21; // 4: fixed64
export const HISTOGRAM_SUM = 0x29; // 5: double
export const HISTOGRAM_BUCKETS = 0x32; // 6: repeated fixed64, packed (0x31 unpacked)
export const HISTOGRAM_BUCKET = 0x31;
export const HISTOGRAM_BOUNDS = 0x3a; // 7: repeated double, packed (0x39 unpacked)
export const HISTOGRAM_BOUND = 0x39;
export const HISTOGRAM_ATTRIBUTES = 0x4a; // 9: repeated KeyValue
export const HISTOGRAM_FLAGS = 0x50; // 10: uint32
// ExponentialHistogramDataPoint
export const EXP_ATTRIBUTES = 0x0a; // 1: repeated KeyValue
export const EXP_START = 0x11; // 2: fixed64
export const EXP_TIME = 0x19; // 3: fixed64
export const EXP_COUNT = 0x21; // 4: fixed64
export const EXP_SCALE = 0x30; // 6: sint32
export const EXP_ZERO_COUNT = 0x39; // 7: fixed64
export const EXP_POSITIVE = 0x42; // 8: Buckets
export const EXP_NEGATIVE = 0x4a; // 9: Buckets
export const EXP_FLAGS = 0x50; // 10: uint32
export const EXP_ZERO_THRESHOLD = 0x71; // 14: double
export const BUCKETS_OFFSET = 0x08; // 1: sint32
export const BUCKETS_COUNTS = 0x12; // 2: repeated uint64, packed (0x10 unpacked)
export const BUCKETS_COUNT = 0x10;

/** DataPointFlags: the point says "no value recorded". */
export const FLAG_NO_RECORDED_VALUE = 1;
export const TEMPORALITY_DELTA = 1;
export const TEMPORALITY_CUMULATIVE = 2;

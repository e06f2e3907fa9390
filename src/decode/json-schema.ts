/** How a JSON field is written as protobuf. */
export type FieldType =
  | "string"
  | "bool"
  | "double"
  | "int64"
  | "uint64"
  | "fixed64"
  | "sfixed64"
  | "uint32"
  | "sint32"
  | "fixed32"
  | "enum"
  | "hex"
  | "base64"
  | Message;

export interface Field {
  readonly number: number;
  readonly type: FieldType;
  readonly repeated?: boolean;
}

/** Fields by their lowerCamelCase JSON names; what is not here is ignored. */
export interface Message {
  readonly name: string;
  readonly fields: Readonly<Record<string, Field>>;
}

const ANY_VALUE: { name: string; fields: Record<string, Field> } = { name: "AnyValue", fields: {} };
const KEY_VALUE: Message = {
  name: "KeyValue",
  fields: { key: { number: 1, type: "string" }, value: { number: 2, type: ANY_VALUE } },
};
// AnyValue, ArrayValue and KeyValueList refer to one another.
Object.assign(ANY_VALUE.fields, {
  stringValue: { number: 1, type: "string" },
  boolValue: { number: 2, type: "bool" },
  intValue: { number: 3, type: "int64" },
  doubleValue: { number: 4, type: "double" },
  arrayValue: {
    number: 5,
    type: {
      name: "ArrayValue",
      fields: { values: { number: 1, type: ANY_VALUE, repeated: true } },
    },
  },
  kvlistValue: {
    number: 6,
    type: {
      name: "KeyValueList",
      fields: { values: { number: 1, type: KEY_VALUE, repeated: true } },
    },
  },
  bytesValue: { number: 7, type: "base64" },
} satisfies Record<string, Field>);

const attributes = (number: number): Field => ({ number, type: KEY_VALUE, repeated: true });
const RESOURCE: Message = { name: "Resource", fields: { attributes: attributes(1) } };
const SCOPE: Message = {
  name: "InstrumentationScope",
  fields: {
    name: { number: 1, type: "string" },
    version: { number: 2, type: "string" },
    attributes: attributes(3),
  },
};

const SPAN: Message = {
  name: "Span",
  fields: {
    traceId: { number: 1, type: "hex" },
    spanId: { number: 2, type: "hex" },
    traceState: { number: 3, type: "string" },
    name: { number: 5, type: "string" },
    kind: { number: 6, type: "enum" },
    startTimeUnixNano: { number: 7, type: "fixed64" },
    endTimeUnixNano: { number: 8, type: "fixed64" },
    attributes: attributes(9),
    status: { number: 15, type: { name: "Status", fields: { code: { number: 3, type: "enum" } } } },
  },
};

const POINT_TIMES: Record<string, Field> = {
  startTimeUnixNano: { number: 2, type: "fixed64" },
  timeUnixNano: { number: 3, type: "fixed64" },
};
const NUMBER_POINT: Message = {
  name: "NumberDataPoint",
  fields: {
    ...POINT_TIMES,
    asDouble: { number: 4, type: "double" },
    asInt: { number: 6, type: "sfixed64" },
    attributes: attributes(7),
    flags: { number: 8, type: "uint32" },
  },
};
const HISTOGRAM_POINT: Message = {
  name: "HistogramDataPoint",
  fields: {
    ...POINT_TIMES,
    count: { number: 4, type: "fixed64" },
    bucketCounts: { number: 6, type: "fixed64", repeated: true },
    explicitBounds: { number: 7, type: "double", repeated: true },
    attributes: attributes(9),
    flags: { number: 10, type: "uint32" },
  },
};
const BUCKETS: Message = {
  name: "Buckets",
  fields: {
    offset: { number: 1, type: "sint32" },
    bucketCounts: { number: 2, type: "uint64", repeated: true },
  },
};
const EXP_POINT: Message = {
  name: "ExponentialHistogramDataPoint",
  fields: {
    attributes: attributes(1),
    ...POINT_TIMES,
    count: { number: 4, type: "fixed64" },
    scale: { number: 6, type: "sint32" },
    zeroCount: { number: 7, type: "fixed64" },
    positive: { number: 8, type: BUCKETS },
    negative: { number: 9, type: BUCKETS },
    flags: { number: 10, type: "uint32" },
    zeroThreshold: { number: 14, type: "double" },
  },
};

const data = (name: string, point: Message, more: Record<string, Field> = {}): FieldType => ({
  name,
  fields: { dataPoints: { number: 1, type: point, repeated: true }, ...more },
});
const TEMPORALITY: Record<string, Field> = { aggregationTemporality: { number: 2, type: "enum" } };
const METRIC: Message = {
  name: "Metric",
  fields: {
    name: { number: 1, type: "string" },
    unit: { number: 3, type: "string" },
    gauge: { number: 5, type: data("Gauge", NUMBER_POINT) },
    sum: {
      number: 7,
      type: data("Sum", NUMBER_POINT, { ...TEMPORALITY, isMonotonic: { number: 3, type: "bool" } }),
    },
    histogram: { number: 9, type: data("Histogram", HISTOGRAM_POINT, TEMPORALITY) },
    exponentialHistogram: {
      number: 10,
      type: data("ExponentialHistogram", EXP_POINT, TEMPORALITY),
    },
    summary: { number: 11, type: data("Summary", { name: "SummaryDataPoint", fields: {} }) },
  },
};

const envelope = (request: string, kind: string, item: Message, items: string): Message => ({
  name: request,
  fields: {
    [`resource${kind}`]: {
      number: 1,
      repeated: true,
      type: {
        name: `Resource${kind}`,
        fields: {
          resource: { number: 1, type: RESOURCE },
          [`scope${kind}`]: {
            number: 2,
            repeated: true,
            type: {
              name: `Scope${kind}`,
              fields: {
                scope: { number: 1, type: SCOPE },
                [items]: { number: 2, type: item, repeated: true },
              },
            },
          },
        },
      },
    },
  },
});

/** The two requests, with the fields that the decoder reads. */
export const REQUESTS: Readonly<Record<"traces" | "metrics", Message>> = {
  traces: envelope("ExportTraceServiceRequest", "Spans", SPAN, "spans"),
  metrics: envelope("ExportMetricsServiceRequest", "Metrics", METRIC, "metrics"),
};

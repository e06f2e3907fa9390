import {
  bytes,
  double,
  fixed64,
  message,
  packed,
  text,
  varint,
  type WireField,
  zigzag,
} from "./wire-message.ts";

/** OTLP messages field by field: what tests/support/otlp.ts cannot say, because no SDK would write it. */
export type AttributeValue = string | number | bigint | boolean | null | readonly string[];

export function keyValue(key: string, value: AttributeValue): WireField[] {
  return [text(1, key), message(2, anyValue(value))];
}

export function anyValue(value: AttributeValue): WireField[] {
  if (value === null) return [];
  if (typeof value === "string") return [text(1, value)];
  if (typeof value === "boolean") return [varint(2, value ? 1 : 0)];
  if (typeof value === "bigint") return [varint(3, value)];
  if (typeof value === "number") {
    return [Number.isInteger(value) ? varint(3, value) : double(4, value)];
  }
  return [
    message(
      5,
      value.map((part) => message(1, [text(1, part)])),
    ),
  ];
}

type Attributes = Readonly<Record<string, AttributeValue>>;

export function attributesField(number: number, attributes: Attributes): WireField[] {
  return Object.entries(attributes).map(([key, value]) => message(number, keyValue(key, value)));
}

export interface WireSpan {
  readonly traceId?: Uint8Array;
  readonly spanId?: Uint8Array;
  readonly traceState?: string;
  readonly name?: string;
  readonly kind?: number;
  readonly startNs?: bigint;
  readonly endNs?: bigint;
  readonly attributes?: Attributes;
  readonly status?: number;
  /** Further fields of the span. */
  readonly more?: readonly WireField[];
}

export function spanFields(span: WireSpan): WireField[] {
  return [
    ...(span.traceId === undefined ? [] : [bytes(1, span.traceId)]),
    ...(span.spanId === undefined ? [] : [bytes(2, span.spanId)]),
    ...(span.traceState === undefined ? [] : [text(3, span.traceState)]),
    ...(span.name === undefined ? [] : [text(5, span.name)]),
    ...(span.kind === undefined ? [] : [varint(6, span.kind)]),
    ...(span.startNs === undefined ? [] : [fixed64(7, span.startNs)]),
    ...(span.endNs === undefined ? [] : [fixed64(8, span.endNs)]),
    ...attributesField(9, span.attributes ?? {}),
    ...(span.status === undefined ? [] : [message(15, [varint(3, span.status)])]),
    ...(span.more ?? []),
  ];
}

/** One resource with one scope. */
export function traceFields(resource: Attributes, spans: readonly WireSpan[]): WireField[] {
  return [
    message(1, [
      message(1, attributesField(1, resource)),
      message(2, [
        message(1, [text(1, "test")]),
        ...spans.map((span) => message(2, spanFields(span))),
      ]),
    ]),
  ];
}

export function metricFields(resource: Attributes, metrics: readonly WireField[]): WireField[] {
  return [
    message(1, [
      message(1, attributesField(1, resource)),
      message(2, [message(1, [text(1, "test")]), ...metrics]),
    ]),
  ];
}

interface PointTimes {
  readonly startNs?: bigint;
  readonly timeNs: bigint;
  readonly attributes?: Attributes;
  readonly flags?: number;
}

const DELTA = 1;
const CUMULATIVE = 2;
const temporality = (kind: "delta" | "cumulative" | "unspecified"): WireField =>
  varint(2, kind === "delta" ? DELTA : kind === "cumulative" ? CUMULATIVE : 0);

const times = (point: PointTimes): WireField[] => [
  ...(point.startNs === undefined ? [] : [fixed64(2, point.startNs)]),
  fixed64(3, point.timeNs),
];

const metric = (name: string, unit: string, data: WireField): WireField =>
  message(2, [text(1, name), text(3, unit), data]);

export interface SumPoint extends PointTimes {
  /** A bigint is written as an int, a number as a double. */
  readonly value: number | bigint;
}

const numberPoint = (point: SumPoint): WireField =>
  message(1, [
    ...times(point),
    typeof point.value === "bigint" ? fixed64(6, point.value) : double(4, point.value),
    ...attributesField(7, point.attributes ?? {}),
    ...(point.flags === undefined ? [] : [varint(8, point.flags)]),
  ]);

export function sum(
  kind: "delta" | "cumulative" | "unspecified",
  points: readonly SumPoint[],
  options: { readonly name?: string; readonly monotonic?: boolean } = {},
): WireField {
  return metric(
    options.name ?? "requests",
    "{request}",
    message(7, [
      ...points.map(numberPoint),
      temporality(kind),
      varint(3, (options.monotonic ?? true) ? 1 : 0),
    ]),
  );
}

export function gauge(name: string, unit: string, points: readonly SumPoint[]): WireField {
  return metric(name, unit, message(5, points.map(numberPoint)));
}

export interface HistogramPoint extends PointTimes {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  /** The count when it is not the sum of the buckets. */
  readonly count?: number;
}

export function histogram(
  kind: "delta" | "cumulative",
  points: readonly HistogramPoint[],
  options: { readonly name?: string; readonly unit?: string; readonly isPacked?: boolean } = {},
): WireField {
  const isPacked = options.isPacked ?? true;
  const repeated = (number: number, fields: WireField[]): WireField[] =>
    isPacked ? [packed(number, fields)] : fields;
  return metric(
    options.name ?? "duration",
    options.unit ?? "s",
    message(9, [
      ...points.map((point) =>
        message(1, [
          ...times(point),
          fixed64(4, point.count ?? point.counts.reduce((a, b) => a + b, 0)),
          double(5, 1.5),
          ...repeated(
            6,
            point.counts.map((count) => fixed64(6, count)),
          ),
          ...repeated(
            7,
            point.bounds.map((bound) => double(7, bound)),
          ),
          ...attributesField(9, point.attributes ?? {}),
          ...(point.flags === undefined ? [] : [varint(10, point.flags)]),
        ]),
      ),
      temporality(kind),
    ]),
  );
}

export interface ExponentialPoint extends PointTimes {
  readonly scale: number;
  readonly offset: number;
  readonly counts: readonly number[];
  readonly negative?: readonly number[];
  readonly zeroCount?: number;
  readonly zeroThreshold?: number;
}

export function exponentialHistogram(
  kind: "delta" | "cumulative",
  points: readonly ExponentialPoint[],
  options: { readonly name?: string; readonly unit?: string; readonly isPacked?: boolean } = {},
): WireField {
  const isPacked = options.isPacked ?? true;
  const buckets = (number: number, offset: number, counts: readonly number[]): WireField =>
    message(number, [
      zigzag(1, offset),
      ...(isPacked
        ? [
            packed(
              2,
              counts.map((count) => varint(2, count)),
            ),
          ]
        : counts.map((count) => varint(2, count))),
    ]);
  return metric(
    options.name ?? "duration",
    options.unit ?? "s",
    message(10, [
      ...points.map((point) => {
        const all = [...point.counts, ...(point.negative ?? []), point.zeroCount ?? 0];
        return message(1, [
          ...attributesField(1, point.attributes ?? {}),
          ...times(point),
          fixed64(
            4,
            all.reduce((a, b) => a + b, 0),
          ),
          zigzag(6, point.scale),
          fixed64(7, point.zeroCount ?? 0),
          buckets(8, point.offset, point.counts),
          ...(point.negative === undefined ? [] : [buckets(9, 0, point.negative)]),
          ...(point.zeroThreshold === undefined ? [] : [double(14, point.zeroThreshold)]),
        ]);
      }),
      temporality(kind),
    ]),
  );
}

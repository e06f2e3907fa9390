/**
 * What an SLO's indicator asks of one span or one metric point. `config/` reads it from an OpenSLO
 * `metricSource.spec`; `aggregate/` compiles it into comparisons on wire bytes.
 */
export type Matcher =
  | { readonly all: readonly Matcher[] }
  | { readonly any: readonly Matcher[] }
  | { readonly not: Matcher }
  | { readonly kind: readonly SpanKind[] }
  | { readonly status: readonly SpanStatus[] }
  /** Span name or, for metrics, metric name. */
  | { readonly name: ValueTest }
  | { readonly resource: string; readonly test: ValueTest }
  | { readonly attribute: string; readonly test: ValueTest }
  /** Span duration in milliseconds (fractions allowed); spans only. */
  | { readonly durationMs: ValueTest };

export type SpanKind = "unspecified" | "internal" | "server" | "client" | "producer" | "consumer";
export type SpanStatus = "unset" | "ok" | "error";

/** A scalar as written in YAML. A number also matches a string attribute with the same decimal text. */
export type Scalar = string | number | boolean;

/** All given conditions must hold. `exists: false` holds when the attribute is absent. */
export interface ValueTest {
  /** Equal to any of these. */
  readonly in?: readonly Scalar[];
  /** Present and equal to none of these, or absent. */
  readonly notIn?: readonly Scalar[];
  readonly prefix?: string;
  readonly suffix?: string;
  readonly contains?: string;
  readonly exists?: boolean;
  /** Numeric bounds; a string attribute that reads as a decimal number is compared as one. */
  readonly gt?: number;
  readonly gte?: number;
  readonly lt?: number;
  readonly lte?: number;
}

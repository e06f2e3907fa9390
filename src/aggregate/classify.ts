import type { AttributeSlots } from "../decode/attributes.ts";
import type { SpanRecord } from "../decode/span-record.ts";
import { toDouble } from "../decode/wire.ts";
import type { Matcher, SpanKind, SpanStatus } from "../model/matcher.ts";
import { compileTest } from "./value-test.ts";

/** The part of a span or point that matchers of both signals read. */
export interface MatchRecord {
  readonly bytes: Uint8Array;
  readonly resource: AttributeSlots;
  readonly attributes: AttributeSlots;
  readonly nameStart: number;
  readonly nameEnd: number;
}

export type RecordTest<R> = (record: R) => boolean;

/** Where a key's value will be found: the slot in the table of resource or item attributes. */
export interface SlotLookup {
  resource(key: string): number;
  attribute(key: string): number;
}

/** OTLP numbers of the kinds and status codes. */
const KINDS: Readonly<Record<SpanKind, number>> = {
  unspecified: 0,
  internal: 1,
  server: 2,
  client: 3,
  producer: 4,
  consumer: 5,
};
const STATUSES: Readonly<Record<SpanStatus, number>> = { unset: 0, ok: 1, error: 2 };

/** Does a span match? Compiled once per rule; the test allocates nothing. */
export function compileSpanMatcher(matcher: Matcher, slots: SlotLookup): RecordTest<SpanRecord> {
  return compile<SpanRecord>(matcher, slots, (leaf) => {
    if ("kind" in leaf) {
      const mask = bits(leaf.kind.map((kind) => KINDS[kind]));
      return (span) => ((mask >>> span.kind) & 1) === 1 && span.kind < 32;
    }
    if ("status" in leaf) {
      const mask = bits(leaf.status.map((status) => STATUSES[status]));
      return (span) => ((mask >>> span.status) & 1) === 1 && span.status < 32;
    }
    if ("durationMs" in leaf) {
      const test = compileTest(leaf.durationMs);
      return (span) => test.number(durationMs(span));
    }
    return null;
  });
}

/** Does a metric point match? Kinds, statuses and durations are properties of spans: never. */
export function compilePointMatcher<R extends MatchRecord>(
  matcher: Matcher,
  slots: SlotLookup,
): RecordTest<R> {
  return compile<R>(matcher, slots, () => () => false);
}

/** Duration in milliseconds, from exact nanoseconds; a span that ends before it starts lasted 0. */
export function durationMs(span: SpanRecord): number {
  const ns = toDouble(span.endHi - span.startHi, span.endLo - span.startLo);
  return ns > 0 ? ns / 1e6 : 0;
}

function compile<R extends MatchRecord>(
  matcher: Matcher,
  slots: SlotLookup,
  leafOf: (leaf: Matcher) => RecordTest<R> | null,
): RecordTest<R> {
  if ("all" in matcher) {
    const tests = matcher.all.map((part) => compile(part, slots, leafOf));
    if (tests.length === 1) return tests[0]!;
    return (record) => {
      for (let i = 0; i < tests.length; i++) if (!tests[i]!(record)) return false;
      return true;
    };
  }
  if ("any" in matcher) {
    const tests = matcher.any.map((part) => compile(part, slots, leafOf));
    if (tests.length === 1) return tests[0]!;
    return (record) => {
      for (let i = 0; i < tests.length; i++) if (tests[i]!(record)) return true;
      return false;
    };
  }
  if ("not" in matcher) {
    const test = compile(matcher.not, slots, leafOf);
    return (record) => !test(record);
  }
  if ("name" in matcher) {
    const test = compileTest(matcher.name);
    return (record) => test.range(record.bytes, record.nameStart, record.nameEnd);
  }
  if ("resource" in matcher) {
    const test = compileTest(matcher.test);
    const slot = slots.resource(matcher.resource);
    return (record) => test.slot(record.resource, slot, record.bytes);
  }
  if ("attribute" in matcher) {
    const test = compileTest(matcher.test);
    const slot = slots.attribute(matcher.attribute);
    return (record) => test.slot(record.attributes, slot, record.bytes);
  }
  return leafOf(matcher) ?? (() => false);
}

function bits(values: readonly number[]): number {
  return values.reduce((mask, value) => mask | (1 << value), 0);
}

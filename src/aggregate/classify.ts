import type { AttributeSlots } from "../decode/attributes.ts";
import { ABSENT } from "../decode/slot-types.ts";
import type { SpanRecord } from "../decode/span-record.ts";
import { toDouble } from "../decode/wire.ts";
import type { Matcher, SpanKind, SpanStatus } from "../model/matcher.ts";
import { CompiledTest } from "./value-test.ts";

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
      const test = new CompiledTest(leaf.durationMs);
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

type LeafCompiler<R> = (leaf: Matcher) => RecordTest<R> | null;

function compile<R extends MatchRecord>(
  matcher: Matcher,
  slots: SlotLookup,
  leafOf: LeafCompiler<R>,
): RecordTest<R> {
  if ("all" in matcher) return compileAll(matcher.all, slots, leafOf);
  if ("any" in matcher) return compileAny(matcher.any, slots, leafOf);
  if ("not" in matcher) {
    const test = compile(matcher.not, slots, leafOf);
    return (record) => !test(record);
  }
  if ("name" in matcher) {
    const test = new CompiledTest(matcher.name);
    return (record) => test.range(record.bytes, record.nameStart, record.nameEnd);
  }
  if ("resource" in matcher) {
    const test = new CompiledTest(matcher.test);
    const slot = slots.resource(matcher.resource);
    return (record) => test.slot(record.resource, slot, record.bytes);
  }
  if ("attribute" in matcher) {
    const test = new CompiledTest(matcher.test);
    const slot = slots.attribute(matcher.attribute);
    return (record) => test.slot(record.attributes, slot, record.bytes);
  }
  return leafOf(matcher) ?? (() => false);
}

/** The parts that are negated are asked together: not a and not b is not (a or b). */
function compileAll<R extends MatchRecord>(
  parts: readonly Matcher[],
  slots: SlotLookup,
  leafOf: LeafCompiler<R>,
): RecordTest<R> {
  const negated = parts.flatMap((part) => ("not" in part ? [part.not] : []));
  const rest = parts.filter((part) => !("not" in part));
  const tests = rest.map((part) => compile(part, slots, leafOf));
  if (negated.length > 0) {
    const test = compileAny(negated, slots, leafOf);
    tests.push((record) => !test(record));
  }
  if (tests.length === 1) return tests[0]!;
  return (record) => {
    for (let i = 0; i < tests.length; i++) if (!tests[i]!(record)) return false;
    return true;
  };
}

/**
 * Most attributes that a rule asks for are absent (old and new names, HTTP and RPC): those are passed over in one
 * loop, without a call for each.
 */
function compileAny<R extends MatchRecord>(
  parts: readonly Matcher[],
  slots: SlotLookup,
  leafOf: LeafCompiler<R>,
): RecordTest<R> {
  const attributes: { readonly slot: number; readonly test: CompiledTest }[] = [];
  const tests: RecordTest<R>[] = [];
  for (const part of flattenedAny(parts)) {
    const test = "attribute" in part ? new CompiledTest(part.test) : null;
    if ("attribute" in part && test !== null && !test.absentPasses) {
      attributes.push({ slot: slots.attribute(part.attribute), test });
    } else tests.push(compile(part, slots, leafOf));
  }
  if (attributes.length === 0 && tests.length === 1) return tests[0]!;
  return (record) => {
    for (let i = 0; i < tests.length; i++) if (tests[i]!(record)) return true;
    const values = record.attributes;
    for (let i = 0; i < attributes.length; i++) {
      const { slot, test } = attributes[i]!;
      if (values.typeOf(slot) !== ABSENT && test.slot(values, slot, record.bytes)) return true;
    }
    return false;
  };
}

function flattenedAny(parts: readonly Matcher[]): readonly Matcher[] {
  return parts.flatMap((part) => ("any" in part ? flattenedAny(part.any) : [part]));
}

function bits(values: readonly number[]): number {
  return values.reduce((mask, value) => mask | (1 << value), 0);
}

import { Hash128 } from "../decode/hash128.ts";
import { KeyTable } from "../decode/key-table.ts";
import type { PointRecord } from "../decode/point-record.ts";
import type { SpanRecord } from "../decode/span-record.ts";
import type { Matcher } from "../model/matcher.ts";
import type { MetricSelector, Slo } from "../model/slo.ts";
import type { UnixMs } from "../model/time.ts";
import {
  compilePointMatcher,
  compileSpanMatcher,
  type RecordTest,
  type SlotLookup,
} from "./classify.ts";
import { ServiceIndex } from "./service-index.ts";

export const SERVICE_NAME = 0; // slots of the resource attributes that every engine reads
export const SERVICE_VERSION = 1;

export interface SpanRule {
  readonly slo: number;
  /** Parts of the matchers that only look at the resource; checked once per resource. */
  readonly resource: RecordTest<SpanRecord>;
  readonly total: RecordTest<SpanRecord>;
  readonly judge: RecordTest<SpanRecord>;
  /** What `judge` being true means. */
  readonly judgesBad: boolean;
  /** Cell of the last span, tried first: most spans of a request share second and version. */
  lastCell: number;
}

/** One selector of one SLO; its count is multiplied into total and bad. */
export interface PointRule {
  readonly slo: number;
  readonly resource: RecordTest<PointRecord>;
  readonly where: RecordTest<PointRecord>;
  /** Slots in the table of metric names. */
  readonly metrics: ReadonlySet<number>;
  readonly threshold: MetricSelector["threshold"];
  /** When the SLO began to count by its indicator. */
  readonly since: UnixMs;
  /** Identity for cumulative state, 128 bits in four words; stable while the selector's text and `since` are. */
  readonly selector: Int32Array;
  /** A good/total indicator counts as total +1, bad +1 and good: bad -1. */
  readonly addsTotal: 0 | 1;
  readonly addsBad: -1 | 0 | 1;
}

/** All SLOs' indicators compiled together: key tables, and rules found by service. */
export interface RuleSet {
  readonly resourceKeys: KeyTable;
  readonly spanKeys: KeyTable;
  readonly pointKeys: KeyTable;
  readonly metricNames: KeyTable;
  readonly spans: ServiceIndex<SpanRule>;
  readonly points: ServiceIndex<PointRule>;
}

/**
 * @param indexOf the SLO's column in deltas, stable across reloads
 * @param sinceOf when the SLO began to count by its indicator, stable as long as it does; needed for metrics only
 */
export function compileRules(
  slos: readonly Slo[],
  indexOf: (slo: Slo) => number,
  sinceOf: (slo: Slo) => UnixMs = () => 0,
): RuleSet {
  const resourceKeys = new SlotRegistry(["service.name", "service.version"]);
  const spanKeys = new SlotRegistry([]);
  const pointKeys = new SlotRegistry([]);
  const metricNames = new SlotRegistry([]);
  const spans = new ServiceIndex<SpanRule>();
  const points = new ServiceIndex<PointRule>();
  const spanSlots = lookup(resourceKeys, spanKeys);
  const pointSlots = lookup(resourceKeys, pointKeys);
  const spanTest = onceEach((matcher) => compileSpanMatcher(matcher, spanSlots));
  const pointTest = onceEach((matcher) => compilePointMatcher<PointRecord>(matcher, pointSlots));

  for (const slo of slos) {
    const indicator = slo.indicator;
    if (indicator.signal === "spans") {
      const { resource, rest } = split(indicator.total);
      const judge = indicator.bad ?? indicator.good ?? { any: [] };
      spans.add(servicesOf(indicator.total), {
        slo: indexOf(slo),
        resource: spanTest({ all: resource }),
        total: spanTest({ all: rest }),
        judge: spanTest(judge),
        judgesBad: indicator.bad !== null,
        lastCell: -1,
      });
    } else {
      const since = sinceOf(slo);
      const add = (selector: MetricSelector, role: string, total: 0 | 1, bad: -1 | 0 | 1) => {
        const { resource, rest } = split(selector.where);
        points.add(servicesOf(selector.where), {
          slo: indexOf(slo),
          resource: pointTest({ all: resource }),
          where: pointTest({ all: rest }),
          metrics: new Set(selector.metrics.map((name) => metricNames.slot(name))),
          threshold: selector.threshold,
          since,
          selector: identityOf(`${slo.name} ${role} ${since} ${JSON.stringify(selector)}`),
          addsTotal: total,
          addsBad: bad,
        });
      };
      add(indicator.total, "total", 1, indicator.good === null ? 0 : 1);
      if (indicator.bad !== null) add(indicator.bad, "bad", 0, 1);
      else if (indicator.good !== null) add(indicator.good, "good", 0, -1);
    }
  }
  return {
    resourceKeys: new KeyTable(resourceKeys.keys),
    spanKeys: new KeyTable(spanKeys.keys),
    pointKeys: new KeyTable(pointKeys.keys),
    metricNames: new KeyTable(metricNames.keys),
    spans,
    points,
  };
}

/** Matchers that ask the same share one test: most SLOs differ in their service alone. */
function onceEach<R>(compile: (matcher: Matcher) => RecordTest<R>): typeof compile {
  const tests = new Map<string, RecordTest<R>>();
  return (matcher) => {
    const text = JSON.stringify(matcher);
    const test = tests.get(text) ?? compile(matcher);
    tests.set(text, test);
    return test;
  };
}

/** Keys in order of first use: a key's place is its slot. */
class SlotRegistry {
  readonly keys: string[];
  private readonly slots = new Map<string, number>();

  constructor(first: readonly string[]) {
    this.keys = [...first];
    for (const [slot, key] of first.entries()) this.slots.set(key, slot);
  }

  slot(key: string): number {
    let slot = this.slots.get(key);
    if (slot === undefined) {
      slot = this.keys.length;
      this.keys.push(key);
      this.slots.set(key, slot);
    }
    return slot;
  }
}

function lookup(resource: SlotRegistry, attribute: SlotRegistry): SlotLookup {
  return { resource: (key) => resource.slot(key), attribute: (key) => attribute.slot(key) };
}

/** Top-level conjuncts that only ask about the resource, and the others. */
function split(matcher: Matcher): { resource: Matcher[]; rest: Matcher[] } {
  const parts = conjuncts(matcher);
  return { resource: parts.filter(isResourceOnly), rest: parts.filter((p) => !isResourceOnly(p)) };
}

function conjuncts(matcher: Matcher): readonly Matcher[] {
  return "all" in matcher ? matcher.all.flatMap(conjuncts) : [matcher];
}

function isResourceOnly(matcher: Matcher): boolean {
  if ("resource" in matcher) return true;
  if ("not" in matcher) return isResourceOnly(matcher.not);
  if ("any" in matcher) return matcher.any.length > 0 && matcher.any.every(isResourceOnly);
  return "all" in matcher && matcher.all.length > 0 && matcher.all.every(isResourceOnly);
}

/** Names of the only services that can match, or null when any can. */
function servicesOf(matcher: Matcher): readonly string[] | null {
  for (const part of conjuncts(matcher)) {
    if ("resource" in part && part.resource === "service.name" && part.test.in !== undefined) {
      return part.test.in.map(String);
    }
  }
  return null;
}

function identityOf(text: string): Int32Array {
  const hash = new Hash128();
  const bytes = new TextEncoder().encode(text);
  hash.range(bytes, 0, bytes.length);
  return Int32Array.of(hash.a, hash.b, hash.c, hash.d);
}

import type { z } from "zod";
import type { DurationMs } from "../model/time.ts";
import type { BurnWindowPair } from "../model/window.ts";
import { pairFault, pairForLookback } from "./burn-windows.ts";
import type { Documents, SloDocument } from "./documents.ts";
import { sound } from "./issues.ts";
import { type KeyPath, type Report, show, suggest } from "./problem.ts";
import { conditionSpec, policyItem, policySpec } from "./schema.ts";

/** One SLO's `alertPolicies`, unchecked, and what is needed to follow its references. */
export interface AlertContext {
  readonly document: SloDocument;
  readonly documents: Documents;
  readonly report: Report;
  readonly raw: unknown;
}

/** A part of a document, whichever document it stands in. */
interface Place<T> {
  readonly home: SloDocument;
  readonly path: KeyPath;
  readonly value: T;
}

type Policy = z.infer<typeof policySpec>;
type Condition = z.infer<typeof conditionSpec>;
type ConditionItem = Policy["conditions"][number];

/**
 * Burn windows from an SLO's alert policies: every burn-rate condition is a pair. Null when the SLO has
 * no policies; faults are reported, and the pairs without fault returned.
 *
 * @param objective ratio in (0, 1)
 */
export function alertPairs(
  context: AlertContext,
  periodMs: DurationMs,
  objective: number,
): readonly BurnWindowPair[] | null {
  if (!Array.isArray(context.raw) || context.raw.length === 0) return null;
  const pairs: BurnWindowPair[] = [];
  context.raw.forEach((raw: unknown, index) => {
    const policy = findPolicy(context, raw, index);
    const condition = policy === null ? null : findCondition(context, policy);
    if (condition === null) return;
    const { report } = context;
    const at: KeyPath = [...condition.path, "condition"];
    const { lookbackWindow, threshold, alertAfter } = condition.value.condition;
    if (alertAfter !== undefined && !/^0+[a-zA-Z]+$/.test(alertAfter)) {
      report.warn(
        condition.home,
        [...at, "alertAfter"],
        "is ignored; the short window stands for it",
      );
    }
    const pair = pairForLookback(lookbackWindow, threshold);
    if (typeof pair === "string") {
      report.problem(condition.home, [...at, "lookbackWindow"], pair);
      return;
    }
    const fault = pairFault(pair, periodMs, objective);
    if (fault !== null) report.problem(condition.home, at, fault);
    else pairs.push(pair);
  });
  return pairs;
}

function findPolicy(context: AlertContext, raw: unknown, index: number): Place<Policy> | null {
  const path = ["spec", "alertPolicies", index];
  const item = sound(policyItem, raw);
  if (item === null) return null;
  return follow(context, "AlertPolicy", item.alertPolicyRef, policySpec, {
    home: context.document,
    path,
    value: item.spec,
  });
}

function findCondition(context: AlertContext, policy: Place<Policy>): Place<Condition> | null {
  const { conditions } = policy.value;
  const path: KeyPath = [...policy.path, "conditions"];
  const item: ConditionItem | undefined = conditions[0];
  if (item === undefined || conditions.length > 1) {
    const message = `must hold exactly one condition, found ${conditions.length}`;
    const fix = conditions.length > 1 ? "; write one alert policy per condition" : "";
    context.report.problem(policy.home, path, message + fix);
    return null;
  }
  return follow(context, "AlertCondition", item.conditionRef, conditionSpec, {
    home: policy.home,
    path: [...path, 0],
    value: item.spec,
  });
}

/** The spec written in place, or that of the document referred to; exactly one of the two. */
function follow<T>(
  { documents, report }: AlertContext,
  kind: "AlertPolicy" | "AlertCondition",
  ref: string | undefined,
  schema: z.ZodType<T>,
  inline: Place<T | undefined>,
): Place<T> | null {
  const { home, path, value } = inline;
  const refKey = kind === "AlertPolicy" ? "alertPolicyRef" : "conditionRef";
  if ((ref === undefined) === (value === undefined)) {
    const found = ref === undefined ? "neither" : "both";
    report.problem(home, path, `must have ${refKey} or spec, found ${found}`);
    return null;
  }
  if (value !== undefined) return { home, path: [...path, "spec"], value };
  const name = ref ?? "";
  const document = documents.find(kind, name);
  if (document === null) {
    const near = suggest(name, documents.names(kind));
    const message = `must name an ${kind} in these files, found ${show(name)} ${near}`.trim();
    report.problem(home, [...path, refKey], message);
    return null;
  }
  const spec = sound(schema, (document.value as { spec?: unknown }).spec);
  if (spec !== null && document.sound) return { home: document, path: ["spec"], value: spec };
  report.problem(home, [...path, refKey], `must name a sound ${kind}; ${show(name)} has problems`);
  return null;
}

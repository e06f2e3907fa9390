import type { z } from "zod";
import type { Indicator, Slo } from "../model/slo.ts";
import type { DurationMs } from "../model/time.ts";
import type { BurnWindowPair } from "../model/window.ts";
import { type AlertContext, alertPairs } from "./alert-policies.ts";
import { defaultPairs, parsePairs } from "./burn-windows.ts";
import { defaultIndicator } from "./default-indicator.ts";
import { DEFAULT_POLICY } from "./defaults.ts";
import { type Documents, readDocuments, type SloDocument } from "./documents.ts";
import { toIndicator } from "./indicator.ts";
import { sound } from "./issues.ts";
import { warnOfNearKeys, warnOfStrayKeys } from "./near-keys.ts";
import { type Complain, toBudgeting, toPeriod } from "./period.ts";
import { type Annotations, annotationPath, idleAnnotations, readAnnotations } from "./policy.ts";
import { type KeyPath, type Problem, Report, show, suggest } from "./problem.ts";
import {
  indicatorSpec,
  METHODS,
  objective as objectiveSchema,
  service as serviceSchema,
  timeWindow as timeWindowSchema,
} from "./schema.ts";
import { warnOfServices } from "./services.ts";
import { Sharing } from "./sharing.ts";
import { toTarget } from "./target.ts";
import type { ConfigFile } from "./yaml-file.ts";

export interface ParsedSlos {
  /** The sound ones, in the order of files and documents. */
  readonly slos: Slo[];
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

/**
 * SLOs from OpenSLO v1 files. Pure, and never throws: everything wrong is in `problems`, all at once,
 * and an SLO with a problem is not in `slos`. References are looked up in all the files together.
 */
export function parseSlos(files: readonly ConfigFile[]): ParsedSlos {
  const report = new Report();
  const documents = readDocuments(files, report);
  const slos: Slo[] = [];
  const sharing = new Sharing();
  for (const document of documents.slos) {
    const before = report.faults;
    const slo = toSlo(document, documents, report);
    if (slo !== null && document.sound && report.faults === before) {
      slos.push(sharing.of(slo));
    }
  }
  for (const document of documents.unused()) {
    report.warn(document, [], `${document.kind} ${document.name} is not referred to by any SLO`);
  }
  report.sort(files);
  return { slos, problems: report.problems, warnings: report.warnings };
}

/** Reads on after a problem wherever the rest can be judged alone, so that one run shows them all. */
function toSlo(document: SloDocument, documents: Documents, report: Report): Slo | null {
  const metadata = mapping(mapping(document.value).metadata);
  const spec = mapping(mapping(document.value).spec);
  const below =
    (...prefix: KeyPath): Complain =>
    (path, message) =>
      report.problem(document, [...prefix, ...path], message);

  const annotations = readAnnotations(mapping(metadata.annotations), below());
  const warn: Complain = (path, message) => report.warn(document, path, message);
  warnOfNearKeys(mapping(metadata.annotations), mapping(metadata.labels), warn);
  warnOfStrayKeys(mapping(spec.indicator).metadata, ["spec", "indicator"], warn);
  const policies: readonly unknown[] = Array.isArray(spec.alertPolicies) ? spec.alertPolicies : [];
  policies.forEach((policy, index) => {
    warnOfStrayKeys(mapping(policy).metadata, ["spec", "alertPolicies", index], warn);
  });
  const service = sound(serviceSchema, spec.service);
  const objective = only(spec.objectives, "objective", below("spec", "objectives"));
  const rawObjective = sound(objectiveSchema, objective);
  const inObjective = below("spec", "objectives", 0);
  const target =
    rawObjective === null
      ? null
      : toTarget(rawObjective, inObjective, (path, message) =>
          warn(["spec", "objectives", 0, ...path], message),
        );
  const period = readPeriod(spec.timeWindow, below("spec", "timeWindow"));
  const method = METHODS.find((name) => name === (spec.budgetingMethod ?? "Occurrences"));
  const budgeting =
    method === undefined || rawObjective === null
      ? null
      : toBudgeting(method, rawObjective, inObjective);
  const context = { document, documents, report };
  const indicator = readIndicator(context, spec, rawObjective, service);
  // Without period or target any window fits and any threshold can be reached; the rest is judged.
  const pairs = readPairs(annotations, period?.durationMs ?? Infinity, target ?? 1, {
    ...context,
    raw: spec.alertPolicies,
  });

  if (service === null || target === null || period === null || budgeting === null) return null;
  if (indicator === null) return null;
  // Who writes burn windows wants them to decide.
  const alerts = policies.length > 0;
  const written = annotations.windows !== undefined || alerts;
  const detector = annotations.detector ?? (written ? "windows" : DEFAULT_POLICY.detector);
  const idle = idleAnnotations(annotations, detector).map(annotationPath);
  if (alerts && detector === "sequential") idle.push(["spec", "alertPolicies"]);
  for (const path of idle) {
    report.warn(document, path, `decides nothing with the ${detector} detector`);
  }
  const { windows: _windows, plannedRequests, sampledUpstream, ...policy } = annotations;
  const displayName = metadata.displayName;
  return {
    name: document.name,
    displayName: typeof displayName === "string" ? displayName : document.name,
    service,
    objective: target,
    period,
    budgeting,
    indicator,
    plannedRequests: plannedRequests ?? null,
    sampledUpstream: sampledUpstream ?? false,
    policy: { ...DEFAULT_POLICY, ...policy, detector, pairs },
  };
}

/** The one item of a list that may hold one, unchecked; undefined after a complaint. */
function only(list: unknown, what: string, complain: Complain): unknown {
  if (!Array.isArray(list)) return undefined;
  if (list.length === 1) return list[0];
  const fix = list.length === 0 ? "" : `; split them into one SLO per ${what}`;
  complain([], `must hold exactly one ${what}, found ${list.length}${fix}`);
  return undefined;
}

function readPeriod(raw: unknown, complain: Complain) {
  if (raw === undefined) return toPeriod(null, complain);
  const window = sound(timeWindowSchema, only(raw, "time window", complain));
  if (window === null) return null;
  return toPeriod(window, (path, message) => complain([0, ...path], message));
}

type RawObjective = z.infer<typeof objectiveSchema>;

interface Context {
  readonly document: SloDocument;
  readonly documents: Documents;
  readonly report: Report;
}

/** The SLO's own indicator, the one it refers to, or the default for its service; null when unusable. */
function readIndicator(
  { document, documents, report }: Context,
  spec: Readonly<Record<string, unknown>>,
  objective: RawObjective | null,
  service: string | null,
): Indicator | null {
  const { indicator, indicatorRef } = spec;
  if (indicator !== undefined && indicatorRef !== undefined) {
    report.problem(document, ["spec"], "must have indicator or indicatorRef, found both");
    return null;
  }
  if (indicator === undefined && indicatorRef === undefined) {
    for (const key of ["op", "value"] as const) {
      if (objective?.[key] === undefined) continue;
      const message = "must be absent without an indicator; it judges a thresholdMetric";
      report.problem(document, ["spec", "objectives", 0, key], message);
    }
    return service === null ? null : defaultIndicator(service);
  }
  let home = document;
  let path: KeyPath = ["spec", "indicator", "spec"];
  let raw: unknown = mapping(indicator).spec;
  if (indicator === undefined) {
    if (typeof indicatorRef !== "string") return null;
    const found = documents.find("SLI", indicatorRef);
    if (found === null) {
      const near = suggest(indicatorRef, documents.names("SLI"));
      const message = `must name an SLI in these files, found ${show(indicatorRef)} ${near}`.trim();
      report.problem(document, ["spec", "indicatorRef"], message);
      return null;
    }
    // Its own problems are reported there.
    if (!found.sound) return null;
    home = found;
    path = ["spec"];
    raw = mapping(found.value).spec;
  }
  if (typeof raw !== "object" || raw === null) return null;
  const { description: _description, ...body } = raw as Record<string, unknown>;
  const checked = sound(indicatorSpec, body);
  if (checked === null) return null;
  const warn: Complain = (inner, message) => report.warn(home, [...path, ...inner], message);
  const read = toIndicator(checked, objective, {
    indicator: (inner, message) => report.problem(home, [...path, ...inner], message),
    warn,
    objective: (inner, message) =>
      report.problem(document, ["spec", "objectives", 0, ...inner], message),
  });
  if (read !== null && service !== null) warnOfServices(read, service, warn);
  return read;
}

/**
 * The annotation's pairs, else those of the alert policies, else the workbook's.
 *
 * @param periodMs Infinity: not known
 */
function readPairs(
  { windows, detector }: Annotations,
  periodMs: DurationMs,
  objective: number,
  context: AlertContext,
): readonly BurnWindowPair[] {
  const { document, report } = context;
  const fromAlerts = alertPairs(context, periodMs, objective);
  if (windows !== undefined) {
    const { pairs, notes } = parsePairs(windows, periodMs, objective);
    for (const note of notes) report.problem(document, annotationPath("windows"), note);
    if (fromAlerts !== null) {
      report.warn(document, ["spec", "alertPolicies"], "is overruled by slogate.dev/windows");
    }
    return pairs;
  }
  if (fromAlerts !== null) return fromAlerts;
  if (periodMs === Infinity) return [];
  const { pairs, notes } = defaultPairs(periodMs, objective);
  // To the sequential detector it is all the same which pairs are shown.
  if (detector === "windows") for (const note of notes) report.warn(document, ["spec"], note);
  return pairs;
}

function mapping(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

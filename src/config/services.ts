import type { Matcher } from "../model/matcher.ts";
import type { Indicator } from "../model/slo.ts";
import type { Complain } from "./period.ts";
import { type KeyPath, show, suggest } from "./problem.ts";

const SERVICE_NAME = "service.name";

/**
 * Warns when a written indicator does not select what `spec.service` seems to say, which beside an indicator is a label: it
 * asks nothing of the resource and so counts every service, or asks for a service whose name is nearly the label.
 *
 * @param warn takes paths below the indicator's spec
 */
export function warnOfServices(indicator: Indicator, service: string, warn: Complain): void {
  for (const { path, where } of selections(indicator)) {
    if (!where.some((matcher) => asksFor(matcher, service))) {
      const only = `resource: { ${SERVICE_NAME}: ${show(service)} }`;
      warn(
        path,
        `counts the requests of every service; add ${only} to count those of ${service} only, or resource: { ${SERVICE_NAME}: { exists: true } } if all are meant`,
      );
    }
    const names = where.flatMap(serviceNames);
    const near = names.includes(service) ? "" : suggest(service, names);
    if (near === "") continue;
    warn(
      [...path, "resource", SERVICE_NAME],
      `is ${names.map(show).join(", ")}, but spec.service is ${show(service)}: if they are one service, one of the two is misspelt`,
    );
  }
}

/** What chooses requests: of spans the total; of metrics each selector, since each adds what it selects. */
function selections(indicator: Indicator): { path: KeyPath; where: readonly Matcher[] }[] {
  const at = (role: string): KeyPath => ["ratioMetric", role, "metricSource", "spec"];
  if (indicator.signal === "spans") {
    return [{ path: at("total"), where: conjuncts(indicator.total) }];
  }
  const { total, good, bad } = indicator;
  const first = conjuncts(total.where);
  // Both sides of a gauge are the one selector that was written.
  if (good?.threshold !== null && good?.threshold !== undefined && good.where === total.where) {
    return [{ path: ["thresholdMetric", "metricSource", "spec"], where: first }];
  }
  const judged = bad ?? good;
  if (judged === null) return [{ path: at("total"), where: first }];
  return [
    { path: at("total"), where: first },
    { path: at(bad === null ? "good" : "bad"), where: conjuncts(judged.where) },
  ];
}

function conjuncts(matcher: Matcher): readonly Matcher[] {
  return "all" in matcher ? matcher.all.flatMap(conjuncts) : [matcher];
}

/** Whatever it asks of the resource was thought of; and some send the service as an attribute of their points. */
function asksFor(matcher: Matcher, service: string): boolean {
  if ("resource" in matcher) return true;
  if ("attribute" in matcher) return matcher.test.in?.includes(service) ?? false;
  if ("not" in matcher) return asksFor(matcher.not, service);
  if ("any" in matcher) return matcher.any.some((part) => asksFor(part, service));
  return "all" in matcher && matcher.all.some((part) => asksFor(part, service));
}

function serviceNames(matcher: Matcher): readonly string[] {
  if (!("resource" in matcher) || matcher.resource !== SERVICE_NAME) return [];
  return matcher.test.in?.map(String) ?? [];
}

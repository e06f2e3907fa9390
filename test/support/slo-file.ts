/** The parts of an SLO that tests vary; the rest is an availability SLO over the default span indicator. */
export interface SloDescription {
  readonly name: string;
  readonly service: string;
  /** Ratio in (0, 1); 0.99 when left out. */
  readonly target?: number;
  readonly period?: string;
  /** Without the prefix `slogate.dev/`. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** `spec.indicator.spec.ratioMetric` as in the file. */
  readonly ratioMetric?: unknown;
}

/** The text of an OpenSLO file: JSON, which is YAML. */
export function sloFile(slo: SloDescription): string {
  return JSON.stringify({
    apiVersion: "openslo/v1",
    kind: "SLO",
    metadata: {
      name: slo.name,
      annotations: Object.fromEntries(
        Object.entries(slo.annotations ?? {}).map(([key, value]) => [`slogate.dev/${key}`, value]),
      ),
    },
    spec: {
      service: slo.service,
      budgetingMethod: "Occurrences",
      timeWindow: [{ duration: slo.period ?? "28d", isRolling: true }],
      objectives: [{ target: slo.target ?? 0.99 }],
      ...(slo.ratioMetric === undefined
        ? {}
        : {
            indicator: {
              metadata: { name: `${slo.name}-indicator` },
              spec: { ratioMetric: slo.ratioMetric },
            },
          }),
    },
  });
}

import type { LoadedSlos } from "../../config/load.ts";
import { parseSlos } from "../../config/openslo.ts";

/** How long recovery must last in the demo before a gate opens; the default is 5 minutes. */
export const DEMO_HOLD = "10s";
export const DEMO_GATE = "payment-availability";

/** What one of the demo's SLO files would hold: nothing but what a newcomer would write, and the hold. */
function sloOf(service: string): string {
  return `apiVersion: openslo/v1
kind: SLO
metadata:
  name: ${service}-availability
  annotations: {slogate.dev/keep-closed-for: ${DEMO_HOLD}}
spec:
  service: ${service}
  budgetingMethod: Occurrences
  timeWindow: [{duration: 28d, isRolling: true}]
  objectives: [{target: 0.999}]
`;
}

/** The shop's three SLOs, through the same parser as any file. */
export function demoSlos(): LoadedSlos {
  const files = ["frontend", "cart", "payment"].map((service) => ({
    path: `${service}.yaml`,
    text: sloOf(service),
  }));
  return { ...parseSlos(files), digest: "demo" };
}

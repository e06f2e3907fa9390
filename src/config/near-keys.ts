import type { Complain } from "./period.ts";
import { DOMAIN } from "./policy.ts";
import { editDistance, type KeyPath } from "./problem.ts";

/** Misspellings that count as near: a letter more or less, one replaced, two changed places. */
const NEAR_EDITS = 2;
/** The domain's first label: with another ending it is still meant. */
const FIRST_LABEL = "slogate";

/**
 * Warns of keys that look like settings and are none: `slogat.dev/mode`, `slogate.io/mode`, and
 * `slogate.dev/mode` under labels. Other tools' keys are free, so these are no errors, but whoever wrote
 * `mode: shadow` under one of them would be surprised by a gate that enforces.
 */
export function warnOfNearKeys(
  annotations: Readonly<Record<string, unknown>>,
  labels: Readonly<Record<string, unknown>>,
  warn: Complain,
): void {
  for (const key of Object.keys(annotations)) {
    if (key.startsWith(`${DOMAIN}/`) || !isNear(key)) continue;
    warn(["metadata", "annotations", key], `decides nothing; did you mean ${settingOf(key)}?`);
  }
  for (const key of Object.keys(labels)) {
    if (!isNear(key)) continue;
    const message = `decides nothing; did you mean the annotation ${settingOf(key)}?`;
    warn(["metadata", "labels", key], message);
  }
}

/**
 * Warns of keys that look like settings, rightly spelt or not, in metadata other than an SLO's own: of an SLI, of an
 * alert policy, wherever those stand.
 *
 * @param path of what the metadata belongs to
 */
export function warnOfStrayKeys(metadata: unknown, path: KeyPath, warn: Complain): void {
  const { annotations, labels } = Object(metadata) as Readonly<Record<string, unknown>>;
  for (const [place, keys] of Object.entries({ annotations, labels })) {
    for (const key of Object.keys(Object(keys))) {
      if (!isNear(key)) continue;
      const message = `decides nothing here; write the annotation ${settingOf(key)} into the SLO`;
      warn([...path, "metadata", place, key], message);
    }
  }
}

function isNear(key: string): boolean {
  const [domain = ""] = key.trim().toLowerCase().split("/");
  // A longer one is another tool's; comparing costs the product of the lengths.
  if (domain.length > 64) return false;
  const [label = ""] = domain.split(".");
  return (
    editDistance(domain, DOMAIN) <= NEAR_EDITS || editDistance(label, FIRST_LABEL) <= NEAR_EDITS
  );
}

function settingOf(key: string): string {
  const [, name = ""] = key.trim().split("/");
  return `${DOMAIN}/${name === "" || name.length > 64 ? "<name>" : name}`;
}

import type { DecisionMessage } from "../model/decision-message.ts";
import type { GateDecision, PublishedGate } from "../model/gate.ts";
import { decisionJson, rfc3339 } from "./message.ts";
import { parseDecision } from "./parse.ts";

/** A ConfigMap's data: flat keys to texts. */
export type MapData = Readonly<Record<string, string>>;

/** Kubernetes refuses an object above 1 MiB; the rest is for its metadata, which names every key once more. */
export const MAX_DATA_BYTES = 700 * 1024;
/** `deploy/kubernetes/rbac.yaml` names as many. */
export const MAX_SHARDS = 16;
/** Keys of the whole map; no SLO can have a name with a capital letter. */
export const VALID_UNTIL = "validUntil";
export const EPOCH = "epoch";

/**
 * What shells and admission policies read: per SLO `<slo>` (its state), `<slo>.allowed`, `<slo>.message`, `<slo>.suspect` and
 * `<slo>.healthy` (versions, with commas), and for all of them `validUntil` and `epoch`. `validUntil` is that of the oldest
 * decision in it. Messages are left out when the map would be too large.
 */
export function flatData(decisions: readonly GateDecision[], epoch: number): MapData {
  const data: Record<string, string> = {};
  let validUntil = Number.POSITIVE_INFINITY;
  for (const decision of decisions) {
    const { slo, state, allowed, message, versions } = decision;
    validUntil = Math.min(validUntil, decision.validUntil);
    // An SLO of this name has no state here: the key is the map's own.
    if (slo !== EPOCH) data[slo] = state;
    data[`${slo}.allowed`] = String(allowed);
    // Half a character in one message would make the API server refuse the whole map.
    data[`${slo}.message`] = message.toWellFormed();
    data[`${slo}.suspect`] = names(versions.filter(({ suspect }) => suspect));
    data[`${slo}.healthy`] = names(versions.filter((v) => !v.suspect && v.state === "open"));
  }
  if (bytesOf(data) > MAX_DATA_BYTES) {
    for (const { slo } of decisions) delete data[`${slo}.message`];
  }
  data[EPOCH] = String(epoch);
  const until = rfc3339(validUntil);
  if (until !== null) data[VALID_UNTIL] = until;
  return data;
}

/** What of a decision's flat keys a reader must not miss for a second; the message and the times may wait. */
export function urgentPart({ slo, state, allowed, versions }: GateDecision): string {
  const suspects = names(versions.filter(({ suspect }) => suspect));
  const healthy = names(versions.filter((v) => !v.suspect && v.state === "open"));
  return [slo, state, allowed, suspects, healthy].join(" ");
}

/** The JSON of every decision, `<slo>.json`, in as many maps as needed; an SLO keeps its place while their number stays. */
export function jsonShards(decisions: readonly GateDecision[], count: number): MapData[] {
  const shards = Array.from({ length: count }, (): Record<string, string> => ({}));
  for (const decision of decisions) {
    const shard = shards[shardOf(decision.slo, count)];
    if (shard !== undefined) shard[`${decision.slo}.json`] = decisionJson(decision);
  }
  return shards;
}

/** How many maps the JSON needs, at least `present`: a power of two, so that SLOs move seldom. */
export function shardsNeeded(decisions: readonly GateDecision[], present: number): number {
  let count = Math.max(1, present);
  while (
    count < MAX_SHARDS &&
    jsonShards(decisions, count).some((s) => bytesOf(s) > MAX_DATA_BYTES)
  ) {
    count *= 2;
  }
  return Math.min(count, MAX_SHARDS);
}

/** FNV-1a over the name's UTF-16 units, modulo the number of shards. */
export function shardOf(slo: string, count: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < slo.length; i++) hash = Math.imul(hash ^ slo.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % count;
}

export function bytesOf(data: MapData): number {
  let bytes = 0;
  for (const [key, value] of Object.entries(data)) bytes += key.length + Buffer.byteLength(value);
  return bytes;
}

/** The gates of a shard; what is no decision is left out, and the gate of its SLO begins anew. */
export function publishedGates(data: MapData): PublishedGate[] {
  return Object.entries(data).flatMap(([key, json]) => {
    if (!key.endsWith(".json")) return [];
    const parsed = parseDecision(json);
    return "decision" in parsed ? [publishedGate(parsed.decision)] : [];
  });
}

function publishedGate(d: DecisionMessage): PublishedGate {
  const { slo, override } = d;
  const expiresAt = time(override?.expiresAt);
  return {
    slo,
    state: d.state,
    allowed: d.allowed,
    reason: d.reason,
    since: time(d.since) ?? 0,
    decidedAt: time(d.decidedAt) ?? 0,
    sequence: d.sequence,
    override:
      override === null || expiresAt === null
        ? null
        : { ...override, slo, createdAt: time(override.createdAt) ?? 0, expiresAt },
    suspects: d.versions.filter(({ suspect }) => suspect).map(({ version }) => version),
  };
}

function time(text: string | null | undefined): number | null {
  const at = Date.parse(text ?? "");
  return Number.isNaN(at) ? null : at;
}

function names(versions: GateDecision["versions"]): string {
  return versions.map(({ version }) => version).join(",");
}

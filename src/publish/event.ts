import { CloudEvent, Kafka } from "cloudevents";
import type { GateDecision } from "../model/gate.ts";
import { decisionId, decisionJson, rfc3339 } from "./message.ts";

export const DECISION_TYPE = "dev.slogate.gate.decision.v1";
export const REMOVED_TYPE = "dev.slogate.gate.removed.v1";

/** A record of the topic. */
export interface TopicMessage {
  readonly key: string;
  /** Null in a tombstone: compaction forgets the key. */
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
  /** Unix time, ms. */
  readonly timestamp: string;
}

/** A decision as a CloudEvent 1.0 in binary mode: attributes in the headers, the JSON of the decision as value. */
export function decisionEvent(decision: GateDecision, source: string): TopicMessage {
  const { slo, epoch, sequence, decidedAt, validUntil } = decision;
  return message(decidedAt, {
    id: decisionId(decision),
    source,
    type: DECISION_TYPE,
    subject: slo,
    partitionkey: slo,
    // Texts compare as the numbers do.
    sequence: `${padded(epoch)}.${padded(sequence)}`,
    expirytime: rfc3339(validUntil) ?? "",
    datacontenttype: "application/json",
    data: decisionJson(decision),
  });
}

/** The last record of an SLO that is gone: an event without data. */
export function removedEvent(slo: string, source: string, at: number): TopicMessage {
  const id = `${slo}/removed/${rfc3339(at)}`;
  return message(at, { id, source, type: REMOVED_TYPE, subject: slo, partitionkey: slo });
}

function message(at: number, event: Record<string, unknown>): TopicMessage {
  const { key, value, headers } = Kafka.binary(
    new CloudEvent({ ...event, time: new Date(at).toISOString() } as never),
  );
  // Its content type has a header of its own in this mode.
  const { ce_datacontenttype: _, ...sent } = headers as Record<string, unknown>;
  const texts = Object.entries(sent).filter(([, text]) => text !== undefined && text !== null);
  return {
    key: key as string,
    value: (value as string | undefined) ?? null,
    headers: Object.fromEntries(texts.map(([name, text]) => [name, String(text)])),
    timestamp: String(at),
  };
}

function padded(count: number): string {
  return String(count).padStart(10, "0");
}

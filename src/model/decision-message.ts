import type { GateMode, GateStateName } from "./gate.ts";

/** RFC 3339 in UTC with whole seconds: `2026-05-04T10:00:07Z`. */
export type Rfc3339 = string;

export interface HorizonMessage {
  readonly burn: number | null;
  readonly lo80: number | null;
  readonly hi80: number | null;
  readonly lo95: number | null;
  readonly hi95: number | null;
  readonly calibration80: number | null;
  readonly widened: number | null;
}

export interface VersionMessage {
  readonly version: string;
  readonly state: GateStateName;
  readonly total: number | null;
  readonly bad: number | null;
  readonly budgetSpent: number | null;
  readonly suspect: boolean;
}

export interface OverrideMessage {
  readonly state: "open" | "closed";
  readonly author: string;
  readonly reason: string;
  readonly createdAt: Rfc3339 | null;
  readonly expiresAt: Rfc3339 | null;
}

/** A decision as every sink, API and page sends it. What is not known is null, never 0. */
export interface DecisionMessage {
  readonly slo: string;
  readonly service: string;
  readonly state: GateStateName;
  /** What a rollout must obey: the state with `onUnknown`, the mode and overrides applied. */
  readonly allowed: boolean;
  /** One of `GateReason`; readers must bear reasons that they do not know. */
  readonly reason: string;
  readonly message: string;
  readonly since: Rfc3339 | null;
  readonly decidedAt: Rfc3339 | null;
  /** Later than this the decision counts as unknown; null counts as expired. */
  readonly validUntil: Rfc3339 | null;
  readonly sequence: number;
  readonly epoch: number;
  readonly mode: GateMode;
  readonly evidence: {
    readonly since: Rfc3339 | null;
    readonly nats: number | null;
    readonly alternative: number | null;
  } | null;
  readonly burn: Readonly<Record<string, number | null>>;
  readonly budget: {
    readonly objective: number | null;
    readonly period: string;
    readonly basis: string;
    readonly total: number | null;
    readonly bad: number | null;
    readonly remaining: number | null;
  };
  readonly forecast: {
    readonly at: Readonly<Record<string, HorizonMessage>> | null;
    readonly exhaustion: {
      readonly expected: Rfc3339 | null;
      readonly earliest: Rfc3339 | null;
      readonly latest: Rfc3339 | null;
    } | null;
  };
  readonly versions: readonly VersionMessage[];
  readonly reopen: { readonly expected: Rfc3339 | null } | null;
  readonly override: OverrideMessage | null;
  readonly data: { readonly watermark: Rfc3339 | null; readonly coverage: number | null };
}

import type { ErrorCode } from "../model/errors.ts";
import type { ReceiversSettings } from "../model/receiver-settings.ts";
import type { PartialSuccess, Refusal } from "../model/refusal.ts";
import type { Slo } from "../model/slo.ts";

/* What crosses between the control plane and its receiver workers: plain data, copied by structured clone. */

/** The SLOs to classify by, each with its column in deltas. */
export interface Rules {
  readonly slos: readonly Slo[];
  readonly columns: readonly number[];
}

export type Outcome = Refusal | PartialSuccess | null;

export type ToWorker =
  | { readonly kind: "start"; readonly receivers: ReceiversSettings; readonly rules: Rules }
  | { readonly kind: "rules"; readonly rules: Rules }
  | {
      readonly kind: "answers";
      /** Numbers of requests that are committed. */
      readonly committed: Float64Array;
      /** Those with another outcome. */
      readonly others: readonly (readonly [request: number, outcome: Outcome])[];
    }
  | { readonly kind: "stop"; readonly deadlineMs: number };

/** Where a worker listens; a protocol that is off is null. */
export interface Ports {
  readonly grpc: number | null;
  readonly http: number | null;
}

export type FromWorker =
  | { readonly kind: "listening"; readonly ports: Ports }
  /** Said now and then from there on: its event loop turns. */
  | { readonly kind: "alive" }
  /** It cannot start. */
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string }
  /** Names of the worker's next version ids, in order; they come before the first delta that uses them. */
  | { readonly kind: "versions"; readonly names: readonly Uint8Array[] }
  /** Requests that were read: see `delta-numbers.ts`. */
  | { readonly kind: "deltas"; readonly numbers: Float64Array }
  /** Requests that the worker refused since it last said so, by RefusalCode. */
  | { readonly kind: "refused"; readonly byCode: Readonly<Record<string, number>> };

/** The other end of the channel. What is posted is copied before `post` returns; it arrives in order, or not at all. */
export interface Port<Message> {
  post(message: Message): void;
}

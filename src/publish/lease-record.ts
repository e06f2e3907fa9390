import { type V1Lease, V1MicroTime } from "@kubernetes/client-node";
import { type DurationMs, SECOND } from "../model/time.ts";

/** How long a lease outlives its last renewal. */
export const LEASE_MS: DurationMs = 15 * SECOND;
/** A holder trusts its lease no longer than this after the renewal: a call that began then ends before the lease does. */
export const TRUST_MS: DurationMs = 10 * SECOND;
/** Between renewals, and between looks of those who wait. */
export const RETRY_MS: DurationMs = 2 * SECOND;

/** The leader's total of the last five minutes, for replicas to compare: `UNIX_SECONDS=REQUESTS`. */
export const REQUESTS_ANNOTATION = "slogate.dev/requests-5m";

/** What one process knows of the lease: the record, and when its own clock saw it change. */
export interface Observed {
  readonly lease: V1Lease;
  /** Monotonic, ms. Clocks of machines differ, so the times in the record decide nothing. */
  readonly changedAt: number;
}

/** The lease as seen now: a record that has not changed was seen before. */
export function observe(before: Observed | null, lease: V1Lease, now: number): Observed {
  const same = before?.lease.metadata?.resourceVersion === lease.metadata?.resourceVersion;
  return same && before !== null ? before : { lease, changedAt: now };
}

/** When nobody holds the lease any more, unless it changes before: monotonic, ms. */
export function freeAt({ lease, changedAt }: Observed): number {
  const holder = lease.spec?.holderIdentity ?? "";
  const heldForMs = (lease.spec?.leaseDurationSeconds ?? LEASE_MS / SECOND) * SECOND;
  return holder === "" ? changedAt : changedAt + heldForMs;
}

/** The last term that anyone led under this lease; 0 before the first. */
export function lastEpoch(lease: V1Lease | null): number {
  return lease?.spec?.leaseTransitions ?? 0;
}

export interface Holding {
  readonly name: string;
  readonly identity: string;
  /** Kept in `leaseTransitions`, which grows with every new holder. */
  readonly epoch: number;
  readonly acquiredAt: Date;
}

/** The record of a holder at `now`; `resourceVersion` undefined: the first record there is. */
export function heldLease(
  { name, identity, epoch, acquiredAt }: Holding,
  now: Date,
  resourceVersion: string | undefined,
  requests: string | null,
): V1Lease {
  return {
    metadata: {
      name,
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(requests === null ? {} : { annotations: { [REQUESTS_ANNOTATION]: requests } }),
    },
    spec: {
      holderIdentity: identity,
      leaseDurationSeconds: LEASE_MS / SECOND,
      acquireTime: new V1MicroTime(acquiredAt),
      renewTime: new V1MicroTime(now),
      leaseTransitions: epoch,
    },
  };
}

/** A lease given back: the next one need not wait for its end. */
export function released(held: V1Lease): V1Lease {
  return { ...held, spec: { ...held.spec, holderIdentity: "" } };
}

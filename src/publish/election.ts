import type { V1Lease } from "@kubernetes/client-node";
import type { Leadership, Term } from "../ports/leadership.ts";
import type { Log } from "../ports/log.ts";
import type { PublishedMaps } from "./gate-maps.ts";
import { type KubeClient, KubeError } from "./kube-client.ts";
import {
  freeAt,
  type Holding,
  heldLease,
  lastEpoch,
  type Observed,
  observe,
  REQUESTS_ANNOTATION,
  RETRY_MS,
  released,
  TRUST_MS,
} from "./lease-record.ts";

export interface ElectionParts {
  readonly client: Pick<KubeClient, "readLease" | "createLease" | "replaceLease">;
  /** Of the Lease. */
  readonly name: string;
  /** Unique per start of a process: the lease of a process that was killed is not its successor's. */
  readonly identity: string;
  /** A term is never below this: how often the engine has started with this state directory. */
  readonly leastEpoch: number;
  /** What the last leader published, and the base of this one's writes. */
  readonly read: () => Promise<PublishedMaps>;
  /** `UNIX_SECONDS=REQUESTS` for the other replicas to compare; null while unknown. */
  readonly requests: () => string | null;
  /** Told what the leader says of the same; only while another one leads. */
  readonly onRequests: (requests: string) => void;
  /** Told when a term begins (its epoch) and when it ends (null). */
  readonly onTerm: (epoch: number | null) => void;
  readonly log: Log;
  /** A clock that only goes forward, also while the process is stopped, ms. */
  readonly monotonicMs: () => number;
  readonly now: () => Date;
}

/**
 * One leader among replicas, by a Lease of Kubernetes. A leader renews it every 2 s; it trusts a renewal for 10 s from the
 * moment it was sent, while the others wait 15 s from the moment they saw it, so the old one stops before a new one begins.
 *
 * A new leader first writes the lease, with its term, then reads what was published, and leads when both are done.
 */
export class Election implements Leadership {
  private readonly parts: ElectionParts;
  private observed: Observed | null = null;
  private holding: Holding | null = null;
  private held: V1Lease | null = null;
  /** The last term before ours. */
  private after = 0;
  private leading: Term | null = null;
  /** When the last successful renewal was sent. */
  private renewedAt = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;
  private lastProblem = "";

  constructor(parts: ElectionParts) {
    this.parts = parts;
  }

  /** Begins at once; the first attempt is under way when this returns. */
  start(): void {
    this.running = this.round().finally(() => {
      if (!this.stopped) this.timer = setTimeout(() => this.start(), this.pauseMs());
    });
  }

  term(): Term | null {
    return this.isTrusted() ? this.leading : null;
  }

  /** Who leads, as far as this process knows: a holder's identity; "" when nobody does. */
  leader(): string {
    return this.observed?.lease.spec?.holderIdentity ?? "";
  }

  /** Another leader's epoch was found where ours should stand. */
  deposed(): void {
    this.stepDown("another replica has taken over");
  }

  /** Leads no more, and gives the lease back. */
  async stop(): Promise<void> {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.running;
    const { held } = this;
    const trusted = this.isTrusted();
    this.stepDown("stopping");
    if (held === null || !trusted) return;
    await this.parts.client.replaceLease(released(held)).catch((error: unknown) => {
      this.parts.log.warn("the lease could not be given back; it ends by itself", {
        error: String(error),
      });
    });
  }

  /** Until the next round: at the end of another's lease, if that comes first. */
  private pauseMs(): number {
    if (this.holding !== null || this.observed === null) return RETRY_MS;
    const left = freeAt(this.observed) - this.parts.monotonicMs();
    return left > 0 ? Math.min(left + 1, RETRY_MS) : RETRY_MS;
  }

  private isTrusted(): boolean {
    return this.parts.monotonicMs() - this.renewedAt < TRUST_MS;
  }

  private async round(): Promise<void> {
    try {
      if (this.holding !== null && !this.isTrusted())
        this.stepDown("the lease was not renewed in time");
      if (this.holding === null) await this.wait();
      else await this.renew();
      if (this.holding !== null && this.leading === null) await this.lead(this.holding);
      this.lastProblem = "";
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== this.lastProblem)
        this.parts.log.error(problem, { leading: this.leading !== null });
      this.lastProblem = problem;
    }
  }

  /** Looks at the lease, and takes it when it is free. */
  private async wait(): Promise<void> {
    const { client, name, monotonicMs } = this.parts;
    const lease = await client.readLease(name);
    if (lease !== null) {
      const before = this.leader();
      this.observed = observe(this.observed, lease, monotonicMs());
      const isOurs = this.leader() === this.parts.identity;
      if (!isOurs && monotonicMs() < freeAt(this.observed)) {
        if (this.leader() !== before)
          this.parts.log.info("another replica leads", { leader: this.leader() });
        const requests = lease.metadata?.annotations?.[REQUESTS_ANNOTATION];
        if (requests !== undefined) this.parts.onRequests(requests);
        return;
      }
    }
    await this.take(lease);
  }

  private async take(lease: V1Lease | null): Promise<void> {
    const { name, identity, leastEpoch, now, read, monotonicMs } = this.parts;
    const { epoch } = await read();
    const holding: Holding = {
      name,
      identity,
      epoch: Math.max(lastEpoch(lease), epoch, leastEpoch - 1) + 1,
      acquiredAt: now(),
    };
    const sentAt = monotonicMs();
    try {
      await this.put(holding, lease?.metadata?.resourceVersion);
    } catch (error) {
      // Another one was faster.
      if (error instanceof KubeError && error.status === 409) return;
      throw error;
    }
    this.holding = holding;
    this.renewedAt = sentAt;
    this.after = Math.max(lastEpoch(lease), epoch);
  }

  private async renew(): Promise<void> {
    const { holding, parts } = this;
    if (holding === null) return;
    const sentAt = parts.monotonicMs();
    try {
      await this.put(holding, this.held?.metadata?.resourceVersion);
    } catch (error) {
      if (!(error instanceof KubeError) || error.status !== 409) throw error;
      // Somebody wrote in between: perhaps only an annotation, perhaps a new holder.
      const lease = await parts.client.readLease(holding.name);
      if (lease?.spec?.holderIdentity !== holding.identity) {
        this.stepDown("another replica holds the lease");
        return;
      }
      await this.put(holding, lease.metadata?.resourceVersion);
    }
    this.renewedAt = sentAt;
  }

  private async put(holding: Holding, resourceVersion: string | undefined): Promise<void> {
    const { client, now, requests, monotonicMs } = this.parts;
    const record = heldLease(holding, now(), resourceVersion, requests());
    const put =
      resourceVersion === undefined ? client.createLease(record) : client.replaceLease(record);
    this.held = await put;
    this.observed = observe(this.observed, this.held, monotonicMs());
  }

  private async lead(holding: Holding): Promise<void> {
    const { gates } = await this.parts.read();
    if (this.holding !== holding) return;
    const { epoch } = holding;
    this.leading = { epoch, after: this.after, published: gates };
    this.parts.log.info("this replica leads", { epoch, identity: holding.identity });
    this.parts.onTerm(epoch);
  }

  private stepDown(why: string): void {
    const { holding } = this;
    this.holding = null;
    this.held = null;
    this.leading = null;
    this.renewedAt = Number.NEGATIVE_INFINITY;
    if (holding === null) return;
    this.parts.log.warn("this replica leads no more", { epoch: holding.epoch, why });
    this.parts.onTerm(null);
  }
}

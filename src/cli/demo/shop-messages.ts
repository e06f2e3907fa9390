/** What the demo tells the shop, over the channel between the two processes. */
export type ShopCommand =
  | {
      /** A new version of a service takes `share` of its requests (all when left out) and fails `errorRatio` of them. */
      readonly rollout: {
        readonly service: string;
        readonly version: string;
        readonly errorRatio: number;
        readonly share?: number;
      };
    }
  /** The version from before the rollout takes all requests again. */
  | { readonly rollback: { readonly service: string } }
  | { readonly stop: true };

/** Server spans of one version of one service since the start. */
export interface VersionTraffic {
  readonly service: string;
  readonly version: string;
  readonly requests: number;
  readonly bad: number;
}

/** What the shop tells the demo, once a second and a last time when it has stopped. */
export interface ShopReport {
  /** Requests of customers since the start; each makes spans in two or three services. */
  readonly requests: number;
  readonly spansSent: number;
  readonly spansAcknowledged: number;
  /** Given up: refused, or not acknowledged after several tries. */
  readonly spansFailed: number;
  /** Why the last export was not acknowledged; null while all are. */
  readonly problem: string | null;
  readonly traffic: readonly VersionTraffic[];
  readonly isLast: boolean;
}

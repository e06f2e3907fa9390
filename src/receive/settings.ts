/** Files in PEM, read when the receiver starts. */
export interface ReceiverTls {
  readonly certFile: string;
  readonly keyFile: string;
  /** Clients must show a certificate of this CA; null: they need none. */
  readonly clientCaFile: string | null;
}

/** What both receivers are told. */
export interface ReceiverSettings {
  /** Port 0 lets the system choose. IPv6 hosts without brackets. */
  readonly endpoint: { readonly host: string; readonly port: number };
  readonly tls: ReceiverTls | null;
  /** Largest request, as sent and after decompression. */
  readonly maxMessageBytes: number;
  /** A request must have arrived whole after this time; default 30 s. */
  readonly readTimeoutMs?: number;
  /** A connection is closed gently when it is this old, give or take a tenth; null, the default: never. */
  readonly maxConnectionAgeMs?: number | null;
}

export interface GrpcReceiverSettings extends ReceiverSettings {
  /** HTTP/2 window per stream and per connection: how much a sender may have on the way unread. */
  readonly flowControlWindowBytes: number;
}

export const DEFAULT_READ_TIMEOUT_MS = 30_000;
/** How long a graceful stop waits for closing connections once all requests are answered. */
export const CLOSE_GRACE_MS = 200;

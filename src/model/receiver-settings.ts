import type { TlsFiles } from "./tls.ts";

/** What both receivers are told. */
export interface ReceiverSettings {
  /** Port 0 lets the system choose. IPv6 hosts without brackets. */
  readonly endpoint: { readonly host: string; readonly port: number };
  readonly tls: TlsFiles | null;
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

/** The receivers of a process; null: that protocol is off. */
export interface ReceiversSettings {
  readonly grpc: (GrpcReceiverSettings & InFlightLimit) | null;
  readonly http: (ReceiverSettings & InFlightLimit) | null;
}

export interface InFlightLimit {
  /** Bytes of requests being handled at once, beyond which senders are told to retry. */
  readonly maxInFlightBytes: number;
  /** Requests being handled at once; default 4,096. */
  readonly maxInFlightRequests?: number;
}

/** Files in PEM, read when the server starts. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** Clients must show a certificate of this CA; null: they need none. */
  readonly clientCaFile: string | null;
}

/** What those files hold. */
export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly clientCa: Buffer | null;
}

/** A folder of log files. Names are made by the journal; rejections carry the system's error. */
export interface Storage {
  /** For messages. */
  readonly name: string;
  list(): Promise<readonly string[]>;
  read(name: string): Promise<Uint8Array>;
  /** A new file. Its name outlasts a power failure from its first `sync` on. */
  create(name: string): Promise<StorageFile>;
  remove(name: string): Promise<void>;
}

export interface StorageFile {
  /** Behind what was appended before. The bytes must stay as they are until it settles. */
  append(bytes: Uint8Array): Promise<void>;
  /** What was appended outlasts a power failure when this resolves; when it rejects, nobody knows. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

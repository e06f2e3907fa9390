/** A folder of log files. Names are made by the journal; rejections carry the system's error. */
export interface Storage {
  /** For messages. */
  readonly name: string;
  list(): Promise<readonly string[]>;
  read(name: string): Promise<Uint8Array>;
  create(name: string): Promise<StorageFile>;
  remove(name: string): Promise<void>;
}

/** A new, empty file. */
export interface StorageFile {
  /**
   * Behind what was appended before. When it resolves, the bytes and the file's name outlast a power failure; when it
   * rejects, nobody knows what is there. The bytes must stay as they are until it settles.
   */
  append(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

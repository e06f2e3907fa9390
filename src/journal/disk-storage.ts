import { constants } from "node:fs";
import { type FileHandle, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory } from "../disk/directory.ts";
import type { Storage, StorageFile } from "./storage.ts";

/** Log files in a directory of the file system, which is made when it is not there. */
export function diskStorage(directory: string): Storage {
  return {
    name: directory,
    async list() {
      makeDirectory(directory);
      return readdir(directory);
    },
    read: (name) => readFile(join(directory, name)),
    async create(name) {
      return new DiskFile(directory, await open(join(directory, name), NEW_AND_SYNCED));
    },
    remove: (name) => rm(join(directory, name), { force: true }),
  };
}

/** O_DSYNC: one call writes and syncs, where fdatasync would be a second trip to a thread. */
const NEW_AND_SYNCED =
  constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_DSYNC;

class DiskFile implements StorageFile {
  private readonly directory: string;
  private readonly handle: FileHandle;
  private nameIsSafe = false;

  constructor(directory: string, handle: FileHandle) {
    this.directory = directory;
    this.handle = handle;
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      // A disk that fills up takes a part and refuses the rest at the next call.
      const { bytesWritten } = await this.handle.write(bytes, at, bytes.length - at);
      at += bytesWritten;
    }
    if (this.nameIsSafe) return;
    await syncDirectory(this.directory);
    this.nameIsSafe = true;
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

/** Names of files that were made, renamed or removed in it outlast a power failure from here on. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

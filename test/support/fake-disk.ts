import type { Storage, StorageFile } from "../../src/journal/storage.ts";

interface FakeFile {
  bytes: Uint8Array;
  /** How much of it outlasts a power failure; -1: not even its name. */
  synced: number;
}

/** Numbers from 0 to 1. */
export type Random = () => number;

/** A disk in memory that can fail, stall, and lose power: then it drops what was not synced, or some of it. */
export class FakeDisk implements Storage {
  readonly name = "fake disk";
  readonly files = new Map<string, FakeFile>();
  /** What the next calls of that kind reject with; null: they work. */
  failing: { readonly create?: Error; readonly append?: Error; readonly sync?: Error } = {};
  /** Syncs wait for `release` while true. */
  held = false;
  syncs = 0;
  /** Whether a sync waits for `release`. */
  get isAsked(): boolean {
    return this.waiting.length > 0;
  }
  private waiting: (() => void)[] = [];

  async list(): Promise<readonly string[]> {
    return [...this.files.keys()];
  }

  async read(name: string): Promise<Uint8Array> {
    const file = this.files.get(name);
    if (file === undefined) throw Object.assign(new Error(`no ${name}`), { code: "ENOENT" });
    return file.bytes.slice();
  }

  async create(name: string): Promise<StorageFile> {
    if (this.failing.create !== undefined) throw this.failing.create;
    if (this.files.has(name)) throw new Error(`${name} is there already`);
    const file: FakeFile = { bytes: new Uint8Array(0), synced: -1 };
    this.files.set(name, file);
    return {
      append: async (bytes) => {
        const { append } = this.failing;
        // A disk that fills up takes a part.
        const taken = append === undefined ? bytes : bytes.subarray(0, bytes.length >> 1);
        file.bytes = Buffer.concat([file.bytes, taken]);
        if (append !== undefined) throw append;
        const length = file.bytes.length;
        if (this.held) await new Promise<void>((resolve) => this.waiting.push(resolve));
        if (this.failing.sync !== undefined) throw this.failing.sync;
        this.syncs++;
        file.synced = Math.max(file.synced, length);
      },
      close: async () => undefined,
    };
  }

  async remove(name: string): Promise<void> {
    if (this.failing.create !== undefined) throw this.failing.create;
    this.files.delete(name);
  }

  release(): void {
    this.held = false;
    for (const go of this.waiting.splice(0)) go();
  }

  /** As it is after SIGKILL: everything that was written is there. */
  afterKill(): FakeDisk {
    const other = new FakeDisk();
    for (const [name, { bytes }] of this.files) {
      other.files.set(name, { bytes: bytes.slice(), synced: bytes.length });
    }
    return other;
  }

  /** As it is after a power failure: of what was not synced a part is there, whole, torn or overwritten with noise. */
  afterPowerLoss(random: Random): FakeDisk {
    const other = new FakeDisk();
    for (const [name, file] of this.files) {
      if (file.synced < 0 && random() < 0.5) continue;
      const synced = Math.max(0, file.synced);
      const length = synced + Math.floor(random() * (file.bytes.length - synced + 1));
      const bytes = file.bytes.slice(0, length);
      if (random() < 0.3) {
        for (let i = synced; i < length; i++) if (random() < 0.1) bytes[i] = random() * 256;
      }
      other.files.set(name, { bytes, synced: bytes.length });
    }
    return other;
  }

  get bytes(): number {
    return [...this.files.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  }
}

/** A generator of its own for each seed. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of the ways in which a disk fails. */
export function someFailure(random: Random): FakeDisk["failing"] {
  const error = new Error("EIO: i/o error");
  const which = random();
  if (which < 0.33) return { append: error };
  return which < 0.66 ? { sync: error } : { create: error, append: error };
}

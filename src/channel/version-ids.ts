import { FIRST_VERSION, OTHER_VERSION, type RequestDelta } from "../model/delta.ts";
import { MINUTE, type UnixMs } from "../model/time.ts";

/** Names that had no room and are tried again. */
const MOST_NAMELESS = 1024;

/** The control plane's names of versions: see `aggregate/versions.ts`. */
export interface PlaneVersions {
  idOf(bytes: Uint8Array, start: number, end: number, now: UnixMs): number;
  use(id: number, now: UnixMs): boolean;
}

/** Ids of the control plane by those of one worker, which are told in order; what is no name is the same here as there. */
export class VersionIds {
  readonly byWorkers = Array.from({ length: FIRST_VERSION }, (_, id) => id);
  private readonly versions: PlaneVersions;
  /** Names that are "other" for want of room, by the worker's ids. */
  private readonly nameless = new Map<number, Uint8Array>();
  private now: UnixMs = 0;
  private nextTryAt: UnixMs = 0;

  constructor(versions: PlaneVersions) {
    this.versions = versions;
  }

  /** The name of the worker's next id. */
  add(name: Uint8Array): void {
    const id = this.versions.idOf(name, 0, name.length, this.now);
    if (id === OTHER_VERSION && this.nameless.size < MOST_NAMELESS) {
      this.nameless.set(this.byWorkers.length, name);
    }
    this.byWorkers.push(id);
  }

  /** Ids that are used here are used there; and there may be room by now. */
  used(delta: RequestDelta): void {
    this.now = delta.receivedAt;
    let last = 0;
    for (let i = 0; i < delta.length; i++) {
      const id = delta.version[i]!;
      if (id !== last) this.versions.use(id, this.now);
      last = id;
    }
    if (this.nameless.size > 0 && this.now >= this.nextTryAt) this.nameAgain();
  }

  private nameAgain(): void {
    this.nextTryAt = this.now + MINUTE;
    for (const [workersId, name] of this.nameless) {
      const id = this.versions.idOf(name, 0, name.length, this.now);
      if (id === OTHER_VERSION) return;
      this.byWorkers[workersId] = id;
      this.nameless.delete(workersId);
    }
  }
}

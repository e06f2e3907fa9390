import type { V1Lease } from "@kubernetes/client-node";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Election } from "../../../src/publish/election.ts";
import { KubeError } from "../../../src/publish/kube-client.ts";

const SECOND = 1_000;

/** The one Lease there is, with the API server's optimistic locking. */
class LeaseStore {
  lease: V1Lease | null = null;
  away = false;
  writes = 0;

  async readLease(): Promise<V1Lease | null> {
    this.#reach();
    return this.lease;
  }

  async createLease(body: V1Lease): Promise<V1Lease> {
    this.#reach();
    if (this.lease !== null) throw new KubeError(": conflict", 409, [], null);
    return this.#store(body);
  }

  async replaceLease(body: V1Lease): Promise<V1Lease> {
    this.#reach();
    const current = this.lease?.metadata?.resourceVersion;
    if (body.metadata?.resourceVersion !== current)
      throw new KubeError(": conflict", 409, [], null);
    return this.#store(body);
  }

  #reach(): void {
    if (this.away) throw new KubeError(".kubeconfig: no answer", null, [], null);
  }

  #store(body: V1Lease): V1Lease {
    this.writes++;
    this.lease = { ...body, metadata: { ...body.metadata, resourceVersion: String(this.writes) } };
    return this.lease;
  }
}

let store: LeaseStore;
/** Epoch in the ConfigMap. */
let storedEpoch = 0;

beforeEach(() => {
  vi.useFakeTimers();
  store = new LeaseStore();
  storedEpoch = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

function candidate(
  name: string,
  over: {
    leastEpoch?: number;
    client?: Pick<LeaseStore, "readLease" | "createLease" | "replaceLease">;
  } = {},
) {
  const terms: (number | null)[] = [];
  const said: string[] = [];
  const say = (message: string) => void said.push(message);
  const election = new Election({
    client: over.client ?? store,
    name: "slogate-gates",
    identity: name,
    leastEpoch: over.leastEpoch ?? 1,
    read: async () => ({ epoch: storedEpoch, gates: [] }),
    requests: () => null,
    onRequests: () => undefined,
    onTerm: (epoch) => terms.push(epoch),
    log: { info: say, warn: say, error: say },
    monotonicMs: () => Date.now(),
    now: () => new Date(),
  });
  return { election, terms, said, epoch: () => election.term()?.epoch ?? null };
}

const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * SECOND);

describe("an election", () => {
  it("is won by one, who stays as long as it renews", async () => {
    const [a, b] = [candidate("a"), candidate("b")];
    a.election.start();
    await pass(0.1);
    b.election.start();
    await pass(120);
    expect([a.epoch(), b.epoch()]).toEqual([1, null]);
    expect(a.terms).toEqual([1]);
    // Standard fields, for kubectl and others to read.
    expect(store.lease?.spec).toMatchObject({
      holderIdentity: "a",
      leaseDurationSeconds: 15,
      leaseTransitions: 1,
    });
  });

  it("has an epoch above every earlier one: of the lease, of the ConfigMap, of the starts", async () => {
    storedEpoch = 41;
    const a = candidate("a");
    a.election.start();
    await pass(0.1);
    expect(a.election.term()).toMatchObject({ epoch: 42, after: 41 });
    await a.election.stop();
    storedEpoch = 0;
    const b = candidate("b", { leastEpoch: 7 });
    b.election.start();
    await pass(0.1);
    expect(b.epoch()).toBe(43);
    await b.election.stop();
    store.lease = null;
    const c = candidate("c", { leastEpoch: 50 });
    c.election.start();
    await pass(0.1);
    expect(c.epoch()).toBe(50);
  });

  it("never has two leaders while the first is cut off, and a new one within 20 s", async () => {
    let isCut = false;
    const reach = (): LeaseStore => {
      if (isCut) throw new KubeError(".kubeconfig: no answer", null, [], null);
      return store;
    };
    const client = {
      readLease: async () => reach().readLease(),
      createLease: async (body: V1Lease) => reach().createLease(body),
      replaceLease: async (body: V1Lease) => reach().replaceLease(body),
    };
    const a = candidate("a", { client });
    const b = candidate("b");
    a.election.start();
    await pass(0.1);
    b.election.start();
    await pass(7);
    isCut = true;
    let tookS = Number.NaN;
    for (let tenths = 1; tenths <= 300; tenths++) {
      await pass(0.1);
      expect([a.epoch(), b.epoch()]).toContain(null);
      if (b.epoch() !== null && Number.isNaN(tookS)) tookS = tenths / 10;
    }
    expect(tookS).toBeGreaterThan(10);
    expect(tookS).toBeLessThan(18);
    expect(a.terms).toEqual([1, null]);
    isCut = false;
    await pass(30);
    expect([a.epoch(), b.epoch()]).toEqual([null, 2]);
  });

  it("is not led by a process that was paused, from the instant it wakes", async () => {
    const a = candidate("a");
    a.election.start();
    await pass(0.1);
    expect(a.epoch()).toBe(1);
    // The clock goes on; no timer has run yet.
    vi.setSystemTime(Date.now() + 11 * SECOND);
    expect(a.epoch()).toBeNull();
  });

  it("is given back at a stop, so that the next one need not wait", async () => {
    const [a, b] = [candidate("a"), candidate("b")];
    a.election.start();
    await pass(0.1);
    b.election.start();
    await pass(5);
    await a.election.stop();
    await pass(2.1);
    expect([a.epoch(), b.epoch()]).toEqual([null, 2]);
  });

  it("is left by a leader that finds another's epoch in the ConfigMap, and can be won anew", async () => {
    const a = candidate("a");
    a.election.start();
    await pass(0.1);
    storedEpoch = 9;
    a.election.deposed();
    expect(a.epoch()).toBeNull();
    await pass(3);
    expect(a.epoch()).toBe(10);
  });

  it("says a problem once, not at every look", async () => {
    store.away = true;
    const a = candidate("a");
    a.election.start();
    await pass(60);
    expect(a.said).toEqual(["publish.config_map.kubeconfig: no answer"]);
    store.away = false;
    await pass(3);
    expect(a.epoch()).toBe(1);
  });
});

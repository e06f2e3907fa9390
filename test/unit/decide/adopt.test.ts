import { describe, expect, it } from "vitest";
import { adopt } from "../../../src/decide/adopt.ts";
import { type GateState, initialState } from "../../../src/decide/state.ts";
import type { PublishedGate } from "../../../src/model/gate.ts";
import { slo } from "../../support/slo.ts";

const AT = Date.UTC(2026, 4, 4, 10);
const POLICY = slo().policy;

function own(over: Partial<GateState> = {}): GateState {
  return { ...initialState(POLICY, AT - 60_000), state: "open", reason: "ok", ...over };
}

function published(over: Partial<PublishedGate> = {}): PublishedGate {
  return {
    slo: "pay",
    state: "open",
    allowed: true,
    reason: "ok",
    since: AT - 3_600_000,
    decidedAt: AT,
    sequence: 41,
    override: null,
    suspects: [],
    ...over,
  };
}

describe("adopt", () => {
  it("goes on with the published sequence, state and time, whatever the own ones are", () => {
    const gate = adopt(own({ sequence: 7, state: "unknown", reason: "warming-up" }), published());
    expect(gate).toMatchObject({
      sequence: 41,
      state: "open",
      reason: "ok",
      since: AT - 3_600_000,
    });
  });

  it("keeps a gate closed that burn had closed, until recovery is proven here", () => {
    const closed = published({ state: "closed", allowed: false, reason: "slow-burn" });
    expect(adopt(own(), closed)).toMatchObject({
      state: "closed",
      allowed: false,
      burnClosed: "slow-burn",
      lastKnownOpen: false,
    });
  });

  it("keeps it closed for a replica that has only just started", () => {
    const fresh = own({ state: "unknown", reason: "no-data", since: AT + 1_000 });
    const closed = published({ state: "closed", allowed: false, reason: "fast-burn" });
    expect(adopt(fresh, closed)).toMatchObject({ state: "closed", burnClosed: "fast-burn" });
  });

  it("keeps a spent budget", () => {
    const spent = published({ state: "closed", allowed: false, reason: "budget-exhausted" });
    expect(adopt(own(), spent)).toMatchObject({ exhausted: true, burnClosed: null });
  });

  it("opens what this replica still had closed when the leader, on the same data, had opened it", () => {
    const late = own({ state: "closed", burnClosed: "fast-burn", since: AT - 30_000 });
    expect(adopt(late, published())).toMatchObject({ state: "open", burnClosed: null });
  });

  it("does not lose a closing that came after the leader's last word", () => {
    const newer = own({ state: "closed", burnClosed: "fast-burn", since: AT + 5_000 });
    // Published is open; the next decision closes it, as a transition.
    expect(adopt(newer, published())).toMatchObject({ state: "open", burnClosed: "fast-burn" });
  });

  it("keeps the own judgement below an override, which was never published", () => {
    const overridden = published({ state: "open", reason: "override" });
    const gate = adopt(own({ state: "closed", burnClosed: "slow-burn" }), overridden);
    expect(gate).toMatchObject({ state: "open", reason: "override", burnClosed: "slow-burn" });
  });

  it("knows of an unknown gate whether it was open before", () => {
    const held = published({ state: "unknown", reason: "stale", allowed: true, since: AT - 5_000 });
    expect(adopt(own(), held)).toMatchObject({ lastKnownOpen: true, unknownSince: AT - 5_000 });
    expect(adopt(own(), { ...held, allowed: false })).toMatchObject({ lastKnownOpen: false });
  });
});

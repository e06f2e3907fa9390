import { describe, expect, it } from "vitest";
import type { PublishedGate } from "../../../src/model/gate.ts";
import { GateRig, HEALTHY, OUTAGE, START } from "../../support/gate-rig.ts";
import { slo } from "../../support/slo.ts";

const SECOND = 1_000;

function rig(): GateRig {
  return new GateRig([slo({ name: "pay" }), slo({ name: "cart", service: "cart" })]);
}

/** Ticks once a second with this traffic for `pay`. */
function run(gates: GateRig, seconds: number, traffic = HEALTHY): void {
  for (let i = 0; i < seconds; i++) {
    gates.now += SECOND;
    gates.add(traffic);
    gates.gates.tick(gates.now);
  }
}

function published(over: Partial<PublishedGate> = {}): PublishedGate {
  return {
    slo: "pay",
    state: "closed",
    allowed: false,
    reason: "fast-burn",
    since: START - 60_000,
    decidedAt: START + 25_000,
    sequence: 41,
    override: null,
    suspects: [],
    ...over,
  };
}

const states = (gates: GateRig) =>
  gates.gates.published.map(({ decision, transition }) => {
    const { slo, state, epoch, sequence } = decision;
    return `${slo} ${state} ${epoch}.${sequence}${transition ? "!" : ""}`;
  });

describe("gates of a replica", () => {
  it("that does not lead decide for nobody: their epoch is 0", () => {
    const gates = rig();
    gates.gates.lead(null, gates.now);
    run(gates, 20);
    expect(gates.gates.leads).toBe(false);
    expect(gates.gates.get("pay")).toMatchObject({ state: "open", epoch: 0 });
  });

  it("publish everything with the first tick of a term, and say that it begins", () => {
    const gates = rig();
    gates.gates.lead(null, gates.now);
    run(gates, 25);
    gates.gates.lead({ epoch: 7, after: 6, published: [] }, gates.now);
    run(gates, 1);
    expect(gates.gates.beginning).toEqual({ epoch: 7, after: 6, slos: ["pay", "cart"] });
    expect(states(gates).sort()).toEqual(["cart unknown 7.0", "pay open 7.2"]);
    run(gates, 1);
    expect(gates.gates.beginning).toBeNull();
  });

  it("publish thousands with the first ten ticks of a term, each once, as later on", () => {
    const many = Array.from({ length: 10_000 }, (_, i) => slo({ name: `slo-${i}` }));
    const gates = new GateRig(many);
    gates.gates.lead({ epoch: 7, after: 6, published: [] }, gates.now + SECOND);
    const told = (seconds: number) =>
      Array.from({ length: seconds }, () => gates.tick().map(({ decision }) => decision.slo));
    const first = told(10);
    expect(first.map((slos) => slos.length)).toEqual(Array(10).fill(1_000));
    expect(new Set(first.flat()).size).toBe(10_000);
    expect(told(10)).toEqual(first);
  });

  it("keep closed what the last leader had closed, under its sequence and time, until recovery is proven", () => {
    const gates = rig();
    gates.gates.lead(null, gates.now);
    run(gates, 25);
    expect(gates.gates.get("pay")?.state).toBe("open");
    gates.gates.lead({ epoch: 7, after: 6, published: [published()] }, gates.now);
    run(gates, 1);
    expect(states(gates)).toContain("pay closed 7.41");
    expect(gates.gates.get("pay")).toMatchObject({ since: START - 60_000, reason: "fast-burn" });
    run(gates, 60);
    expect(gates.gates.get("pay")).toMatchObject({ state: "closed", sequence: 41 });
    run(gates, 900);
    expect(gates.gates.get("pay")).toMatchObject({ state: "open", sequence: 42 });
  });

  it("leave open what the last leader had open, though they have heard of one request only", () => {
    const gates = rig();
    gates.gates.lead(null, gates.now);
    run(gates, 1);
    const open = published({ state: "open", allowed: true, reason: "ok" });
    gates.gates.lead({ epoch: 7, after: 6, published: [open] }, gates.now);
    for (let i = 0; i < 50; i++) gates.tick();
    expect(gates.gates.get("pay")).toMatchObject({ state: "open", sequence: 41, epoch: 7 });
  });

  it("close by their own evidence what the last leader had open, as the next transition", () => {
    const gates = rig();
    gates.gates.lead(null, gates.now);
    run(gates, 25);
    gates.gates.lead(
      {
        epoch: 7,
        after: 6,
        published: [published({ state: "open", allowed: true, reason: "ok" })],
      },
      gates.now,
    );
    run(gates, 120, OUTAGE);
    expect(gates.gates.get("pay")).toMatchObject({ state: "closed", sequence: 42, epoch: 7 });
  });

  it("take the override that was published, until it expires", () => {
    const gates = rig();
    gates.gates.lead(null, gates.now);
    run(gates, 25);
    const override = {
      slo: "pay",
      state: "closed" as const,
      author: "ann",
      reason: "drill",
      createdAt: START,
      expiresAt: gates.now + 30_000,
    };
    gates.gates.lead(
      { epoch: 7, after: 6, published: [published({ reason: "override", override })] },
      gates.now,
    );
    run(gates, 1);
    expect(gates.gates.overrides()).toEqual([override]);
    expect(gates.gates.get("pay")).toMatchObject({ state: "closed", sequence: 41 });
    run(gates, 31);
    expect(gates.gates.get("pay")).toMatchObject({ state: "open", sequence: 42 });
  });

  it("go on from their own state when nobody else led in between, though less of it was published", () => {
    const gates = rig();
    gates.gates.lead({ epoch: 7, after: 0, published: [] }, gates.now);
    run(gates, 25);
    expect(gates.gates.get("pay")?.state).toBe("open");
    gates.gates.lead(null, gates.now);
    run(gates, 5);
    gates.gates.lead({ epoch: 8, after: 7, published: [published()] }, gates.now);
    run(gates, 1);
    expect(gates.gates.get("pay")).toMatchObject({ state: "open", epoch: 8 });
    gates.gates.lead(null, gates.now);
    gates.gates.lead({ epoch: 10, after: 9, published: [published()] }, gates.now);
    run(gates, 1);
    expect(gates.gates.get("pay")).toMatchObject({ state: "closed", epoch: 10 });
  });

  it("name what was published and is no SLO any more, and what was removed, but not what came back", () => {
    const gates = rig();
    gates.gates.lead({ epoch: 7, after: 6, published: [published({ slo: "gone" })] }, gates.now);
    run(gates, 1);
    expect(gates.gates.removed).toEqual(["gone"]);
    gates.gates.use([slo({ name: "cart", service: "cart" })]);
    run(gates, 1);
    expect(gates.gates.removed).toEqual(["pay"]);
    gates.gates.use([]);
    gates.gates.use([slo({ name: "cart", service: "cart" })]);
    run(gates, 1);
    expect(gates.gates.removed).toEqual([]);
  });
});

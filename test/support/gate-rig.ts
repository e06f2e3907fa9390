import { luxonCalendar } from "../../src/config/calendar.ts";
import { Gates, type Publication } from "../../src/engine/gates.ts";
import { COUNT_UNIT, type RequestDelta } from "../../src/model/delta.ts";
import type { GateDecision } from "../../src/model/gate.ts";
import type { Slo } from "../../src/model/slo.ts";
import { SECOND, type UnixMs } from "../../src/model/time.ts";
import { newReceiverCounters } from "../../src/ports/metrics.ts";
import { slo } from "./slo.ts";

export const START: UnixMs = Date.UTC(2026, 4, 4, 10);

/** Requests of one second. */
export interface Traffic {
  readonly total: number;
  readonly bad?: number;
}

export const HEALTHY: Traffic = { total: 100 };
export const OUTAGE: Traffic = { total: 100, bad: 50 };

/** All gates on a clock of the test: one tick a second, the second's requests counted just before it. */
export class GateRig {
  now: UnixMs;
  readonly counters = newReceiverCounters();
  readonly gates: Gates;
  /** Everything published since the start. */
  readonly published: Publication[] = [];

  constructor(slos: readonly Slo[], start: UnixMs = START) {
    this.now = start;
    this.gates = new Gates({
      calendar: luxonCalendar(),
      epoch: 3,
      counters: this.counters,
      now: start,
    });
    this.gates.use(slos);
  }

  /** Counts requests, by default in the present second and of the first SLO. */
  add(
    { total, bad = 0 }: Traffic,
    at: {
      second?: number;
      index?: number;
      weight?: number;
      receivedAt?: UnixMs;
      version?: number;
      /** A point that says that there were none. */
      reportsNone?: boolean;
    } = {},
  ): void {
    const {
      second = Math.floor(this.now / SECOND),
      index = 0,
      weight = 1,
      version = 0,
      reportsNone = false,
    } = at;
    if (total === 0 && bad === 0 && !reportsNone) return;
    const one = (value: number) => Float64Array.of(value);
    const delta: RequestDelta = {
      fingerprint: new Uint32Array(5),
      receivedAt: at.receivedAt ?? this.now,
      producer: 0,
      length: 1,
      slo: Int32Array.of(index),
      version: Int32Array.of(version),
      second: one(second),
      total: one(total * COUNT_UNIT),
      bad: one(bad * COUNT_UNIT),
      rawBad: one(bad / weight),
      badSquares: one(bad * weight),
    };
    this.gates.add(delta);
    this.counters.requestsAccepted++;
  }

  tick(ms = SECOND): readonly Publication[] {
    this.now += ms;
    const { published } = this.gates.tick(this.now);
    this.published.push(...published);
    return published;
  }

  /** So many seconds of the same traffic; null: silence. */
  run(seconds: number, traffic: Traffic | null, index = 0): this {
    for (let i = 0; i < seconds; i++) {
      if (traffic !== null) this.add(traffic, { index });
      this.tick();
    }
    return this;
  }

  /** Goes on until the gate is as asked for; how many seconds it took. */
  runUntil(
    is: (decision: GateDecision) => boolean,
    traffic: Traffic | null,
    atMost = 7200,
    name = "pay",
  ): number {
    for (let seconds = 0; seconds <= atMost; seconds++) {
      if (is(this.gate(name))) return seconds;
      this.run(1, traffic);
    }
    throw new Error(`not within ${atMost} s: ${this.gate(name).message}`);
  }

  gate(name = "pay"): GateDecision {
    const decision = this.gates.get(name);
    if (decision === null) throw new Error(`no gate ${name}`);
    return decision;
  }

  transitions(name = "pay"): string[] {
    return this.published
      .filter(({ transition, decision }) => transition && decision.slo === name)
      .map(({ decision }) => `${decision.state} ${decision.reason}`);
  }
}

/** One open gate with two minutes of health behind it. */
export function opened(over: Parameters<typeof slo>[0] = {}, start?: UnixMs): GateRig {
  const rig = new GateRig([slo(over)], start).run(120, HEALTHY);
  if (rig.gate().state !== "open") throw new Error(`not open: ${rig.gate().message}`);
  return rig;
}

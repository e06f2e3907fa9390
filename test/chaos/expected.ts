import { SERVICES } from "../../bench/encode.ts";

/** Requests of one SLO in one second. */
export interface Count {
  total: number;
  bad: number;
}

/** What was sent, by SLO and second. Everything sent is sent until it is acknowledged, so all of it must count. */
export class Expected {
  private readonly bySlo = new Map<string, Map<number, Count>>();
  acknowledged = 0;

  add(slo: string, second: number, total: number, bad: number): void {
    const seconds = this.bySlo.get(slo) ?? new Map<number, Count>();
    this.bySlo.set(slo, seconds);
    const count = seconds.get(second) ?? { total: 0, bad: 0 };
    seconds.set(second, { total: count.total + total, bad: count.bad + bad });
  }

  /** The spans of a request of `bench/encode.ts`, which are those of all its services. */
  addSpans(second: number, spans: number): void {
    for (let i = 0; i < spans; i++) {
      const service = SERVICES[Math.floor((i * SERVICES.length) / spans)]!;
      this.add(service, second, 1, i % 100 === 7 ? 1 : 0);
    }
  }

  slos(): readonly string[] {
    return [...this.bySlo.keys()];
  }

  /** By the minute that holds the second: what the engine's API gives. */
  minutes(slo: string): ReadonlyMap<number, Count> {
    const minutes = new Map<number, Count>();
    for (const [second, { total, bad }] of this.bySlo.get(slo) ?? []) {
      const minute = Math.floor(second / 60) * 60;
      const count = minutes.get(minute) ?? { total: 0, bad: 0 };
      minutes.set(minute, { total: count.total + total, bad: count.bad + bad });
    }
    return minutes;
  }

  total(): number {
    let sum = 0;
    for (const seconds of this.bySlo.values())
      for (const { total } of seconds.values()) sum += total;
    return sum;
  }
}

/** How what was counted differs from what was sent. */
export interface Difference {
  lost: number;
  doubled: number;
  /** Pairs of SLO and second that were compared. */
  compared: number;
}

export function compare(
  expected: ReadonlyMap<number, Count>,
  counted: ReadonlyMap<number, Count>,
): Difference {
  const difference: Difference = { lost: 0, doubled: 0, compared: 0 };
  for (const second of new Set([...expected.keys(), ...counted.keys()])) {
    const want = expected.get(second) ?? { total: 0, bad: 0 };
    const have = counted.get(second) ?? { total: 0, bad: 0 };
    difference.compared++;
    for (const part of ["total", "bad"] as const) {
      difference.lost += Math.max(0, want[part] - have[part]);
      difference.doubled += Math.max(0, have[part] - want[part]);
    }
  }
  return difference;
}

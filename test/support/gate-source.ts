import type { GateDecision, Override } from "../../src/model/gate.ts";
import type { GateReader, OverrideControl, SeriesPoint } from "../../src/ports/gate-reader.ts";

/** Gates in memory: what the APIs read, with the means to change it. */
export class GateSource implements GateReader, OverrideControl {
  readonly #decisions = new Map<string, GateDecision>();
  readonly #listeners = new Set<(decisions: readonly GateDecision[]) => void>();
  readonly byVersion = new Map<string, GateDecision>();
  readonly past: GateDecision[] = [];
  readonly points: SeriesPoint[] = [];
  readonly overrides: Override[] = [];
  readonly cleared: { slo: string; author: string }[] = [];

  constructor(...decisions: GateDecision[]) {
    for (const d of decisions) this.#decisions.set(d.slo, d);
  }

  get watchers(): number {
    return this.#listeners.size;
  }

  /** A transition or refresh, as the engine would announce it. */
  decide(...decisions: GateDecision[]): void {
    for (const d of decisions) this.#decisions.set(d.slo, d);
    for (const listener of [...this.#listeners]) listener(decisions);
  }

  remove(slo: string): void {
    this.#decisions.delete(slo);
  }

  names(): string[] {
    return [...this.#decisions.keys()].sort();
  }

  async *inParts(): AsyncGenerator<readonly GateDecision[]> {
    for (const name of this.names()) {
      yield [this.get(name)].filter((d) => d !== null);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  list(): GateDecision[] {
    return [...this.#decisions.values()].sort((a, b) => (a.slo < b.slo ? -1 : 1));
  }

  get(slo: string, version?: string): GateDecision | null {
    const present = this.#decisions.get(slo) ?? null;
    return version === undefined ? present : (this.byVersion.get(`${slo}@${version}`) ?? present);
  }

  history(slo: string): readonly GateDecision[] | null {
    return this.#decisions.has(slo) ? this.past : null;
  }

  series(slo: string): readonly SeriesPoint[] | null {
    return this.#decisions.has(slo) ? this.points : null;
  }

  watch(listener: (decisions: readonly GateDecision[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  set(override: Override): string | null {
    this.overrides.push(override);
    const present = this.get(override.slo);
    if (present === null) return "unknown SLO";
    this.decide({
      ...present,
      state: override.state,
      allowed: override.state === "open",
      reason: "override",
      override,
      sequence: present.sequence + 1,
    });
    return null;
  }

  clear(slo: string, author: string): string | null {
    this.cleared.push({ slo, author });
    const present = this.get(slo);
    if (present === null) return "unknown SLO";
    this.decide({ ...present, override: null, reason: "ok", sequence: present.sequence + 1 });
    return null;
  }
}

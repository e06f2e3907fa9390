import type { GateDecision } from "../model/gate.ts";
import type { StateCarrier } from "../model/state-carrier.ts";

const KEPT = 100;
/** Newest transitions that a restart does not forget. */
const CARRIED = 2;

/** Past transitions by SLO, newest first. */
export class Histories {
  private readonly bySlo = new Map<string, GateDecision[]>();

  add(transition: GateDecision): void {
    const history = this.bySlo.get(transition.slo) ?? [];
    history.unshift(transition);
    if (history.length > KEPT) history.pop();
    this.bySlo.set(transition.slo, history);
  }

  of(slo: string): readonly GateDecision[] {
    return this.bySlo.get(slo) ?? [];
  }

  forget(slo: string): void {
    this.bySlo.delete(slo);
  }

  carry(slo: string, state: StateCarrier): void {
    const newest = this.of(slo).slice(0, CARRIED);
    const stored = state.record(newest);
    if (stored !== newest) this.bySlo.set(slo, stored);
  }
}

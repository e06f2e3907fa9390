import type { GateDecision, Override } from "../model/gate.ts";
import type { UnixMs } from "../model/time.ts";

/** A minute of counts, for charts. */
export interface SeriesPoint {
  readonly at: UnixMs;
  readonly total: number;
  readonly bad: number;
}

/** What the APIs (HTTP, gRPC, page) ask of the running engine. Decisions are built when asked for. */
export interface GateReader {
  /** Every SLO's name, in order. */
  names(): readonly string[];
  /** Every SLO's present decision, in order of name. Of thousands this takes a while in which nothing else is done. */
  list(): GateDecision[];
  /** The same in parts, between which others have their turn: a tick may come between two of them. */
  inParts(): AsyncIterable<readonly GateDecision[]>;
  /** Null for an unknown SLO. With `version`, the answer for that version alone. */
  get(slo: string, version?: string): GateDecision | null;
  /** Past transitions, newest first, at most 100. */
  history(slo: string): readonly GateDecision[] | null;
  /** Minutes of the last 6 h, oldest first. */
  series(slo: string): readonly SeriesPoint[] | null;
  /** Calls back on every transition and refresh, until the returned function is called. */
  watch(listener: (decisions: readonly GateDecision[]) => void): () => void;
}

/** Break-glass. Setting or clearing decides at once and publishes. */
export interface OverrideControl {
  /** Null when done, else why not (unknown SLO). */
  set(override: Override): string | null;
  clear(slo: string, author: string): string | null;
}

/** For /readyz and /healthz: receiving, not leading. */
export interface Readiness {
  ready(): { ok: boolean; message: string };
}

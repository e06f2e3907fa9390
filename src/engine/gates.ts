import { forVersion } from "../decide/for-version.ts";
import { noFindings } from "../decide/state.ts";
import { COUNT_UNIT, type RequestDelta } from "../model/delta.ts";
import type { GateDecision, Override } from "../model/gate.ts";
import type { Slo } from "../model/slo.ts";
import type { StateCarrier } from "../model/state-carrier.ts";
import { type DurationMs, SECOND, type UnixMs, type UnixSecond } from "../model/time.ts";
import type { Calendar } from "../ports/calendar.ts";
import { type ChangeLog, NO_CHANGE_LOG, type Placement } from "../ports/change-log.ts";
import type { GateReader, SeriesPoint } from "../ports/gate-reader.ts";
import type { Applies, JournalledGates } from "../ports/journalled.ts";
import type { Term } from "../ports/leadership.ts";
import type { ReceiverCounters } from "../ports/metrics.ts";
import type { Beginning } from "../ports/transition-queue.ts";
import { decisionOf } from "./decision.ts";
import { Hearing } from "./hearing.ts";
import { Histories } from "./histories.ts";
import { firstRefresh, nextRefresh } from "./refresh.ts";
import { Track } from "./track.ts";

/** The epoch of decisions that are this process' own view, not its word as a leader: below every leader's. */
export const NOT_LEADING = 0;

/** A decision to be published, and whether it is a change or a refresh. */
export interface Publication {
  readonly decision: GateDecision;
  readonly transition: boolean;
}

export interface GatesParts {
  readonly calendar: Calendar;
  /** Until `lead` says another. */
  readonly epoch: number;
  readonly counters: ReceiverCounters;
  readonly now: UnixMs;
  /**
   * Ticks come once a second and decisions are refreshed between transitions (default). False on the data's
   * clock: a pause between ticks is then no time in which the engine was down, and nobody reads refreshes.
   */
  readonly live?: boolean;
  /** The version's name by its number in deltas; its number when not given. */
  readonly versionName?: (id: number) => string;
}

/** All gates of the engine: what ticks change, and what readers read. */
export class Gates implements JournalledGates, Omit<GateReader, "inParts" | "watch"> {
  /** Publications of the last tick. */
  published: readonly Publication[] = [];
  /** SLOs that the last tick found gone. */
  removed: readonly string[] = [];
  /** Set when the last tick was the first of a term. */
  beginning: Beginning | null = null;
  /** Told of everything that is done here, but for what is done again (`place`, `step`). */
  changes: ChangeLog = NO_CHANGE_LOG;
  private readonly calendar: Calendar;
  private epoch: number;
  private term: Term | null = null;
  /** The last term in which this process led; 0 before the first. */
  private lastLed = 0;
  private nextRemoved: string[] = [];
  private nextBeginning: Beginning | null = null;
  private readonly counters: ReceiverCounters;
  private readonly live: boolean;
  private readonly hearing: Hearing;
  private readonly versionName: (id: number) => string;
  /** By column in deltas; a removed SLO leaves a hole that is not used again. */
  private readonly tracks: (Track | null)[] = [];
  private readonly byName = new Map<string, Track>();
  private readonly histories = new Histories();
  /** Overrides whose SLO is not there (yet), until they expire. */
  private readonly orphans = new Map<string, Override>();
  private now: UnixMs;
  private readonly findings = noFindings();

  constructor(parts: GatesParts) {
    this.calendar = parts.calendar;
    this.epoch = parts.epoch;
    this.counters = parts.counters;
    this.versionName = parts.versionName ?? String;
    this.now = parts.now;
    const live = parts.live ?? true;
    this.live = live;
    this.hearing = new Hearing(live);
  }

  /** Takes a new set of SLOs. Those that stay keep their counts and state; see `Track`. */
  use(slos: readonly Slo[]): void {
    const names = new Set(slos.map((slo) => slo.name));
    const placements: Placement[] = [];
    for (const [name, { index }] of this.byName) {
      if (!names.has(name)) placements.push({ index, slo: null });
    }
    let columns = this.tracks.length;
    for (const slo of slos) {
      const present = this.byName.get(slo.name);
      if (present !== undefined && JSON.stringify(present.slo) === JSON.stringify(slo)) {
        present.slo = slo; // what was stored shares no part with others
        continue;
      }
      placements.push({ index: present?.index ?? columns++, slo });
    }
    if (placements.length === 0) return;
    this.place(placements, this.now);
    this.changes.placed(placements, this.now);
  }

  /**
   * Puts SLOs at their columns, all or none.
   *
   * @param applies asked for each column; false leaves its SLO as it is: it has had this change
   */
  place(placements: readonly Placement[], now: UnixMs, applies: Applies = everywhere): void {
    this.now = now;
    const tracks = placements
      .filter(({ index }) => applies(index))
      .map(({ index, slo }) => {
        const present = this.tracks[index] ?? undefined;
        const track = slo && new Track(slo, index, this.calendar, now, present);
        return { index, present, track };
      });
    for (const { index, present, track } of tracks) {
      if (present !== undefined && track === null) this.forget(present);
      this.put(index, track);
    }
    // Also of those left as they are: they had theirs with the change.
    for (const { slo } of placements) if (slo !== null) this.adopt(slo.name);
  }

  /** The SLO's column in deltas; it keeps it as long as it exists. And since when it counts by its indicator. */
  placeOf(slo: Slo): { readonly index: number; readonly countsSince: UnixMs } {
    const track = this.byName.get(slo.name);
    if (track === undefined) throw new Error(`unreachable: ${slo.name} is not in use`);
    return track;
  }

  /** Adds an admitted delta. */
  add(delta: RequestDelta): void {
    for (let i = 0; i < delta.length; i++) {
      const track = this.tracks[delta.slo[i]!];
      if (track === null || track === undefined) continue;
      const counted = track.add(
        delta.version[i]!,
        delta.second[i]!,
        delta.total[i]!,
        delta.bad[i]!,
        delta.badSquares[i]!,
        delta.receivedAt,
      );
      if (!counted) {
        const refused = this.counters.itemsRefused;
        const requests = Math.round(delta.total[i]! / COUNT_UNIT);
        refused["too-old-for-slice"] = (refused["too-old-for-slice"] ?? 0) + requests;
      }
    }
  }

  /**
   * One tick of all gates; what is to be published stands in `published` afterwards.
   *
   * @param refreshes whether anybody reads decisions that are no change
   */
  tick(at: UnixMs, refreshes = true): this {
    // A clock that is set back must not make windows run backwards: they wait until it has caught up.
    const now = Math.max(at, this.now);
    const { requestsAccepted, requestsRefused: refused } = this.counters;
    const turnedAway = (refused.overloaded ?? 0) + (refused["state-unavailable"] ?? 0);
    const stoodMs = this.hearing.waited(at, this.now);
    this.hear(now, requestsAccepted, turnedAway, stoodMs);
    const published = this.step(now, everywhere, refreshes);
    this.changes.ticked(now, requestsAccepted, turnedAway, stoodMs);
    this.published = published;
    // One that has come back meanwhile is not gone.
    this.removed = this.nextRemoved.filter((slo) => !this.byName.has(slo));
    this.nextRemoved = [];
    this.beginning = this.nextBeginning;
    this.nextBeginning = null;
    return this;
  }

  get leads(): boolean {
    return this.epoch !== NOT_LEADING;
  }

  /** The next tick, at `now`, decides in this term; with null, for nobody. A term's first ticks publish everything. */
  lead(term: Term | null, now: UnixMs): void {
    const epoch = term?.epoch ?? NOT_LEADING;
    if (term === this.term && epoch === this.epoch) return;
    this.term = term;
    this.epoch = epoch;
    if (term === null) return;
    // Nobody led in between: the own state is newer than what came out of it.
    const published = term.after > this.lastLed ? term.published : [];
    this.lastLed = term.epoch;
    for (const gate of published) {
      const track = this.byName.get(gate.slo);
      if (track === undefined) {
        this.nextRemoved.push(gate.slo);
        continue;
      }
      track.adopt(gate, this.versionName, this.now);
      this.changes.overridden(gate.slo, gate.override);
    }
    const second = Math.floor(now / SECOND);
    for (const track of this.byName.values()) {
      track.refreshAt = firstRefresh(second, track.index, this.tracks.length);
    }
    this.nextBeginning = { epoch: term.epoch, after: term.after, slos: [...this.byName.keys()] };
  }

  /** The shared part of a tick: what the receiver has heard so far, by its running counters. */
  hear(now: UnixMs, accepted: number, turnedAway: number, stoodMs: DurationMs): void {
    this.now = now;
    this.hearing.tick(now, accepted, turnedAway, stoodMs);
    this.findings.stoodMs = stoodMs;
    for (const [slo, { expiresAt }] of this.orphans) {
      if (now >= expiresAt) this.orphans.delete(slo);
    }
  }

  /**
   * The part of a tick that each SLO has for itself.
   *
   * @param applies asked for each column; false leaves its SLO as it is: it has had this tick
   * @param refreshes as of `tick`
   * @returns what is to be published
   */
  step(now: UnixMs, applies: Applies, refreshes: boolean): readonly Publication[] {
    const second = Math.floor(now / SECOND);
    let published: Publication[] | null = null;
    for (let i = 0; i < this.tracks.length; i++) {
      const track = this.tracks[i];
      if (track === null || track === undefined || !applies(i)) continue;
      const transition = track.tick(now, this.hearing, this.findings);
      if (!transition && !(this.live && second >= track.refreshAt)) continue;
      track.refreshAt = nextRefresh(second, i);
      track.outlook.renew(track, now);
      if (!transition && !refreshes) continue;
      const decision = decisionOf(track, this.hearing, this.epoch, this.versionName, now);
      if (transition) this.histories.add(decision);
      published ??= [];
      published.push({ decision, transition });
    }
    return published ?? NOTHING;
  }

  /** Moves all windows to `now`, so that the first tick after a pause has no more to do than the others. */
  advance(now: UnixMs): void {
    for (const track of this.byName.values()) track.advance(now);
  }

  /** A process begins at `now`: its counters are at zero, it decides under this epoch. */
  begin(epoch: number, now: UnixMs): void {
    this.epoch = epoch;
    this.now = Math.max(this.now, now);
    this.hearing.countFromZero();
  }

  names(): string[] {
    return [...this.byName.keys()].sort();
  }

  list(): GateDecision[] {
    return this.names().flatMap((name) => this.get(name) ?? []);
  }

  get(slo: string, version?: string): GateDecision | null {
    const track = this.byName.get(slo);
    if (track === undefined) return null;
    const decision = decisionOf(track, this.hearing, this.epoch, this.versionName, this.now);
    return version === undefined ? decision : forVersion(decision, version);
  }

  history(slo: string): readonly GateDecision[] | null {
    return this.byName.has(slo) ? this.histories.of(slo) : null;
  }

  series(slo: string): readonly SeriesPoint[] | null {
    const track = this.byName.get(slo);
    if (track === undefined) return null;
    const points: SeriesPoint[] = [];
    track.eachMinute((second, total, bad) => points.push({ at: second * SECOND, total, bad }));
    return points;
  }

  /** Sets or clears (null) an SLO's override; it decides at the next tick. False for an unknown SLO. */
  override(slo: string, override: Override | null): boolean {
    const track = this.byName.get(slo);
    if (track === undefined) return false;
    track.override = override;
    this.changes.overridden(slo, override);
    return true;
  }

  /** As `override`, and for an SLO that is not there (yet): it finds it when it comes. */
  restoreOverride(slo: string, override: Override | null, applies: Applies = everywhere): void {
    const track = this.byName.get(slo);
    if (track !== undefined) {
      if (applies(track.index)) track.override = override;
    } else if (override !== null) this.orphans.set(slo, override);
  }

  /** Names of SLOs that have an override waiting for them. */
  orphaned(): readonly string[] {
    return [...this.orphans.keys()];
  }

  /** All that are in force or waiting. */
  overrides(): Override[] {
    const inForce = [...this.byName.values()].flatMap((track) => track.override ?? []);
    return [...inForce, ...this.orphans.values()];
  }

  /** Requests of the last five minutes, of all SLOs together. */
  recentRequests(): number {
    let sum = 0;
    for (const track of this.byName.values()) sum += track.recentRequests();
    return sum;
  }

  /** Adds to the SLO's budget what was counted before the engine watched; see `Track.addPast`. */
  addPast(slo: string, second: UnixSecond, total: number, bad: number): void {
    this.byName.get(slo)?.addPast(second, total, bad);
  }

  /** Columns in deltas, with those whose SLO is gone. */
  get columns(): number {
    return this.tracks.length;
  }

  /** What all SLOs share. */
  carryShared(state: StateCarrier): void {
    this.now = state.number(this.now);
    this.epoch = state.number(this.epoch);
    this.hearing.carry(state);
    const columns = state.number(this.tracks.length);
    while (this.tracks.length < columns) this.tracks.push(null);
    const waiting = [...this.orphans.values()];
    for (const override of state.record(waiting)) this.orphans.set(override.slo, override);
  }

  /**
   * One SLO with all that is known of it, its definition too: a restored gate goes on under the definition it had, and
   * `use` then changes that as it changes a running one.
   *
   * @param index column in deltas; beyond the last one to bring a column back that nobody uses
   * @returns false when evidence and forecast were stored by a version that lays them out in another way: they begin
   *   anew, as after an edit of the objective; counts and gate are back
   */
  carryTrack(index: number, state: StateCarrier): boolean {
    const present = this.tracks[index] ?? null;
    const slo = state.record(present?.slo ?? null);
    const isPresent = slo === (present?.slo ?? null);
    const fresh = () => slo && new Track(slo, index, this.calendar, this.now);
    let track = isPresent ? present : fresh();
    const isJudged = state.part((part) => track?.carryJudgement(part));
    if (!isJudged) track = fresh();
    track?.carryCounts(state);
    if (!isJudged) track?.judgeAnew(this.now);
    if (!isPresent) this.put(index, track);
    if (track === null) return true;
    this.histories.carry(track.slo.name, state);
    return isJudged;
  }

  /** Everything at once. */
  carry(state: StateCarrier): void {
    this.carryShared(state);
    for (let index = 0; index < this.tracks.length; index++) this.carryTrack(index, state);
  }

  private put(index: number, track: Track | null): void {
    const present = this.tracks[index] ?? null;
    if (present !== null && this.byName.get(present.slo.name) === present) {
      this.byName.delete(present.slo.name);
    }
    while (this.tracks.length < index) this.tracks.push(null);
    this.tracks[index] = track;
    if (track !== null) this.byName.set(track.slo.name, track);
  }

  private forget({ slo, override }: Track): void {
    this.histories.forget(slo.name);
    this.nextRemoved.push(slo.name);
    if (override !== null) this.orphans.set(slo.name, override);
  }

  private adopt(name: string): void {
    const override = this.orphans.get(name);
    const track = this.byName.get(name);
    if (override === undefined || track === undefined) return;
    this.orphans.delete(name);
    track.override ??= override;
  }
}

const NOTHING: readonly Publication[] = [];

function everywhere(_index: number): boolean {
  return true;
}

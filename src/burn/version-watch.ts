import { NO_VERSION, OTHER_VERSION } from "../model/delta.ts";
import type { StateCarrier } from "../model/state-carrier.ts";
import type { UnixSecond } from "../model/time.ts";
import {
  BLAME_NATS,
  clearContrast,
  contrastNats,
  learnClusters,
  learnSpread,
  MIX_ODDS,
  newContrast,
  spread,
  stepContrast,
} from "./contrast.ts";
import { Alternatives, stepEvidence } from "./evidence.ts";
import { beginRecovery, stepRecovery } from "./recovery.ts";
import { BAD, BAD_TICKS, CALM_SINCE, NATS, NOW, TICK_BAD, TICK_EXPECTED } from "./row.ts";
import { restart } from "./sequential.ts";
import { DEFAULT_TUNING } from "./tuning.ts";
import { CELL_S, CELLS, VersionTrack } from "./version-track.ts";

/** Versions told apart for one SLO; beyond that the one that was silent longest goes, else counts go to "other". */
const MOST_VERSIONS = 16;
/** A version that was not heard of for so long receives no traffic. */
export const SILENT_S = 120;
/** A cell that is not complete by then is not judged: what is missing may be all errors or none. */
const LATEST_JUDGED_S = 60;
/** Versions that are seen together at the beginning were there before. */
const BEGINNING_S = 60;
/** A version's own burn must be as likely as this, nats. */
const OWN_NATS = 6;
const OWN_BAD = 6;
const OWN_CELLS = 2;
/** Share of the base level that is left after a cell: half after an hour. */
const BASE_KEEP = 0.5 ** (1 / 360);
/** With more of the requests than this there is nothing left to compare with. */
const NEARLY_ALL = 0.8;
/** With fewer errors that the others should have there is nothing to compare. */
const FEW_BAD = 2;
/** In standard deviations. */
const SURE = 3;
/** After a blame, so long well. */
const WELL_S = 300;
/** The regime of a burn began within a rollout when it began so long after it at most. */
const ROLLOUT_S = 2 * 3600;

/**
 * The versions of one SLO's service: counts in 10-second cells of event time, and which of them is worse than the others.
 * A cell is judged once every version that would have requests in it has been heard beyond it: judged on what had
 * arrived, a failing dependency would be blamed on the version whose telemetry is the faster.
 */
export class VersionWatch {
  private readonly errorBudget: number;
  private readonly alternatives = Alternatives.default;
  private tracks: VersionTrack[] = [];
  /** How all errors come in clusters: its spread. One caller's retries fall on one version. */
  private readonly clusters = newContrast();
  /** Decaying sums of judged cells. */
  private baseTotal = 0;
  private baseBad = 0;
  /** Newest cell that was begun, and the next one to be judged. */
  private head = Number.NaN;
  private next = Number.NaN;
  private began = Number.NaN;

  /** @param objective ratio in (0, 1) */
  constructor(objective: number) {
    this.errorBudget = 1 - objective;
  }

  /**
   * After an edit of the SLO: the versions that were known, which of them are new, and who is to blame, which stands until it
   * has been well. Evidence begins anew.
   *
   * @param keepsCounts what was counted means the same as before
   */
  edited(objective: number, keepsCounts: boolean, now: UnixSecond): VersionWatch {
    const edited = new VersionWatch(objective);
    edited.tracks = this.tracks;
    edited.head = this.head;
    edited.next = this.next;
    edited.began = this.began;
    if (keepsCounts) {
      edited.baseTotal = this.baseTotal;
      edited.baseBad = this.baseBad;
      edited.clusters.set(this.clusters);
    }
    for (const track of edited.tracks) {
      if (!keepsCounts) track.forgetCounts();
      clearContrast(track.contrast);
      restart(track.row, now);
      if (track.blamed) edited.blame(track, now);
    }
    return edited;
  }

  /** Newest first. */
  list(): readonly VersionTrack[] {
    return this.tracks;
  }

  /** Counts in requests; times in seconds. */
  add(id: number, second: UnixSecond, total: number, bad: number, now: UnixSecond): void {
    // Nobody tells versions: there is nothing to watch.
    if (id === NO_VERSION && this.tracks.length === 0) return;
    this.advance(now);
    (this.find(id) ?? this.begin(id, now)).add(Math.min(second, now), total, bad, now);
  }

  /**
   * Once a second: judges the cells that are complete.
   *
   * @param perMinute bad requests a minute at burn 1
   * @param phi how much more the SLO's errors vary than independent ones
   * @param burns the SLO's burn holds the gate closed: then a version need not be new to be to blame for it
   */
  step(now: UnixSecond, perMinute: number, phi: number, burns: boolean): void {
    if (this.tracks.length === 0) return;
    this.advance(now);
    for (; this.next < Math.floor(now / CELL_S); this.next++) {
      const end = (this.next + 1) * CELL_S;
      if (!this.isComplete(end, now)) {
        if (now - end < LATEST_JUDGED_S) return;
        continue;
      }
      this.judge(this.next, end, perMinute, phi, burns);
    }
  }

  /** A version that is to blame receives traffic. */
  suspectServes(now: UnixSecond): boolean {
    for (const track of this.tracks) {
      if (track.blamed && now - track.heard <= SILENT_S) return true;
    }
    return false;
  }

  /** When versions that are to blame will have been silent long enough; null while one of them serves. */
  freeFrom(now: UnixSecond): UnixSecond | null {
    let from: UnixSecond | null = null;
    for (const track of this.tracks) {
      if (!track.blamed || now - track.heard > SILENT_S) continue;
      if (now - track.heard <= CELL_S) return null;
      from = Math.max(from ?? 0, track.heard + SILENT_S);
    }
    return from;
  }

  /**
   * The SLO's burn closed the gate with evidence since then: the version that is being rolled out is to blame when the trouble
   * began with it and it has nearly all of the traffic, where there is little left to compare it with. Where that little says
   * that the others fail alike, nobody is. Asked again for some time: of a sudden change of version the closing's own
   * seconds hold requests of both.
   */
  blameRollout(since: UnixSecond, now: UnixSecond): void {
    for (const track of this.tracks) {
      const began = since - track.first;
      const within = began >= -BEGINNING_S && began <= ROLLOUT_S;
      if (track.blamed || track.id <= OTHER_VERSION || !track.isNew(now) || !within) continue;
      if (this.hasNearlyAll(track, since)) this.blame(track, now);
    }
  }

  /**
   * The last leader's blame stands until the version has been well here. Who has just started saw all versions together: it could not
   * tell the new one, and would let it pass. A version that was not heard of here is not blamed: it does not serve.
   */
  inherit(isSuspect: (id: number) => boolean, now: UnixSecond): void {
    for (const track of this.tracks) {
      if (track.id > OTHER_VERSION && !track.blamed && isSuspect(track.id)) this.blame(track, now);
    }
  }

  /** By the requests of whole and complete cells after that; and the others have not their part of the errors. */
  private hasNearlyAll(track: VersionTrack, since: UnixSecond): boolean {
    let own = 0;
    let total = 0;
    let ownBad = 0;
    let bad = 0;
    const from = Math.max(Math.ceil(since / CELL_S), this.head - CELLS + 1);
    // Of a cell that is not complete, the version with the faster telemetry has nearly all.
    for (let cell = from; cell < this.next; cell++) {
      own += track.totalOf(cell);
      ownBad += track.badOf(cell);
      for (const other of this.tracks) {
        total += other.totalOf(cell);
        bad += other.badOf(cell);
      }
    }
    if (total === 0) return false;
    const share = own / total;
    if (Math.max(track.share, share) <= NEARLY_ALL) return false;
    // What others have of the errors when this one's requests are twice as error-prone, and no more is wrong with it.
    const others = (bad * (1 - share)) / (1 + (MIX_ODDS - 1) * share);
    return others < FEW_BAD || bad - ownBad < others - SURE * Math.sqrt(others);
  }

  carry(state: StateCarrier): void {
    this.head = state.number(this.head);
    this.next = state.number(this.next);
    this.began = state.number(this.began);
    this.baseTotal = state.number(this.baseTotal);
    this.baseBad = state.number(this.baseBad);
    state.numbers(this.clusters);
    const ids = this.tracks.map(({ id }) => id);
    const stored = state.record(ids);
    if (stored !== ids) this.tracks = stored.map((id) => new VersionTrack(id, 0, false));
    for (const track of this.tracks) track.carry(state);
  }

  private find(id: number): VersionTrack | null {
    for (const track of this.tracks) if (track.id === id) return track;
    return null;
  }

  private begin(id: number, now: UnixSecond): VersionTrack {
    if (Number.isNaN(this.began)) this.began = now;
    if (this.tracks.length >= MOST_VERSIONS) {
      const idle = this.tracks.reduce((a, b) => (b.heard < a.heard ? b : a));
      if (now - idle.heard <= SILENT_S) {
        const other = this.find(OTHER_VERSION);
        if (other !== null) return other;
      }
      this.tracks.splice(this.tracks.indexOf(idle), 1);
    }
    const track = new VersionTrack(id, now, now - this.began < BEGINNING_S);
    this.tracks.unshift(track);
    return track;
  }

  private advance(now: UnixSecond): void {
    const cell = Math.floor(now / CELL_S);
    if (Number.isNaN(this.head)) {
      this.head = cell;
      this.next = cell;
    }
    if (cell <= this.head) return;
    const from = Math.max(this.head + 1, cell - CELLS + 1);
    for (let begun = from; begun <= cell; begun++) {
      for (const track of this.tracks) track.clearCell(begun);
    }
    this.head = cell;
    this.next = Math.max(this.next, cell - CELLS + 1);
  }

  /** Every version that would have had a request by then has been heard from `end` on, or just before it. */
  private isComplete(end: UnixSecond, now: UnixSecond): boolean {
    for (const track of this.tracks) {
      if (now - track.heard > LATEST_JUDGED_S) continue;
      const perSecond = track.recentTotal() / (CELLS * CELL_S);
      // Three mean gaps: rarer requests are missing by chance, and few.
      const slack = Math.min(LATEST_JUDGED_S, perSecond > 0 ? 3 / perSecond : LATEST_JUDGED_S);
      if (track.latest < end - 1 - slack) return false;
    }
    return true;
  }

  private judge(
    cell: number,
    end: UnixSecond,
    perMinute: number,
    phi: number,
    burns: boolean,
  ): void {
    let total = 0;
    let bad = 0;
    for (const track of this.tracks) {
      total += track.totalOf(cell);
      bad += track.badOf(cell);
    }
    if (!(total > 0)) return;
    // What closed the gate is no cluster: taken for one, it made the next bad version's errors one too for an hour.
    if (this.baseTotal > 0 && !burns) {
      learnClusters(this.clusters, bad, (total * this.baseBad) / this.baseTotal);
    }
    this.baseTotal = this.baseTotal * BASE_KEEP + total;
    this.baseBad = this.baseBad * BASE_KEEP + bad;
    const together = Math.max(phi, spread(this.clusters));
    for (const track of this.tracks) {
      const own = track.totalOf(cell);
      const share = own / total;
      const spreading = Math.max(together, spread(track.contrast));
      track.learnShare(share);
      stepContrast(track.contrast, track.badOf(cell), bad, share, spreading);
      if (contrastNats(track.contrast) < BLAME_NATS / 2) {
        learnSpread(track.contrast, track.badOf(cell), bad, share);
      }
      if (own > 0) this.stepOwn(track, cell, end, spreading);
      const mayBe = !track.blamed && (burns || track.isNew(end));
      if (mayBe && this.isGuilty(track, perMinute)) this.blame(track, end);
    }
  }

  private stepOwn(track: VersionTrack, cell: number, end: UnixSecond, phi: number): void {
    const { row } = track;
    row[NOW] = end;
    row[TICK_BAD] = track.badOf(cell);
    row[TICK_EXPECTED] = track.totalOf(cell) * this.errorBudget;
    if (!track.blamed) stepEvidence(row, this.alternatives, phi);
    else {
      stepRecovery(row, phi, track.recentBad(), track.recentTotal() * this.errorBudget);
      // NaN while not calm.
      if (end - row[CALM_SINCE]! >= WELL_S) {
        track.acquit();
        clearContrast(track.contrast);
        restart(row, end);
      }
    }
    row[TICK_BAD] = row[TICK_EXPECTED] = 0;
  }

  private isGuilty(track: VersionTrack, perMinute: number): boolean {
    if (track.id <= OTHER_VERSION || contrastNats(track.contrast) < BLAME_NATS) return false;
    const r = track.strongest(this.alternatives.count);
    if (r < 0 || !(perMinute > 0) || !(track.share > 0)) return false;
    const { row } = track;
    if (row[NATS + r]! < OWN_NATS || row[BAD + r]! < OWN_BAD) return false;
    if (row[BAD_TICKS + r]! < OWN_CELLS) return false;
    // As if all traffic were its own: a rollout goes on.
    return track.excess(r) / track.share / perMinute >= DEFAULT_TUNING.floorStart;
  }

  private blame(track: VersionTrack, now: UnixSecond): void {
    track.blame(now);
    const expected = track.recentTotal() * this.errorBudget;
    beginRecovery(track.row, expected > 0 ? track.recentBad() / expected : 0);
  }
}

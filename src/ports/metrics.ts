/**
 * The engine's own counters, plain numbers so that the hot path may add to them. `telemetry/metrics.ts`
 * exposes them; names of the fields become metric names or label values there.
 */
export interface ReceiverCounters {
  /** Requests by outcome. */
  requestsAccepted: number;
  /** By `RefusalCode`. */
  readonly requestsRefused: Record<string, number>;
  requestsDuplicate: number;
  bytesAccepted: number;
  spansAccepted: number;
  /** Of services that no SLO asks for; they are accepted too. */
  spansUnmatched: number;
  pointsAccepted: number;
  /** Spans or points not counted, by reason, for example "future", "too-old", "no-bucket-bound", "series-limit". */
  readonly itemsRefused: Record<string, number>;
  /** Counted in their own second although the finest window has passed it. */
  late: number;
  /** Event time ahead of the clock, counted in the arrival second. */
  skewed: number;
  /** Older than the duplicate memory: counted, but a retry would not be recognised. */
  unverified: number;
}

export function newReceiverCounters(): ReceiverCounters {
  return {
    requestsAccepted: 0,
    requestsRefused: {},
    requestsDuplicate: 0,
    bytesAccepted: 0,
    spansAccepted: 0,
    spansUnmatched: 0,
    pointsAccepted: 0,
    itemsRefused: {},
    late: 0,
    skewed: 0,
    unverified: 0,
  };
}

/** Adds to the counter of a reason, which there need not be yet. */
export function addTo(byReason: Record<string, number>, reason: string, count: number): void {
  if (count > 0) byReason[reason] = (byReason[reason] ?? 0) + count;
}

/** What metrics tell of receiver workers. */
export interface WorkersState {
  /** Those that take requests now. */
  readonly listening: number;
  /** Times that one was started again. */
  readonly restarts: number;
}

/** What metrics and readiness tell of the journal. */
export interface JournalState {
  /** Why nothing can be stored now; null when all is well. */
  readonly trouble: string | null;
  readonly commits: number;
  readonly committedBytes: number;
  /** Spent on all commits together. */
  readonly commitSeconds: number;
  readonly failedCommits: number;
}

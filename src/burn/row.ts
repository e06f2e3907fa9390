/**
 * The state of one SLO's sequential detector: one row of doubles, stepped in place, so that a tick allocates
 * nothing and a snapshot is a copy. Eight blocks of one slot per alternative, then single slots.
 * Times are unix seconds; expected counts are bad requests at burn 1.
 */

/** Most alternatives a detector has; a smallest burn leaves slots unused. */
export const MOST_ALTERNATIVES = 5;

/** Evidence for the alternative against burn 1, nats, 0 to 60. */
export const NATS = 0;
/** Bad requests since that evidence was last nothing. */
export const BAD = NATS + MOST_ALTERNATIVES;
/** Expected ones since then. */
export const EXPECTED = BAD + MOST_ALTERNATIVES;
/** When it was last nothing. */
export const SINCE = EXPECTED + MOST_ALTERNATIVES;
/** Ticks with bad requests since then. */
export const BAD_TICKS = SINCE + MOST_ALTERNATIVES;
/** Learned floor of impact, burn-minutes. */
export const FLOOR = BAD_TICKS + MOST_ALTERNATIVES;
/** Largest impact of the present excursion, burn-minutes; 0 while there is none. */
export const PEAK = FLOOR + MOST_ALTERNATIVES;
/** Peaks of the last short closing, learned once nothing has followed; all 0: no lesson is pending. */
export const LESSON = PEAK + MOST_ALTERNATIVES;

/** What the running tick has brought. */
export const TICK_BAD = LESSON + MOST_ALTERNATIVES;
export const TICK_EXPECTED = TICK_BAD + 1;
/** Seconds of the running tick in which bad ones came, and the last of them. */
export const TICK_BAD_SECONDS = TICK_EXPECTED + 1;
export const LAST_BAD_SECOND = TICK_BAD_SECONDS + 1;
/** End of the last tick stepped. */
export const NOW = LAST_BAD_SECOND + 1;

/** Dispersion: sums of squares and weights, the running bin, the base level of the last day. */
export const SQUARES = NOW + 1;
export const WEIGHT = SQUARES + 1;
export const BIN_BAD = WEIGHT + 1;
export const BIN_EXPECTED = BIN_BAD + 1;
export const BIN_TICKS = BIN_EXPECTED + 1;
export const BASE_BAD = BIN_TICKS + 1;
export const BASE_EXPECTED = BASE_BAD + 1;

/** 1 while burn holds the gate closed. */
export const CLOSED = BASE_EXPECTED + 1;
export const CLOSED_AT = CLOSED + 1;
/** When the gate last opened; -Infinity: never. */
export const OPENED_AT = CLOSED_AT + 1;
/** Nats for recovery. */
export const RECOVERY = OPENED_AT + 1;
/** Since when recovery is proven without a break; NaN while it is not. */
export const CALM_SINCE = RECOVERY + 1;
/** Highest burn over five minutes of the present incident. */
export const WORST_BURN = CALM_SINCE + 1;

/** Decaying sums of weights and squared weights of bad requests: sampled data proves less. */
export const WEIGHTS = WORST_BURN + 1;
export const WEIGHT_SQUARES = WEIGHTS + 1;

/** What the present closing has cost: bad and expected requests since its evidence began. */
export const COST_BAD = WEIGHT_SQUARES + 1;
export const COST_EXPECTED = COST_BAD + 1;
/** When its evidence began. */
export const BURNT_SINCE = COST_EXPECTED + 1;

/** Bad and expected requests since recovery is proven. */
export const CALM_BAD = BURNT_SINCE + 1;
export const CALM_EXPECTED = CALM_BAD + 1;

/** Since when R, the evidence of recovery, has been above nothing, and until when it was enough. */
export const GOOD_SINCE = CALM_EXPECTED + 1;
export const PROVEN_UNTIL = GOOD_SINCE + 1;
/** Longest pause of the present trouble, seconds: what had passed for recovery before it came back. */
export const LONGEST_PAUSE = PROVEN_UNTIL + 1;

/** A row ends here that learns nothing of the time of day: a version's. */
export const ROW_LENGTH_WITHOUT_ECHO = LONGEST_PAUSE + 1;

/** Floors by time of day, burn-minutes: what has healed at this time before. */
export const ECHO = ROW_LENGTH_WITHOUT_ECHO;
export const ECHO_BINS = 96;

/** Since when they stand, for each. */
export const ECHO_SINCE = ECHO + ECHO_BINS;

export const ROW_LENGTH = ECHO_SINCE + ECHO_BINS;

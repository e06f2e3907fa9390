/**
 * Carries the state of a core into a snapshot and back. A core has one method, `carry`, that hands over
 * every field in a fixed order and keeps what it gets in return: the same value when a snapshot is written, the
 * stored one when it is read. Saving and restoring are one text, so they cannot drift apart.
 *
 * ```ts
 * carry(state: StateCarrier): void {
 *   this.bad = state.number(this.bad);
 *   state.numbers(this.ring);
 * }
 * ```
 *
 * What follows from configuration (sizes, thresholds) is not carried: the core is constructed first.
 */
export interface StateCarrier {
  /** Any double, NaN and the infinities too, to the last bit. */
  number(value: number): number;
  /** A number that may not be known (yet). */
  optional(value: number | null): number | null;
  flag(value: boolean): boolean;
  text(value: string): string;
  /** A small immutable record of plain data; absent fields, NaN and the infinities do not survive in it. */
  record<T>(value: T): T;
  /**
   * In place.
   *
   * @throws RangeError when the stored row has another length: it is the state of another layout
   */
  numbers(row: Float64Array): void;
  /** A row for a core that keeps its numbers in another form, to be filled and handed over; good until the next call. */
  room(length: number): Float64Array;
  /**
   * A part that may be done without, for example because a later version lays it out in another way.
   *
   * @returns false when the stored part does not fit: what was being restored is of no use then and has to be made anew;
   *   what follows the part is read all the same
   */
  part(carry: (state: StateCarrier) => void): boolean;
}

/** How often it is looked whether the disk has answered. */
const STEP_MS = 250;

/**
 * How long a disk has been waited for by a process that could have heard it. While the event loop stands still nobody
 * hears an answer, however soon it came: of such a time two steps count at most, as the answer comes with the next turn.
 */
export class DiskWait {
  private timer: NodeJS.Timeout | null = null;
  private waitedMs = 0;
  private turnAt = 0;

  begin(): void {
    this.waitedMs = 0;
    this.turnAt = performance.now();
    this.timer = setInterval(() => {
      this.waitedMs = this.ms();
      this.turnAt = performance.now();
    }, STEP_MS);
    this.timer.unref();
  }

  end(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  /** Milliseconds since `begin`; 0 when nothing is waited for. */
  ms(): number {
    if (this.timer === null) return 0;
    // A turn may be late by a step without anything standing still.
    return this.waitedMs + Math.min(performance.now() - this.turnAt, 2 * STEP_MS);
  }
}

import { Observable } from "rxjs";
import { SECOND, type UnixMs } from "../model/time.ts";

/**
 * The second hand: the time, once a second, just after the clock's second. A tick that the process was
 * too busy for is left out, not made up for.
 *
 * @param observe told how long each tick took to handle and how late it came, in seconds
 */
export function everySecond(
  now: () => UnixMs,
  observe: (durationSeconds: number, lagSeconds: number) => void,
): Observable<UnixMs> {
  return new Observable<UnixMs>((subscriber) => {
    let timer: NodeJS.Timeout;
    const schedule = (): void => {
      const at = now();
      const due = (Math.floor(at / SECOND) + 1) * SECOND;
      timer = setTimeout(() => {
        const began = performance.now();
        const time = now();
        // Timers round: one that fires a little early would make two ticks of one second.
        if (time < due) {
          schedule();
          return;
        }
        subscriber.next(time);
        observe((performance.now() - began) / SECOND, Math.max(0, time - due) / SECOND);
        if (!subscriber.closed) schedule();
      }, due - at);
    };
    schedule();
    return () => clearTimeout(timer);
  });
}

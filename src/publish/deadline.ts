import { EngineError } from "../model/errors.ts";

/** The error of a publish that its deadline ended: worth another try, and perhaps already out. */
export function deadlinePassed(sink: string): EngineError {
  return new EngineError("SINK_UNAVAILABLE", `${sink}: not written before the deadline`, {
    retryable: true,
  });
}

/** Settles as `work` does, or rejects with `deadlinePassed` when `signal` aborts first; `work` goes on. */
export async function withinDeadline<T>(
  sink: string,
  work: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  // Whoever stops waiting leaves the work's own failure without a listener.
  work.catch(() => {});
  if (signal.aborted) throw deadlinePassed(sink);
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(deadlinePassed(sink));
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/**
 * Wraps a write that cannot be interrupted. At most one is on its way: a batch that is offered again after
 * its deadline waits for the write that carries it already instead of being written twice, another batch
 * waits for its turn, and nothing piles up behind a reader or a disk that hangs.
 */
export function oneWriteAtATime(
  sink: string,
  write: (text: string) => Promise<void>,
): (text: string, signal: AbortSignal) => Promise<void> {
  let pending: { readonly text: string; readonly done: Promise<void> } | null = null;
  const start = (text: string): Promise<void> => {
    const done = write(text).finally(() => {
      pending = null;
    });
    pending = { text, done };
    return done;
  };
  return async (text, signal) => {
    if (signal.aborted) throw deadlinePassed(sink);
    if (pending !== null && pending.text !== text) {
      // Its failure was reported to the call that began it.
      await withinDeadline(
        sink,
        pending.done.catch(() => {}),
        signal,
      );
    }
    await withinDeadline(sink, pending?.done ?? start(text), signal);
  };
}

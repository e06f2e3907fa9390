export interface WaitOptions {
  /** Completes the sentence "timed out waiting for …". */
  readonly what: string;
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

/**
 * Asks until the answer is not `undefined`, and returns it. A question that throws is asked again; when time is up the
 * last error is the cause.
 *
 * @throws Error after `timeoutMs` (10 s)
 */
export async function waitFor<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  { what, timeoutMs = 10_000, everyMs = 20 }: WaitOptions,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`timed out after ${timeoutMs} ms waiting for ${what}`, { cause });
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

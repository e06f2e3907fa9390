import type { DurationMs } from "../model/time.ts";

/** Waits `ms`, or until `stop` resolves. Keeps the process alive meanwhile, and no longer. */
export async function sleep(ms: DurationMs, stop: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const slept = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([slept, stop]);
  clearTimeout(timer);
}

/**
 * One answer for all who ask while the one before is made: each is made after it was asked for, and no two at a time.
 * All who share it get its error.
 */
export function shared<T>(make: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<T> | null = null;
  const begin = (): Promise<T> => {
    next = null;
    const made = make();
    running = made.catch(() => undefined);
    return made;
  };
  return () => {
    next ??= running.then(begin);
    return next;
  };
}

export const DEFAULT_READ_TIMEOUT_MS = 30_000;
/** How long a graceful stop waits for closing connections once all requests are answered. */
export const CLOSE_GRACE_MS = 200;

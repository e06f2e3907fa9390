export type ErrorCode =
  | "CONFIG_INVALID"
  | "STATE_UNUSABLE"
  | "ADDRESS_UNAVAILABLE"
  | "WORKER_FAILED"
  | "SINK_UNAVAILABLE"
  | "SINK_REJECTED"
  | "SERVER_UNREACHABLE";

/** `retryable` decides what the caller does; `code` is a bounded set, so it can be a metric label. */
export class EngineError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options?: { retryable?: boolean; cause?: unknown },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = "EngineError";
    this.code = code;
    this.retryable = options?.retryable ?? false;
  }
}

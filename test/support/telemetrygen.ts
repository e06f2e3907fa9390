import { runProcess } from "./child-process.ts";

/** One run of telemetrygen. */
export interface TelemetrygenRun {
  readonly signal: "traces" | "metrics";
  /** host:port of an OTLP/gRPC receiver without TLS. */
  readonly endpoint: string;
  readonly service: string;
  /** Traces per worker, or metric points per worker. */
  readonly count: number;
  readonly workers?: number;
  /** More flags, as on its command line. */
  readonly flags?: readonly string[];
}

/**
 * Runs it to its end. A trace of `--child-spans 1` (its default) has two spans, both with the given status: the parent
 * of kind CLIENT, its child of kind SERVER.
 *
 * @param binary from `realPart("telemetrygen")`
 * @throws Error when it does not end with 0
 */
export async function telemetrygen(binary: string, run: TelemetrygenRun): Promise<void> {
  const args = [
    run.signal,
    "--otlp-insecure",
    ...["--otlp-endpoint", run.endpoint],
    ...["--service", run.service],
    ...[`--${run.signal}`, String(run.count)],
    ...["--workers", String(run.workers ?? 1)],
    // No limit: its default of one a second is made for demonstrations.
    ...["--rate", "0"],
    ...(run.flags ?? []),
  ];
  // At full speed its SDK drops what exceeds a queue of 2,048 spans, and says nothing.
  const env = { OTEL_BSP_MAX_QUEUE_SIZE: "1000000" };
  const { code, stderr } = await runProcess(binary, args, { env });
  if (code !== 0) throw new Error(`telemetrygen ended with ${code}:\n${stderr}`);
}

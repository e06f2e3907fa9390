import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Ending, startProcess } from "./child-process.ts";
import { freePort } from "./free-port.ts";
import { waitFor } from "./wait.ts";

/** A running OpenTelemetry Collector. */
export interface Collector {
  readonly pid: number;
  /** host:port of its OTLP/gRPC receiver. */
  readonly grpc: string;
  /** host:port of its OTLP/HTTP receiver. */
  readonly http: string;
  stderr(): string;
  /** SIGTERM: it sends what it holds, then ends. */
  stop(): Promise<Ending>;
}

/**
 * Starts a Collector and waits until it is healthy.
 *
 * @param binary from `realPart("otelcol")`
 * @param config exporters, processors and pipelines; the otlp receiver and the health extension are added to it. Use
 *   `service.pipelines` with the receiver `otlp`
 */
export async function startCollector(binary: string, config: CollectorConfig): Promise<Collector> {
  const directory = mkdtempSync(join(tmpdir(), "slogate-otelcol-"));
  const [grpcPort, httpPort, healthPort] = [await freePort(), await freePort(), await freePort()];
  const file = join(directory, "config.yaml");
  // JSON is YAML: no quoting to get wrong.
  writeFileSync(file, JSON.stringify(complete(config, grpcPort, httpPort, healthPort)));
  const child = startProcess(binary, ["--config", file]);
  await waitFor(
    async () => {
      if (child.ending() !== null) return true;
      const answer = await fetch(`http://127.0.0.1:${healthPort}/`);
      return answer.ok ? true : undefined;
    },
    { what: "the Collector's health check", timeoutMs: 30_000 },
  );
  if (child.ending() !== null) throw new Error(`the Collector ended:\n${child.stderr()}`);
  return {
    pid: child.pid,
    grpc: `127.0.0.1:${grpcPort}`,
    http: `127.0.0.1:${httpPort}`,
    stderr: child.stderr,
    async stop() {
      const ending = await child.stop(20_000);
      rmSync(directory, { recursive: true, force: true });
      return ending;
    },
  };
}

/** The parts of a Collector configuration that differ between tests. */
export interface CollectorConfig {
  readonly processors?: Readonly<Record<string, unknown>>;
  readonly connectors?: Readonly<Record<string, unknown>>;
  readonly exporters: Readonly<Record<string, unknown>>;
  /** Besides the health check. */
  readonly extensions?: Readonly<Record<string, unknown>>;
  /** A pipeline without receivers has `otlp`. */
  readonly pipelines: Readonly<
    Record<
      string,
      {
        readonly receivers?: readonly string[];
        readonly processors?: readonly string[];
        readonly exporters: readonly string[];
      }
    >
  >;
}

function complete(config: CollectorConfig, grpc: number, http: number, health: number): unknown {
  const pipelines = Object.fromEntries(
    Object.entries(config.pipelines).map(([name, pipeline]) => [
      name,
      { receivers: ["otlp"], ...pipeline },
    ]),
  );
  return {
    receivers: {
      otlp: {
        protocols: {
          grpc: { endpoint: `127.0.0.1:${grpc}` },
          http: { endpoint: `127.0.0.1:${http}` },
        },
      },
    },
    ...(config.processors === undefined ? {} : { processors: config.processors }),
    ...(config.connectors === undefined ? {} : { connectors: config.connectors }),
    exporters: config.exporters,
    extensions: { health_check: { endpoint: `127.0.0.1:${health}` }, ...config.extensions },
    service: {
      extensions: ["health_check", ...Object.keys(config.extensions ?? {})],
      // Its own metrics are off, or every Collector of the machine wants port 8888.
      telemetry: { metrics: { level: "none" }, logs: { level: "warn" } },
      pipelines,
    },
  };
}

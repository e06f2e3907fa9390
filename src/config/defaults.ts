import type { GatePolicy } from "../model/gate.ts";
import { DAY, type DurationMs, HOUR, MINUTE, SECOND } from "../model/time.ts";

/** What an SLO's gate does when its annotations are silent; the burn windows come from `burn-windows.ts`. */
export const DEFAULT_POLICY: Omit<GatePolicy, "pairs"> = {
  mode: "enforce",
  // Silence is neither good nor bad: the last answer stands for a while, then nothing is allowed.
  onUnknown: "hold",
  // 15 min: outlasts a collector restart with its export retries (5 min), not a lunch break without telemetry.
  holdForMs: 15 * MINUTE,
  // 5 min: the window that must have emptied of errors. A longer hold keeps gates closed after every blip.
  keepClosedForMs: 5 * MINUTE,
  freezeWhenExhausted: true,
  closeOnForecast: true,
  detector: "sequential",
  sensitivity: "normal",
  smallestBurn: null,
  // 4 bad requests: at low traffic one or two failures are a burn rate of hundreds and prove nothing.
  minBad: 4,
};

/** The compliance period of an SLO without `timeWindow`: whole weeks, so that every period has the same weekends. */
export const DEFAULT_PERIOD = "28d";

/** Rolling periods: long enough for a tick to be small in it, short enough for the hour ring (744 h). */
export const MIN_ROLLING_PERIOD: DurationMs = 10 * MINUTE;
export const MAX_ROLLING_PERIOD: DurationMs = 31 * DAY;

/** Calendar periods: a leap year; beyond that nobody remembers the beginning. */
export const MAX_CALENDAR_PERIOD: DurationMs = 366 * DAY;

/** Burn windows: one tick at least, the five-minute ring (864 x 5 min) at most. */
export const MIN_BURN_WINDOW: DurationMs = 10 * SECOND;
export const MAX_BURN_WINDOW: DurationMs = 3 * DAY;

/** A default pair whose threshold scales below this would close the gate on a burn the period can sustain. */
export const MIN_DEFAULT_THRESHOLD = 0.9;

/** Time slices are sums of 10-second ticks and must not straddle the ledger's hour. */
export const SLICE_STEP: DurationMs = 10 * SECOND;
export const MAX_SLICE: DurationMs = HOUR;

/** Largest file read, bytes: hundreds of SLOs; a larger one is a mistake or an attack. */
export const MAX_FILE_BYTES = 1024 * 1024;

/** OTLP/gRPC and OTLP/HTTP as the OpenTelemetry Collector has them; loopback until told otherwise. */
export const DEFAULT_ENDPOINTS = {
  otlpGrpc: "127.0.0.1:4317",
  otlpHttp: "127.0.0.1:4318",
  apiHttp: "127.0.0.1:8484",
  apiGrpc: "127.0.0.1:8485",
} as const;

export const DEFAULT_KAFKA_BROKER = "127.0.0.1:9092";
export const DEFAULT_TOPIC = "slogate.decisions";
export const DEFAULT_CLIENT_ID = "slogate";
export const DEFAULT_CONFIG_MAP = "slogate-gates";

/** MiB, also after decompression: the OTLP specification's recommended limit. */
export const DEFAULT_MAX_MESSAGE_MIB = 64;
/** MiB of requests being handled at once; beyond it senders are told to retry, so that the heap stays bounded. */
export const DEFAULT_MAX_IN_FLIGHT_MIB = 256;
/** KiB per HTTP/2 stream and connection: several 500 KiB batches may be on the wire before an acknowledgement. */
export const DEFAULT_FLOW_CONTROL_KIB = 4096;

/** More would wait for the one control plane. */
export const MAX_WORKERS = 64;
/** With several workers: a sender's one connection is on another worker five minutes later. */
export const DEFAULT_CONNECTION_AGE: DurationMs = 5 * MINUTE;
/** Below a second a connection costs more than what it carries. */
export const MIN_CONNECTION_AGE: DurationMs = SECOND;
export const MAX_CONNECTION_AGE: DurationMs = DAY;

export const DEFAULT_SLO_PATHS: readonly string[] = ["./slos"];
export const DEFAULT_STATE_DIRECTORY = "./data";
/** Some 100 bytes each. */
export const DEFAULT_MAX_SERIES = 1_000_000;
/** Beyond it a table that grows, or looks for idle series, would hold up a tick. */
export const MAX_SERIES = 4_000_000;

import type { GateMode } from "../model/gate.ts";
import type { KafkaSettings } from "../model/kafka-settings.ts";
import type { TlsFiles } from "../model/tls.ts";
import {
  DEFAULT_CLIENT_ID,
  DEFAULT_CONFIG_MAP,
  DEFAULT_CONNECTION_AGE,
  DEFAULT_ENDPOINTS,
  DEFAULT_FLOW_CONTROL_KIB,
  DEFAULT_MAX_IN_FLIGHT_MIB,
  DEFAULT_MAX_MESSAGE_MIB,
  DEFAULT_MAX_SERIES,
  DEFAULT_SLO_PATHS,
  DEFAULT_STATE_DIRECTORY,
  DEFAULT_TOPIC,
} from "./defaults.ts";
import { parseFixedDuration } from "./duration.ts";
import { type Endpoint, isLoopback, parseEndpoint } from "./endpoint.ts";
import { type Environment, expandEnvironment } from "./environment.ts";
import { checkShape, sound } from "./issues.ts";
import { type KeyPath, type Problem, Report, type Source, wholeFile } from "./problem.ts";
import { type RawSettings, settingsSchema } from "./settings-schema.ts";
import { type ConfigFile, readYaml } from "./yaml-file.ts";

export interface ServerSettings {
  readonly endpoint: Endpoint;
  readonly tls: TlsFiles | null;
}

/** Receiver processes: how many, or one less than the processors. */
export type WorkerCount = number | "auto";

export interface OtlpHttpSettings extends ServerSettings {
  /** Largest request, also after decompression. */
  readonly maxMessageBytes: number;
  /** Bytes of requests being handled at once, beyond which senders are told to retry. */
  readonly maxInFlightBytes: number;
  /** A connection is closed gently when it is this old; null: never. */
  readonly maxConnectionAgeMs: number | null;
}

export interface OtlpGrpcSettings extends OtlpHttpSettings {
  /** HTTP/2 window per stream and connection. */
  readonly flowControlWindowBytes: number;
}

export interface ConfigMapSinkSettings {
  /** Null: that of the Pod, or of the kubeconfig's context. */
  readonly namespace: string | null;
  /** Of the ConfigMap and of the Lease. */
  readonly name: string;
  /** Null: the Pod's service account, or the usual kubeconfig. */
  readonly kubeconfig: string | null;
}

export interface Settings {
  /** shadow: every gate is in shadow mode, whatever its SLO says. */
  readonly mode: GateMode;
  /** 1: everything in one process. */
  readonly workers: WorkerCount;
  /** Null: this protocol is off. At least one is on. */
  readonly receivers: {
    readonly grpc: OtlpGrpcSettings | null;
    readonly http: OtlpHttpSettings | null;
  };
  readonly api: {
    readonly http: ServerSettings;
    readonly grpc: ServerSettings;
    /** Null: no token is asked for reading; writing is off. */
    readonly auth: { readonly readToken: string | null; readonly writeToken: string | null };
  };
  /** Files and folders, relative to the working directory. */
  readonly slos: readonly string[];
  readonly state: {
    readonly directory: string;
    /** sync: acknowledged means on disk; relaxed: on disk within a second. */
    readonly durability: "sync" | "relaxed";
    /** Cumulative series times SLOs that read them. */
    readonly maxSeries: number;
  };
  readonly publish: {
    readonly stdout: boolean;
    readonly file: { readonly path: string } | null;
    readonly kafka: KafkaSettings | null;
    readonly configMap: ConfigMapSinkSettings | null;
  };
}

export interface ParsedSettings {
  /** Null when there are problems. */
  readonly settings: Settings | null;
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

const MIB = 1024 * 1024;
const SECRETS = [
  ["api", "auth"],
  ["publish", "kafka", "sasl"],
];

/** What the engine runs on without a configuration file. */
export function defaultSettings(): Settings {
  return toSettings({});
}

/**
 * Settings from the text of a slogate.yaml. Pure, and never throws: everything wrong is in `problems`,
 * all at once. An empty file gives the defaults. Tokens are never shown in a message.
 */
export function parseSettings(file: ConfigFile, environment: Environment): ParsedSettings {
  const report = new Report();
  const [document, second] = readYaml(file, report);
  if (second !== undefined) report.problem(second, [], "must be one YAML document, found several");
  const source: Source = document ?? wholeFile(file.path);
  const value = document === undefined ? {} : document.value;
  const expanded = expandEnvironment(value, environment, source, report);
  const checked = checkShape(settingsSchema, expanded, source, report, isSecret);
  const raw = sound(settingsSchema, checked);
  const settings = raw === null ? null : toSettings(raw);
  if (raw !== null && settings !== null) checkRelations(raw, settings, source, report);
  report.sort([file]);
  return {
    settings: report.faults === 0 ? settings : null,
    problems: report.problems,
    warnings: report.warnings,
  };
}

function isSecret(path: KeyPath): boolean {
  return SECRETS.some((secret) => secret.every((key, index) => path[index] === key));
}

function toSettings(raw: RawSettings): Settings {
  const protocols = raw.receivers?.otlp?.protocols ?? { grpc: {}, http: {} };
  const auth = raw.api?.auth;
  const publish = raw.publish ?? { stdout: {} };
  const { grpc, http } = protocols;
  const workers = raw.workers === "auto" ? "auto" : Number(raw.workers ?? 1);
  const ageMs = workers === 1 ? null : DEFAULT_CONNECTION_AGE;
  return {
    mode: raw.mode ?? "enforce",
    workers,
    receivers: {
      grpc:
        grpc === undefined
          ? null
          : {
              ...otlp(grpc, DEFAULT_ENDPOINTS.otlpGrpc, ageMs),
              flowControlWindowBytes:
                Number(grpc?.flow_control_window_kib ?? DEFAULT_FLOW_CONTROL_KIB) * 1024,
            },
      http: http === undefined ? null : otlp(http, DEFAULT_ENDPOINTS.otlpHttp, ageMs),
    },
    api: {
      http: server(raw.api?.http, DEFAULT_ENDPOINTS.apiHttp),
      grpc: server(raw.api?.grpc, DEFAULT_ENDPOINTS.apiGrpc),
      auth: { readToken: tokenOf(auth?.read), writeToken: tokenOf(auth?.write) },
    },
    slos: raw.slos ?? DEFAULT_SLO_PATHS,
    state: {
      directory: raw.state?.directory ?? DEFAULT_STATE_DIRECTORY,
      durability: raw.state?.durability ?? "sync",
      maxSeries: Number(raw.state?.max_series ?? DEFAULT_MAX_SERIES),
    },
    publish: {
      stdout: publish.stdout !== undefined,
      file: publish.file === undefined ? null : { path: publish.file.path },
      kafka: publish.kafka === undefined ? null : kafka(publish.kafka),
      configMap:
        publish.config_map === undefined
          ? null
          : {
              namespace: publish.config_map?.namespace ?? null,
              name: publish.config_map?.name ?? DEFAULT_CONFIG_MAP,
              kubeconfig: publish.config_map?.kubeconfig ?? null,
            },
    },
  };
}

type RawTls =
  | {
      readonly cert_file: string;
      readonly key_file: string;
      readonly client_ca_file?: string | undefined;
    }
  | null
  | undefined;

type RawServer =
  | {
      readonly endpoint?: string | undefined;
      readonly tls?: RawTls;
      readonly max_recv_msg_size_mib?: number | string | undefined;
      readonly max_in_flight_mib?: number | string | undefined;
      readonly max_connection_age?: string | undefined;
    }
  | null
  | undefined;

function server(raw: RawServer, defaultEndpoint: string): ServerSettings {
  const endpoint = parseEndpoint(raw?.endpoint ?? defaultEndpoint);
  if (endpoint === null) throw new Error("unreachable: the schema checked this endpoint");
  const tls = raw?.tls ?? null;
  return {
    endpoint,
    tls:
      tls === null
        ? null
        : {
            certFile: tls.cert_file,
            keyFile: tls.key_file,
            clientCaFile: tls.client_ca_file ?? null,
          },
  };
}

function otlp(
  raw: RawServer,
  defaultEndpoint: string,
  defaultAgeMs: number | null,
): OtlpHttpSettings {
  const age = raw?.max_connection_age;
  return {
    ...server(raw, defaultEndpoint),
    maxMessageBytes: Number(raw?.max_recv_msg_size_mib ?? DEFAULT_MAX_MESSAGE_MIB) * MIB,
    maxInFlightBytes: Number(raw?.max_in_flight_mib ?? DEFAULT_MAX_IN_FLIGHT_MIB) * MIB,
    maxConnectionAgeMs: age === undefined ? defaultAgeMs : fixedMs(age),
  };
}

function fixedMs(text: string): number {
  const parsed = parseFixedDuration(text);
  if ("fault" in parsed) throw new Error("unreachable: the schema checked this duration");
  return parsed.ms;
}

function kafka(raw: NonNullable<NonNullable<RawSettings["publish"]>["kafka"]>): KafkaSettings {
  const { tls } = raw;
  const topic = raw.topic ?? DEFAULT_TOPIC;
  return {
    brokers: raw.brokers,
    topic,
    transactionalId: raw.transactional_id ?? `slogate/${topic}`,
    clientId: raw.client_id ?? DEFAULT_CLIENT_ID,
    partitions: Number(raw.partitions ?? 1),
    replicationFactor: raw.replication_factor === undefined ? null : Number(raw.replication_factor),
    tls:
      tls === undefined
        ? null
        : {
            caFile: tls?.ca_file ?? null,
            certFile: tls?.cert_file ?? null,
            keyFile: tls?.key_file ?? null,
          },
    sasl: raw.sasl ?? null,
  };
}

function tokenOf(raw: "none" | { readonly bearer_token: string } | undefined): string | null {
  return typeof raw === "object" ? raw.bearer_token : null;
}

/** What concerns several keys at once. */
function checkRelations(
  raw: RawSettings,
  settings: Settings,
  source: Source,
  report: Report,
): void {
  const { receivers, api } = settings;
  const otlpPath = ["receivers", "otlp", "protocols"];
  if (receivers.grpc === null && receivers.http === null) {
    report.problem(
      source,
      otlpPath,
      "must name grpc or http, found neither: nothing would be heard",
    );
  }
  for (const protocol of ["grpc", "http"] as const) {
    const receiver = receivers[protocol];
    if (receiver === null) continue;
    const path = [...otlpPath, protocol, "max_in_flight_mib"];
    const [largestMib, inFlightMib] = [
      receiver.maxMessageBytes / MIB,
      receiver.maxInFlightBytes / MIB,
    ];
    const workers = settings.workers === "auto" ? 1 : settings.workers;
    if (inFlightMib < largestMib) {
      const message = `must be at least max_recv_msg_size_mib (${largestMib}), found ${inFlightMib}`;
      report.problem(source, path, message);
    } else if (inFlightMib < largestMib * workers) {
      const message = `leaves each of ${workers} workers less than the largest request (${largestMib} MiB), which it takes all the same; set ${largestMib * workers}, or less for max_recv_msg_size_mib`;
      report.warn(source, path, message);
    }
  }
  checkPorts(
    [
      { path: [...otlpPath, "grpc", "endpoint"], server: receivers.grpc },
      { path: [...otlpPath, "http", "endpoint"], server: receivers.http },
      { path: ["api", "http", "endpoint"], server: api.http },
      { path: ["api", "grpc", "endpoint"], server: api.grpc },
    ],
    source,
    report,
  );
  const { kafka } = settings.publish;
  if (kafka?.sasl?.mechanism === "plain" && kafka.tls === null) {
    const path = ["publish", "kafka", "sasl", "mechanism"];
    report.warn(source, path, "sends the password unencrypted; set publish.kafka.tls");
  }
  const hasToken = api.auth.readToken !== null || api.auth.writeToken !== null;
  const reason = raw.api?.auth?.insecure_reason;
  for (const protocol of ["http", "grpc"] as const) {
    const { endpoint, tls } = api[protocol];
    if (isLoopback(endpoint) || tls !== null) continue;
    const path = ["api", protocol, "endpoint"];
    if (!hasToken && reason === undefined) {
      report.problem(
        source,
        path,
        `must be a loopback address without tls and tokens, found ${endpoint.text}; set tls or api.auth, or say why not in api.auth.insecure_reason`,
      );
    } else if (hasToken && reason === undefined) {
      report.warn(source, path, "sends tokens unencrypted beyond this machine; set tls");
    }
  }
}

function checkPorts(
  listeners: readonly { readonly path: KeyPath; readonly server: ServerSettings | null }[],
  source: Source,
  report: Report,
): void {
  const taken: Endpoint[] = [];
  for (const { path, server } of listeners) {
    if (server === null || server.endpoint.port === 0) continue;
    const { endpoint } = server;
    const other = taken.find((earlier) => collide(earlier, endpoint));
    if (other !== undefined) {
      const message = `must have a port of its own, found ${endpoint.text} beside ${other.text}`;
      report.problem(source, path, message);
    }
    taken.push(endpoint);
  }
}

function collide(a: Endpoint, b: Endpoint): boolean {
  const everywhere = ["0.0.0.0", "::"];
  const overlap = a.host === b.host || everywhere.includes(a.host) || everywhere.includes(b.host);
  return a.port === b.port && overlap;
}

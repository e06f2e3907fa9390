import { z } from "zod";
import {
  DEFAULT_ENDPOINTS,
  DEFAULT_KAFKA_BROKER,
  MAX_CONNECTION_AGE,
  MAX_SERIES,
  MAX_WORKERS,
  MIN_CONNECTION_AGE,
} from "./defaults.ts";
import { DURATION_PATTERN, formatDuration, parseFixedDuration } from "./duration.ts";
import { endpointHint, parseEndpoint } from "./endpoint.ts";
import { must, oneOf, strict } from "./issues.ts";
import { show } from "./problem.ts";

/* slogate.yaml as written. Every key may be left out; a key without value (`grpc:`) takes its defaults. */

const WORKERS = `auto or a whole number of workers from 1 to ${MAX_WORKERS}`;
const CONNECTION_AGE = `a duration from ${formatDuration(MIN_CONNECTION_AGE)} to ${formatDuration(MAX_CONNECTION_AGE)}`;

const endpoint = (example: string) =>
  z
    .string(must(`host:port such as ${example}`))
    .superRefine((text, context) => {
      if (parseEndpoint(text) !== null) return;
      const message = `must be host:port such as ${example}, found ${show(text)}${endpointHint(text)}`;
      context.addIssue({ code: "custom", message });
    })
    .optional()
    .meta({ examples: [example] });

/** Whole numbers; text from the environment counts when it reads as one. */
const whole = (min: number, max: number, unit: string) => {
  const be = `a whole number of ${unit} from ${min} to ${max}`;
  return z
    .union([z.number(), z.string()], must(be))
    .superRefine((value, context) => {
      const number = typeof value === "number" ? value : /^\d+$/.test(value) ? Number(value) : -1;
      if (Number.isInteger(number) && number >= min && number <= max) return;
      context.addIssue({ code: "custom", message: `must be ${be}, found ${show(value)}` });
    })
    .optional()
    .meta({ description: `${unit}, ${min} to ${max}` });
};

/** Of processes: a number, or `auto`. */
const workers = z
  .union([z.number(), z.string()], must(WORKERS))
  .superRefine((value, context) => {
    if (value === "auto") return;
    const number = typeof value === "number" ? value : /^\d+$/.test(value) ? Number(value) : -1;
    if (Number.isInteger(number) && number >= 1 && number <= MAX_WORKERS) return;
    context.addIssue({ code: "custom", message: `must be ${WORKERS}, found ${show(value)}` });
  })
  .optional()
  .meta({
    description:
      "Receiver processes that share the OTLP ports; 1: everything in one process. auto: one less than the processors. Default 1.",
    examples: [1, "auto"],
  });

const connectionAge = z
  .string(must(CONNECTION_AGE))
  .superRefine((text, context) => {
    const parsed = parseFixedDuration(text);
    const fault = "fault" in parsed ? parsed.fault : null;
    if (fault === null && "ms" in parsed) {
      if (parsed.ms >= MIN_CONNECTION_AGE && parsed.ms <= MAX_CONNECTION_AGE) return;
    }
    const message = `${fault ?? `must be ${CONNECTION_AGE}`}, found ${show(text)}`;
    context.addIssue({ code: "custom", message });
  })
  .optional()
  .meta({
    pattern: DURATION_PATTERN,
    description:
      "A connection is closed gently when it is this old, so that its sender connects to another worker. Default 5m with workers, else never.",
    examples: ["5m"],
  });

const path = z.string(must("a path")).min(1, must("a path"));

const tls = strict({
  cert_file: path,
  key_file: path,
  client_ca_file: path
    .optional()
    .meta({ description: "Clients must show a certificate of this CA." }),
})
  .nullish()
  .meta({ id: "Tls" });

const limits = {
  max_recv_msg_size_mib: whole(1, 1024, "MiB").meta({
    description:
      "Largest request, also after decompression, MiB; OTLP/JSON at most 16. Default 64.",
  }),
  max_in_flight_mib: whole(1, 65_536, "MiB").meta({
    description:
      "Requests being handled at once, of all workers together, MiB; beyond it senders are told to retry. Default 256.",
  }),
  max_connection_age: connectionAge,
  tls,
};

const token = z
  .string({ error: ({ input }) => (input === undefined ? "is missing" : "must be text") })
  .min(8, { error: () => "must be at least 8 characters" });
const access = z.union(
  [
    z.literal("none", { error: () => "must be none or {bearer_token: …}" }),
    strict({ bearer_token: token }),
  ],
  { error: () => "must be none or {bearer_token: …}" },
);

const pattern = (regexp: RegExp, be: string) => z.string(must(be)).regex(regexp, must(be));

const kafka = strict({
  brokers: z
    .array(endpoint(DEFAULT_KAFKA_BROKER).unwrap(), must("a list of host:port"))
    .min(1, must("a list of at least one host:port"))
    .meta({ description: "Some brokers; the others are learned from them." }),
  topic: pattern(/^[a-zA-Z0-9._-]{1,249}$/, "a topic's name: letters, digits, `.`, `_` and `-`")
    .optional()
    .meta({ description: "Created, compacted, when missing. Default slogate.decisions." }),
  transactional_id: z.string(must("text")).min(1, must("text")).optional().meta({
    description:
      "One per installation: an engine that starts with it ends the publishing of the one before. Default slogate/TOPIC.",
  }),
  client_id: z.string(must("text")).min(1, must("text")).optional(),
  partitions: whole(1, 10_000, "partitions").meta({
    description: "Of a topic that is created. Default 1.",
  }),
  replication_factor: whole(1, 32_767, "replicas").meta({
    description: "Of a topic that is created. Default: the brokers' own.",
  }),
  tls: strict({ ca_file: path.optional(), cert_file: path.optional(), key_file: path.optional() })
    .nullish()
    .meta({ description: "On when the key is there; without ca_file the system's authorities." }),
  sasl: strict({
    mechanism: oneOf(["plain", "scram-sha-256", "scram-sha-512"]),
    username: z.string(must("text")).min(1, must("text")),
    password: z.string(must("text")).min(1, must("text")),
  }).optional(),
});

const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

const configMap = strict({
  namespace: pattern(DNS_LABEL, "a namespace's name")
    .optional()
    .meta({ description: "Default: that of the Pod, or of the kubeconfig's context." }),
  // Room for `-json-15`.
  name: pattern(
    /^[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?$/,
    "a name of at most 53 lower case letters, digits and `-`",
  )
    .optional()
    .meta({ description: "Of the ConfigMap and the Lease. Default slogate-gates." }),
  kubeconfig: path.optional().meta({
    description:
      "Default: the Pod's service account; outside a cluster KUBECONFIG or ~/.kube/config.",
  }),
});

export const settingsSchema = strict({
  mode: oneOf(["enforce", "shadow"])
    .optional()
    .meta({ description: "shadow: every gate decides and publishes while allowed stays true." }),
  workers,
  receivers: strict({
    otlp: strict({
      protocols: strict({
        grpc: strict({
          endpoint: endpoint(DEFAULT_ENDPOINTS.otlpGrpc),
          flow_control_window_kib: whole(64, 1_048_576, "KiB").meta({
            description: "HTTP/2 window per stream and connection, KiB. Default 4096.",
          }),
          ...limits,
        }).nullish(),
        http: strict({ endpoint: endpoint(DEFAULT_ENDPOINTS.otlpHttp), ...limits }).nullish(),
      })
        .nullish()
        .meta({ description: "As in the Collector, only the protocols named here are on." }),
    }).nullish(),
  }).nullish(),
  api: strict({
    http: strict({ endpoint: endpoint(DEFAULT_ENDPOINTS.apiHttp), tls }).nullish(),
    grpc: strict({ endpoint: endpoint(DEFAULT_ENDPOINTS.apiGrpc), tls }).nullish(),
    auth: strict({
      read: access.optional(),
      write: access
        .optional()
        .meta({ description: "Without a token nobody can set overrides. Default none." }),
      insecure_reason: z
        .string({ error: () => "must be text" })
        .min(10, { error: () => "must say why, in at least 10 characters" })
        .optional()
        .meta({ description: "Why an address beyond loopback may do without TLS and token." }),
    }).nullish(),
  }).nullish(),
  slos: z
    .array(path, must("a list of files or folders"))
    .min(1, must("a list of at least one file or folder"))
    .optional(),
  state: strict({
    directory: path.optional(),
    durability: oneOf(["sync", "relaxed"]).optional().meta({
      description:
        "sync: acknowledged means on disk. relaxed: acknowledged at once, on disk within a second. Default sync.",
    }),
    max_series: whole(1, MAX_SERIES, "series").meta({
      description:
        "Cumulative series whose last points are known, each once for every SLO that reads it; points of further ones are refused. Default 1000000.",
    }),
  }).nullish(),
  publish: strict({
    stdout: strict({}).nullish(),
    file: strict({ path }).optional(),
    kafka: kafka.optional(),
    config_map: configMap.nullish(),
  })
    .nullish()
    .meta({ description: "Only the sinks named here are on; without `publish`, stdout." }),
});

export type RawSettings = z.infer<typeof settingsSchema>;

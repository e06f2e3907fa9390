import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import kafkajs, { type Kafka, type KafkaConfig, type SASLOptions } from "kafkajs";
import { EngineError } from "../model/errors.ts";
import type { KafkaSettings } from "../model/kafka-settings.ts";
import { SECOND } from "../model/time.ts";

/** @throws EngineError when a TLS file cannot be read */
export function kafkaClient(settings: KafkaSettings): Kafka {
  const config: KafkaConfig = {
    clientId: settings.clientId,
    brokers: [...settings.brokers],
    connectionTimeout: 3 * SECOND,
    authenticationTimeout: 5 * SECOND,
    requestTimeout: 8 * SECOND,
    // Short: the caller tries again by itself, and then as a new producer.
    retry: { initialRetryTime: 100, maxRetryTime: SECOND, retries: 5 },
    // Failures are thrown as well, and said once there.
    logLevel: kafkajs.logLevel.NOTHING,
  };
  if (settings.tls !== null) config.ssl = tlsOptions(settings.tls);
  if (settings.sasl !== null) config.sasl = settings.sasl as SASLOptions;
  return new kafkajs.Kafka(config);
}

function tlsOptions(tls: NonNullable<KafkaSettings["tls"]>): ConnectionOptions {
  const read = (key: string, path: string | null): Buffer | undefined => {
    if (path === null) return undefined;
    try {
      return readFileSync(path);
    } catch (cause) {
      throw kafkaError(`tls.${key}`, `cannot be read: ${textOf(cause)}`, cause);
    }
  };
  const [ca, cert, key] = [
    read("ca_file", tls.caFile),
    read("cert_file", tls.certFile),
    read("key_file", tls.keyFile),
  ];
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

/** A failure that goes away when the key is right, or the broker: worth another try. */
export function kafkaError(key: string, message: string, cause?: unknown): EngineError {
  return new EngineError("SINK_UNAVAILABLE", `publish.kafka.${key}: ${message}`, {
    retryable: true,
    cause,
  });
}

/** Whether a newer producer has taken our transactional id. kafkajs does not know the newer of the two codes. */
export function isFenced(thrown: unknown): boolean {
  return chain(thrown).some(
    ({ type, message }) =>
      type === "INVALID_PRODUCER_EPOCH" || /unknown error code 90\b/i.test(message ?? ""),
  );
}

/** What a failure of kafkajs means for whoever wrote the configuration. */
export function explained(thrown: unknown, settings: KafkaSettings): EngineError {
  if (thrown instanceof EngineError) return thrown;
  const errors = chain(thrown);
  const why = errors.at(-1)?.message ?? textOf(thrown);
  const has = (...names: string[]): boolean =>
    errors.some(({ type, name }) => names.includes(type ?? "") || names.includes(name ?? ""));
  if (has("KafkaJSSASLAuthenticationError")) {
    return kafkaError("sasl", `the broker refuses these credentials (${why})`, thrown);
  }
  if (has("TOPIC_AUTHORIZATION_FAILED")) {
    return kafkaError("topic", `no right to write to ${settings.topic} (${why})`, thrown);
  }
  if (has("TRANSACTIONAL_ID_AUTHORIZATION_FAILED")) {
    const id = settings.transactionalId;
    return kafkaError("transactional_id", `no right to use ${id} (${why})`, thrown);
  }
  if (has("CLUSTER_AUTHORIZATION_FAILED")) {
    const topic = settings.topic;
    return kafkaError(
      "topic",
      `${topic} is missing, and there is no right to create it (${why})`,
      thrown,
    );
  }
  if (has("KafkaJSConnectionError", "KafkaJSConnectionClosedError", "KafkaJSBrokerNotFound")) {
    return kafkaError("brokers", `none of ${settings.brokers.join(", ")} answers (${why})`, thrown);
  }
  return kafkaError("brokers", why, thrown);
}

interface Cause {
  readonly name?: string;
  readonly type?: string;
  readonly message?: string;
}

/** The error and what lies below it, outermost first; kafkajs has its causes in `cause` or `originalError`. */
function chain(thrown: unknown): Cause[] {
  const found: Cause[] = [];
  let error = thrown as (Cause & { cause?: unknown; originalError?: unknown }) | null | undefined;
  while (typeof error === "object" && error !== null && found.length < 10) {
    found.push(error);
    error = (error.cause ?? error.originalError) as typeof error;
  }
  return found;
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

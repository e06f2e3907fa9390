/** How decisions reach Kafka, as configured. */
export interface KafkaSettings {
  /** host:port of some brokers; the others are learned from them. */
  readonly brokers: readonly string[];
  readonly topic: string;
  /** One per installation: who starts with it fences who had it before. */
  readonly transactionalId: string;
  readonly clientId: string;
  /** Of the topic, when it has to be made. */
  readonly partitions: number;
  /** Null: the brokers' default. */
  readonly replicationFactor: number | null;
  /** Null: no TLS. Files in PEM, read at every connection, so that they may be renewed. */
  readonly tls: {
    readonly caFile: string | null;
    readonly certFile: string | null;
    readonly keyFile: string | null;
  } | null;
  readonly sasl: {
    readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
    readonly username: string;
    readonly password: string;
  } | null;
}

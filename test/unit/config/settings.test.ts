// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax under test
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultSettings, parseSettings } from "../../../src/config/settings.ts";

const parse = (text: string, environment: Record<string, string> = {}) =>
  parseSettings({ path: "slogate.yaml", text }, environment);

function sound(text: string, environment: Record<string, string> = {}) {
  const { settings, problems } = parse(text, environment);
  expect(problems).toEqual([]);
  if (settings === null) throw new Error("expected settings");
  return settings;
}

const problemsOf = (text: string, environment: Record<string, string> = {}) =>
  parse(text, environment).problems.map(({ path, message }) => `${path}: ${message}`);

describe("parseSettings", () => {
  it("needs nothing: an empty file gives the defaults, on loopback", () => {
    const endpoint = (port: number) => ({ host: "127.0.0.1", port, text: `127.0.0.1:${port}` });
    const MIB = 1024 * 1024;
    const limits = {
      maxMessageBytes: 64 * MIB,
      maxInFlightBytes: 256 * MIB,
      maxConnectionAgeMs: null,
    };
    expect(sound("")).toEqual({
      mode: "enforce",
      workers: 1,
      receivers: {
        grpc: { endpoint: endpoint(4317), tls: null, ...limits, flowControlWindowBytes: 4 * MIB },
        http: { endpoint: endpoint(4318), tls: null, ...limits },
      },
      api: {
        http: { endpoint: endpoint(8484), tls: null },
        grpc: { endpoint: endpoint(8485), tls: null },
        auth: { readToken: null, writeToken: null },
      },
      slos: ["./slos"],
      state: { directory: "./data", durability: "sync", maxSeries: 1_000_000 },
      publish: { stdout: true, file: null, kafka: null, configMap: null },
    });
    expect(sound("# nothing\n")).toEqual(defaultSettings());
  });

  it("reads the example, which is the defaults but for its token and its file", () => {
    const url = new URL("../../../deploy/examples/slogate.yaml", import.meta.url);
    const settings = sound(readFileSync(url, "utf8"), { SLOGATE_TOKEN: "a-long-token" });
    const defaults = defaultSettings();
    expect(settings).toEqual({
      ...defaults,
      api: { ...defaults.api, auth: { readToken: null, writeToken: "a-long-token" } },
      publish: { ...defaults.publish, file: { path: "./decisions.jsonl" } },
    });
  });

  it("takes a number of workers or auto, and then lets no connection pin one of them", () => {
    expect(sound("workers: auto\n").workers).toBe("auto");
    const { workers, receivers } = sound("workers: 3\n");
    expect(workers).toBe(3);
    expect(receivers.grpc?.maxConnectionAgeMs).toBe(300_000);
    expect(receivers.http?.maxConnectionAgeMs).toBe(300_000);
    const own = "receivers: {otlp: {protocols: {grpc: {max_connection_age: 90s}, http: }}}\n";
    expect(sound(`workers: 2\n${own}`).receivers.grpc?.maxConnectionAgeMs).toBe(90_000);
    expect(sound(own).receivers.http?.maxConnectionAgeMs).toBeNull();
    expect(sound("workers: ${env:N}\n", { N: "2" }).workers).toBe(2);
  });

  it("takes a limit of cumulative series", () => {
    expect(sound("state: {max_series: 5000}\n").state.maxSeries).toBe(5_000);
    expect(sound("state: {max_series: '${env:N}'}\n", { N: "7" }).state.maxSeries).toBe(7);
  });

  it("warns when a worker's share of what may be in flight is less than one request", () => {
    const warnings = (text: string) =>
      parse(text).warnings.map(({ path, message }) => `${path}: ${message}`);
    expect(warnings("workers: 4\n")).toEqual([]);
    // 256 MiB for 5 workers is 51 each; a request may have 64.
    expect(warnings("workers: 5\n")).toEqual([
      expect.stringMatching(/grpc\.max_in_flight_mib: leaves each of 5 workers .* set 320, or/),
      expect.stringMatching(/http\.max_in_flight_mib: leaves each of 5 workers/),
    ]);
  });

  it.each(["0", "-1", "1.5", "65", "many", "[]", "true"])("refuses workers: %s", (workers) => {
    expect(problemsOf(`workers: ${workers}\n`)).toEqual([
      expect.stringContaining("workers: must be auto or a whole number of workers from 1 to 64"),
    ]);
  });

  it.each(["0s", "10ms", "2d", "1M", "5", "soon"])("refuses max_connection_age: %s", (age) => {
    const text = `receivers: {otlp: {protocols: {grpc: {max_connection_age: ${age}}}}}\n`;
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(/grpc\.max_connection_age: must .*, found/),
    ]);
  });

  it("turns on only the protocols and sinks that are named, as the Collector does", () => {
    const settings = sound(
      "receivers:\n  otlp:\n    protocols:\n      grpc:\npublish: {file: {path: d.jsonl}}\n",
    );
    expect(settings.receivers.grpc?.endpoint.port).toBe(4317);
    expect(settings.receivers.http).toBeNull();
    expect(settings.publish).toEqual({
      stdout: false,
      file: { path: "d.jsonl" },
      kafka: null,
      configMap: null,
    });
  });

  it("gives Kafka and the ConfigMap their defaults", () => {
    const { publish } = sound("publish: {kafka: {brokers: ['kafka:9092']}, config_map: }\n");
    expect(publish.kafka).toEqual({
      brokers: ["kafka:9092"],
      topic: "slogate.decisions",
      transactionalId: "slogate/slogate.decisions",
      clientId: "slogate",
      partitions: 1,
      replicationFactor: null,
      tls: null,
      sasl: null,
    });
    expect(publish.configMap).toEqual({
      namespace: null,
      name: "slogate-gates",
      kubeconfig: null,
    });
  });

  it("takes all of Kafka's keys, numbers from the environment too", () => {
    const text = `publish:
  kafka:
    brokers: [a:1, b:2]
    topic: team.gates
    transactional_id: team
    client_id: gate-1
    partitions: \${env:PARTITIONS}
    replication_factor: 3
    tls: {ca_file: ca.pem}
    sasl: {mechanism: scram-sha-512, username: gate, password: "\${env:PASSWORD}"}
`;
    const { publish } = sound(text, { PARTITIONS: "6", PASSWORD: "s3cret" });
    expect(publish.kafka).toEqual({
      brokers: ["a:1", "b:2"],
      topic: "team.gates",
      transactionalId: "team",
      clientId: "gate-1",
      partitions: 6,
      replicationFactor: 3,
      tls: { caFile: "ca.pem", certFile: null, keyFile: null },
      sasl: { mechanism: "scram-sha-512", username: "gate", password: "s3cret" },
    });
  });

  it("reads limits, TLS and IPv6", () => {
    const { grpc } = sound(
      "receivers: {otlp: {protocols: {grpc: {endpoint: '[::1]:0', max_recv_msg_size_mib: 4, max_in_flight_mib: 8, flow_control_window_kib: 64, tls: {cert_file: c, key_file: k}}}}}",
    ).receivers;
    expect(grpc).toEqual({
      endpoint: { host: "::1", port: 0, text: "[::1]:0" },
      tls: { certFile: "c", keyFile: "k", clientCaFile: null },
      maxMessageBytes: 4 * 1024 * 1024,
      maxInFlightBytes: 8 * 1024 * 1024,
      maxConnectionAgeMs: null,
      flowControlWindowBytes: 64 * 1024,
    });
  });

  it("puts the environment into texts and numbers, with defaults and an escape", () => {
    const settings = sound(
      "slos: ['${env:DIR}/slos', '${env:NONE:-other}', '$${env:DIR}']\nreceivers: {otlp: {protocols: {http: {max_recv_msg_size_mib: '${env:SIZE}'}}}}",
      { DIR: "/etc/slogate", SIZE: "32" },
    );
    expect(settings.slos).toEqual(["/etc/slogate/slos", "other", "${env:DIR}"]);
    expect(settings.receivers.http?.maxMessageBytes).toBe(32 * 1024 * 1024);
  });

  it("takes what the environment holds as text, never as YAML", () => {
    expect(sound("slos: ['${env:X}']", { X: "a], mode: [shadow" }).slos).toEqual([
      "a], mode: [shadow",
    ]);
  });

  it.each<[string, string, string]>([
    [
      "an unknown key",
      "reciever: {}",
      "reciever: is not a known key; did you mean receivers? known: mode, workers, receivers, api, slos, state, publish",
    ],
    [
      "a missing variable",
      "slos: ['${env:NOPE}']",
      "slos[0]: needs the environment variable NOPE, which is not set; to validate without it, set any value that fits",
    ],
    [
      "an empty variable",
      "slos: ['${env:EMPTY}']",
      "slos[0]: needs the environment variable EMPTY, which is not set; to validate without it, set any value that fits",
    ],
    [
      "a bare variable",
      "slos: ['${HOME}']",
      "slos[0]: must refer to the environment as ${env:HOME}, found ${HOME}",
    ],
    [
      "a broker without port",
      "publish: {kafka: {brokers: [a]}}",
      'publish.kafka.brokers[0]: must be host:port such as 127.0.0.1:9092, found "a" (the port is missing)',
    ],
    [
      "a Kafka without brokers",
      "publish: {kafka: {topic: t}}",
      "publish.kafka.brokers: is missing; it must be a list of host:port",
    ],
    [
      "a password that is no text, without showing it",
      "publish: {kafka: {brokers: ['a:1'], sasl: {mechanism: plain, username: a, password: 12345678}}}",
      "publish.kafka.sasl.password: must be text",
    ],
    [
      "a namespace that is none",
      "publish: {config_map: {namespace: My_Team}}",
      'publish.config_map.namespace: must be a namespace\'s name, found "My_Team"',
    ],
    [
      "an endpoint without host",
      "api: {http: {endpoint: ':8484'}}",
      'api.http.endpoint: must be host:port such as 127.0.0.1:8484, found ":8484" (0.0.0.0:8484 is every address, 127.0.0.1:8484 this machine)',
    ],
    [
      "an endpoint with a scheme",
      "api: {http: {endpoint: 'http://a:1'}}",
      'api.http.endpoint: must be host:port such as 127.0.0.1:8484, found "http://a:1" (without http://)',
    ],
    [
      "a port that is none",
      "api: {http: {endpoint: 'a:70000'}}",
      'api.http.endpoint: must be host:port such as 127.0.0.1:8484, found "a:70000"',
    ],
    [
      "two listeners on one port",
      "api: {http: {endpoint: '127.0.0.1:4317'}}",
      "api.http.endpoint: must have a port of its own, found 127.0.0.1:4317 beside 127.0.0.1:4317",
    ],
    [
      "a limit out of range",
      "receivers: {otlp: {protocols: {grpc: {max_recv_msg_size_mib: 0}}}}",
      "receivers.otlp.protocols.grpc.max_recv_msg_size_mib: must be a whole number of MiB from 1 to 1024, found 0",
    ],
    [
      "no series at all",
      "state: {max_series: 0}",
      "state.max_series: must be a whole number of series from 1 to 4000000, found 0",
    ],
    [
      "less in flight than one message",
      "receivers: {otlp: {protocols: {grpc: {max_in_flight_mib: 32}}}}",
      "receivers.otlp.protocols.grpc.max_in_flight_mib: must be at least max_recv_msg_size_mib (64), found 32",
    ],
    [
      "no protocol",
      "receivers: {otlp: {protocols: {}}}",
      "receivers.otlp.protocols: must name grpc or http, found neither: nothing would be heard",
    ],
    [
      "half a certificate",
      "api: {http: {tls: {cert_file: a}}}",
      "api.http.tls.key_file: is missing; it must be a path",
    ],
    [
      "an open address",
      "api: {http: {endpoint: '0.0.0.0:8484'}}",
      "api.http.endpoint: must be a loopback address without tls and tokens, found 0.0.0.0:8484; set tls or api.auth, or say why not in api.auth.insecure_reason",
    ],
    [
      "an open gRPC address",
      "api: {grpc: {endpoint: 'slogate.svc:8485'}}",
      "api.grpc.endpoint: must be a loopback address without tls and tokens, found slogate.svc:8485; set tls or api.auth, or say why not in api.auth.insecure_reason",
    ],
    ["a list", "- 1", ": must be a mapping, found a list"],
    [
      "two documents",
      "mode: shadow\n---\nmode: shadow",
      ": must be one YAML document, found several",
    ],
  ])("names %s", (_what, text, expected) => {
    const result = parse(text, { EMPTY: "" });
    expect(problemsOf(text, { EMPTY: "" })).toEqual([expected]);
    expect(result.settings).toBeNull();
  });

  it.each([
    "api: {http: {endpoint: '0.0.0.0:8484', tls: {cert_file: a, key_file: b}}}",
    "api: {http: {endpoint: '0.0.0.0:8484'}, auth: {insecure_reason: behind a mesh with mTLS}}",
    "api: {http: {endpoint: 'localhost:8484'}}",
    "api: {http: {endpoint: '127.1.2.3:8484'}}",
  ])("lets an address pass that is safe or explained: %s", (text) => {
    expect(parse(text)).toMatchObject({ problems: [], warnings: [] });
  });

  it("warns when a token would travel unencrypted beyond the machine", () => {
    const { problems, warnings } = parse(
      "api: {http: {endpoint: '0.0.0.0:8484'}, auth: {write: {bearer_token: 'a-long-token'}}}",
    );
    expect(problems).toEqual([]);
    expect(warnings.map((warning) => warning.message)).toEqual([
      "sends tokens unencrypted beyond this machine; set tls",
    ]);
  });

  it.each([
    ["api: {auth: {write: hunter2hunter2}}", "api.auth.write: must be none or {bearer_token: …}"],
    [
      "api: {auth: {write: {bearer_token: hunter2}}}",
      "api.auth.write.bearer_token: must be at least 8 characters",
    ],
    ["api: {auth: hunter2hunter2}", "api.auth: must be a mapping"],
    ["api: {auth: {read: [hunter2hunter2]}}", "api.auth.read: must be none or {bearer_token: …}"],
  ])("never shows a secret: %s", (text, expected) => {
    expect(problemsOf(text)).toEqual([expected]);
  });

  it("never throws, whatever the text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json()), (text) => {
        parse(text);
      }),
      { numRuns: 500 },
    );
  });
});

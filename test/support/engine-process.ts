import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Ending, type OwnedProcess, runProcess, startProcess } from "./child-process.ts";
import { freePort } from "./free-port.ts";
import { type SloDescription, sloFile } from "./slo-file.ts";
import { waitFor } from "./wait.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** Break-glass calls of a test's engine want this bearer token. */
export const TEST_TOKEN = "token-of-the-tests";

/** A decision as the API gives it: what tests read of it. */
export interface Decision {
  readonly slo: string;
  readonly service: string;
  readonly state: "open" | "closed" | "unknown";
  readonly allowed: boolean;
  readonly reason: string;
  readonly message: string;
  readonly since: string;
  readonly decidedAt: string;
  readonly validUntil: string;
  readonly sequence: number;
  readonly epoch: number;
  readonly burn: Readonly<Record<string, number | null>>;
  readonly budget: { readonly total: number; readonly bad: number; readonly basis: string };
  readonly versions: readonly {
    readonly version: string;
    readonly state: string;
    readonly total: number;
    readonly bad: number;
    readonly suspect: boolean;
  }[];
  readonly [key: string]: unknown;
}

export interface EngineOptions {
  readonly slos: readonly SloDescription[];
  /** Added to each OTLP protocol, for example `{ max_recv_msg_size_mib: 16 }`. */
  readonly protocolSettings?: Readonly<Record<string, unknown>>;
  /** Merged over the configuration at its top level, for example `{ publish: … }`. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  /** How long a start may take; 20 s when left out. */
  readonly readyWithinMs?: number;
}

/** `run` in a process of its own, with its own ports, SLO files and state, all removed by `dispose`. */
export class EngineProcess {
  /** host:port of each listener. */
  readonly otlpGrpc: string;
  readonly otlpHttp: string;
  readonly api: string;
  readonly apiGrpc: string;
  /** Holds slogate.yaml, slos/, data/ and decisions.jsonl. */
  readonly directory: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #readyWithinMs: number;
  #process: OwnedProcess;

  private constructor(directory: string, ports: readonly string[], options: EngineOptions) {
    this.directory = directory;
    [this.otlpGrpc = "", this.otlpHttp = "", this.api = "", this.apiGrpc = ""] = ports;
    this.#env = { SLOGATE_TOKEN: TEST_TOKEN, ...options.env };
    this.#readyWithinMs = options.readyWithinMs ?? 20_000;
    mkdirSync(join(directory, "slos"));
    for (const slo of options.slos) this.writeSlo(slo);
    writeFileSync(
      join(directory, "slogate.yaml"),
      JSON.stringify({
        receivers: {
          otlp: {
            protocols: {
              grpc: { endpoint: this.otlpGrpc, ...options.protocolSettings },
              http: { endpoint: this.otlpHttp, ...options.protocolSettings },
            },
          },
        },
        api: {
          http: { endpoint: this.api },
          grpc: { endpoint: this.apiGrpc },
          // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration expands it
          auth: { read: "none", write: { bearer_token: "${env:SLOGATE_TOKEN}" } },
        },
        slos: [join(directory, "slos")],
        state: { directory: join(directory, "data") },
        publish: { file: { path: join(directory, "decisions.jsonl") } },
        ...options.settings,
      }),
    );
    this.#process = this.#spawn();
  }

  /** Starts and waits until /readyz says so. */
  static async start(options: EngineOptions): Promise<EngineProcess> {
    const ports: string[] = [];
    for (let i = 0; i < 4; i++) ports.push(`127.0.0.1:${await freePort()}`);
    const engine = new EngineProcess(mkdtempSync(join(tmpdir(), "slogate-")), ports, options);
    try {
      await engine.#ready();
    } catch (error) {
      await engine.dispose();
      throw error;
    }
    return engine;
  }

  get pid(): number {
    return this.#process.pid;
  }

  stdout(): string {
    return this.#process.stdout();
  }

  stderr(): string {
    return this.#process.stderr();
  }

  ending(): Ending | null {
    return this.#process.ending();
  }

  /** Resolves when it has ended by itself or by a signal. */
  get ended(): Promise<Ending> {
    return this.#process.ended;
  }

  /** Adds or replaces one SLO file. */
  writeSlo(slo: SloDescription): void {
    writeFileSync(join(this.directory, "slos", `${slo.name}.yaml`), sloFile(slo));
  }

  removeSlo(name: string): void {
    rmSync(join(this.directory, "slos", `${name}.yaml`));
  }

  /** @throws Error when the answer is not 200 */
  async gate(slo: string, version?: string): Promise<Decision> {
    const query = version === undefined ? "" : `?version=${encodeURIComponent(version)}`;
    const answer = await this.get(`/v1/gates/${slo}${query}`);
    if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
    const { data } = (await answer.json()) as { data: Decision };
    return data;
  }

  get(path: string): Promise<Response> {
    return fetch(`http://${this.api}${path}`, { signal: AbortSignal.timeout(5_000) });
  }

  /** The decision, once it is as asked for. The error on timeout tells what it was instead. */
  async gateWhere(
    slo: string,
    is: (decision: Decision) => boolean,
    timeoutMs = 10_000,
  ): Promise<Decision> {
    let last: Decision | undefined;
    try {
      return await waitFor(
        async () => {
          last = await this.gate(slo);
          return is(last) ? last : undefined;
        },
        { what: `the gate ${slo}`, timeoutMs },
      );
    } catch (error) {
      const seen = last === undefined ? "no decision" : JSON.stringify(last);
      throw new Error(`the gate ${slo} did not get there; last: ${seen}\n${this.stderr()}`, {
        cause: error,
      });
    }
  }

  /** Budget counts of an SLO as soon as at least `total` requests are in them, else those at the deadline. */
  async counts(slo: string, total: number, timeoutMs = 10_000): Promise<[number, number]> {
    const { budget } = await this.gateWhere(slo, (d) => d.budget.total >= total, timeoutMs);
    return [budget.total, budget.bad];
  }

  /** Samples of /metrics: name with labels, as exposed, to value. */
  async metrics(): Promise<Map<string, number>> {
    const text = await (await this.get("/metrics")).text();
    const samples = new Map<string, number>();
    for (const line of text.split("\n")) {
      const [, name, value] = /^([a-zA-Z_:][^{\s]*(?:\{.*\})?)\s+(\S+)/.exec(line) ?? [];
      if (name !== undefined && value !== undefined) samples.set(name, Number(value));
    }
    return samples;
  }

  /** Every decision that the file sink has written. */
  decisions(): Decision[] {
    const text = readFileSync(join(this.directory, "decisions.jsonl"), "utf8");
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Decision);
  }

  /** Runs another command of the product against this engine. */
  command(
    args: readonly string[],
  ): Promise<Ending & { readonly stdout: string; readonly stderr: string }> {
    return runProcess(process.execPath, [MAIN, ...args, "--server", `http://${this.api}`], {
      env: this.#env,
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.signal(signal);
  }

  /** SIGTERM; how it ended. */
  stop(graceMs?: number): Promise<Ending> {
    return this.#process.stop(graceMs);
  }

  /** Starts again on the same files and ports after it has ended. */
  async restart(): Promise<void> {
    await this.#process.ended;
    this.#process = this.#spawn();
    await this.#ready();
  }

  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #spawn(): OwnedProcess {
    return startProcess(
      process.execPath,
      [MAIN, "run", "--config", join(this.directory, "slogate.yaml")],
      { cwd: this.directory, env: this.#env },
    );
  }

  async #ready(): Promise<void> {
    await waitFor(
      async () => {
        if (this.ending() !== null) return true;
        return (await this.get("/readyz")).ok ? true : undefined;
      },
      { what: "the engine's /readyz", timeoutMs: this.#readyWithinMs },
    );
    const ending = this.ending();
    if (ending !== null) {
      throw new Error(`the engine ended with ${ending.code ?? ending.signal}:\n${this.stderr()}`);
    }
  }
}

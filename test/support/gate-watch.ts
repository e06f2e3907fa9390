import { type OwnedProcess, startProcess } from "./child-process.ts";
import { waitFor } from "./wait.ts";

/** One version of a gate's published state, as a reader of the ConfigMaps sees it. */
export interface SeenGate {
  readonly state: string;
  readonly allowed: boolean;
  readonly epoch: number;
  readonly sequence: number;
  readonly decidedAt: string;
  readonly since: string;
  readonly reason: string;
}

/** Watches a gate in the ConfigMaps by `kubectl get --watch`: it sees every version that the API server stored. */
export class GateWatch {
  readonly seen: SeenGate[] = [];
  readonly #process: OwnedProcess;

  private constructor(process: OwnedProcess) {
    this.#process = process;
  }

  static async start(
    kubeconfig: string,
    namespace: string,
    name: string,
    slo: string,
  ): Promise<GateWatch> {
    const json = `{.data.${slo}\\.json}{"\\n"}`;
    const watch = new GateWatch(
      startProcess("kubectl", [
        ...["--kubeconfig", kubeconfig, "-n", namespace, "get", "configmap"],
        ...[
          "--field-selector",
          `metadata.name=${name}-json-0`,
          "--watch",
          "-o",
          `jsonpath=${json}`,
        ],
      ]),
    );
    await watch.until(() => true, 20_000);
    return watch;
  }

  /** The newest version that was seen. */
  last(): SeenGate {
    this.#read();
    const last = this.seen.at(-1);
    if (last === undefined) throw new Error("nothing was seen yet");
    return last;
  }

  /** Its states in order, each once while it lasted. */
  states(): string[] {
    this.#read();
    return this.seen.map(({ state }) => state).filter((state, i, all) => state !== all[i - 1]);
  }

  async until(is: (gate: SeenGate) => boolean, timeoutMs: number): Promise<SeenGate> {
    return waitFor(
      () => {
        const last = this.last();
        return is(last) ? last : undefined;
      },
      { what: `the gate in the ConfigMap; seen: ${this.seen.length}`, timeoutMs },
    );
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }

  #read(): void {
    const lines = this.#process.stdout().split("\n").slice(0, -1);
    for (const line of lines.slice(this.seen.length)) this.seen.push(JSON.parse(line) as SeenGate);
  }
}

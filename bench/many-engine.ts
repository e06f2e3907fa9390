import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EngineProcess } from "../test/support/engine-process.ts";
import { sloFile } from "../test/support/slo-file.ts";
import { PatchableRequest } from "./encode.ts";
import { must } from "./report.ts";
import { UnaryClient } from "./unary-client.ts";

const SLOS_A_FILE = 100;
const SERVICES_A_REQUEST = 500;

/** The product with many SLOs, one of each of as many services, and a second process' worth of traffic on all of them. */
export class ManyEngine {
  readonly engine: EngineProcess;
  private readonly directory: string;
  private readonly client: UnaryClient;
  private readonly requests: readonly PatchableRequest[];
  private sent = 0;

  private constructor(engine: EngineProcess, directory: string, slos: number, versions: number) {
    this.engine = engine;
    this.directory = directory;
    this.client = new UnaryClient(engine.otlpGrpc, false);
    const each = Math.max(1, Math.floor(SERVICES_A_REQUEST / versions));
    this.requests = Array.from({ length: Math.ceil(slos / each) }, (_, r) =>
      PatchableRequest.of(
        Array.from({ length: Math.min(each, slos - r * each) * Math.max(2, versions) }, (_, i) => ({
          service: `service-${r * each + Math.floor(i / Math.max(2, versions))}`,
          ...(versions === 1 ? {} : { version: `1.0.${i % versions}` }),
          attributes: { "http.response.status_code": 200 },
        })),
      ),
    );
  }

  /**
   * @param history four weeks of it, as stored by an earlier run
   * @param versions told by the traffic; with 1 none are
   */
  static async start({
    slos,
    history,
    versions = 1,
  }: {
    slos: number;
    history: boolean;
    versions?: number;
  }) {
    const directory = mkdtempSync(join(tmpdir(), "slogate-many-"));
    const folder = join(directory, "slos");
    const state = join(directory, "state");
    mkdirSync(folder);
    for (let from = 0; from < slos; from += SLOS_A_FILE) {
      const documents = Array.from({ length: Math.min(SLOS_A_FILE, slos - from) }, (_, i) =>
        sloFile({ name: `slo-${from + i}`, service: `service-${from + i}` }),
      );
      writeFileSync(join(folder, `${from}.yaml`), documents.join("\n---\n"));
    }
    if (history) {
      const maker = join(import.meta.dirname, "many-state.ts");
      execFileSync(process.execPath, [maker, folder, state], { stdio: "inherit" });
    }
    const settings = { slos: [folder], state: { directory: state } };
    const engine = await EngineProcess.start({ slos: [], settings, readyWithinMs: 120_000 });
    return new ManyEngine(engine, directory, slos, versions);
  }

  /** One second's traffic on all SLOs, spread over the second. */
  async everyone(): Promise<void> {
    const startedAt = performance.now();
    for (const [i, request] of this.requests.entries()) {
      request.patch(process.pid, ++this.sent, Date.now());
      must(await this.client.export("traces", request.bytes), "a request was not acknowledged");
      const due = startedAt + ((i + 1) * 950) / this.requests.length;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    }
    await new Promise((resolve) =>
      setTimeout(resolve, Math.max(0, startedAt + 1_000 - performance.now())),
    );
  }

  async dispose(): Promise<void> {
    this.client.close();
    await this.engine.dispose();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

import { type ChildProcess, fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { defaultSettings, type Settings } from "../../config/settings.ts";
import { EngineError } from "../../model/errors.ts";
import type { GateDecision } from "../../model/gate.ts";
import { memorySink } from "../../publish/memory.ts";
import { createLog } from "../../telemetry/log.ts";
import { type CliIo, readerLeft } from "../io.ts";
import { FAILED } from "../run.ts";
import { type RunningEngine, startEngine } from "../start.ts";
import type { ShopCommand, ShopReport } from "./shop-messages.ts";
import { DEMO_GATE, DEMO_HOLD, demoSlos } from "./slos.ts";
import { DemoView } from "./view.ts";

export interface DemoOptions {
  /** Leave engine and shop running at the end, until a signal. */
  readonly keep: boolean;
  readonly version: string;
}

const HEALTHY_MS = 20_000;
const BAD_VERSION = "1.4.2";
const ERROR_RATIO = 0.2;
/** What should take seconds has gone wrong when it takes this long. */
const PATIENCE_MS = 90_000;

/**
 * The main job in a minute: an engine on its defaults, a shop in another process that sends it real OTLP, a
 * bad version rolled out and back, and what the gate made of it.
 *
 * @returns exit code: 0 when the gate closed and opened again, or nobody reads any more
 */
export async function demo(
  options: DemoOptions,
  io: CliIo,
  untilStopped: Promise<string>,
): Promise<number> {
  const view = new DemoView(io, Date.now());
  const directory = await mkdtemp(join(tmpdir(), "slogate-demo-"));
  const stop = new AbortController();
  const ended = Promise.race([untilStopped, readerLeft(io.stdout)]);
  void ended.then(() => stop.abort());
  let running: RunningEngine | null = null;
  let shop: Shop | null = null;
  try {
    running = await start(directory, options.version, view, io);
    const { otlpGrpc, api } = running.addresses;
    view.event(Date.now(), `slogate is up: OTLP on ${otlpGrpc}, web page and API on ${api}`);
    shop = new Shop(otlpGrpc ?? "");
    const seen = await story(running, shop, view, stop.signal);
    await summary(running, shop, view, seen, options.keep);
    if (options.keep) {
      view.line(`It goes on: open ${api} in a browser; Ctrl-C ends it.`);
      await ended;
    }
    return 0;
  } catch (error) {
    if (stop.signal.aborted) {
      view.line("Stopped.");
      return 0;
    }
    if (!(error instanceof EngineError)) throw error;
    view.line();
    io.stderr.write(`slogate: ${error.message}\n`);
    return FAILED;
  } finally {
    await shop?.stop();
    await running?.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

interface Seen {
  readonly closedAfterMs: number;
  readonly badBeforeClosing: number;
  readonly reopenedAfterMs: number;
  readonly closing: GateDecision;
}

async function story(
  running: RunningEngine,
  shop: Shop,
  view: DemoView,
  signal: AbortSignal,
): Promise<Seen> {
  let status = "";
  const gate = (): GateDecision => {
    const decision = running.engine.get(DEMO_GATE);
    if (decision === null) throw new Error(`unreachable: ${DEMO_GATE} is not known`);
    return decision;
  };
  const until = async (condition: () => boolean, what: string): Promise<void> => {
    const deadline = Date.now() + PATIENCE_MS;
    while (!condition()) {
      signal.throwIfAborted();
      if (Date.now() > deadline) {
        throw new EngineError(
          "SERVER_UNREACHABLE",
          `${what} did not happen within ${PATIENCE_MS / 1000} s; ${shop.problem ?? gate().message}`,
        );
      }
      view.table(running.engine.list(), status);
      await delay(250);
    }
  };

  status = "The shop sends healthy traffic.";
  view.event(
    Date.now(),
    "A small shop (frontend, cart, payment) sends about 300 requests/s over OTLP/gRPC.",
  );
  const healthyUntil = Date.now() + HEALTHY_MS;
  await until(() => gate().state === "open", "opening the gate");
  view.transition(Date.now(), gate(), "");
  await until(() => Date.now() >= healthyUntil, "healthy traffic");

  const badBefore = gate().budget.bad;
  shop.tell({ rollout: { service: "payment", version: BAD_VERSION, errorRatio: ERROR_RATIO } });
  const rolledOutAt = Date.now();
  status = `payment ${BAD_VERSION} is out: one request in ${Math.round(1 / ERROR_RATIO)} fails.`;
  view.event(
    rolledOutAt,
    `payment ${BAD_VERSION} is rolled out: one request in ${Math.round(1 / ERROR_RATIO)} fails.`,
  );
  await until(() => gate().state === "closed", "closing the gate");
  const closing = gate();
  view.transition(Date.now(), closing, `with payment ${BAD_VERSION} out`);
  view.event(
    Date.now(),
    `A pipeline that asks now is told no: slogate check ${DEMO_GATE} ends with exit code 1.`,
  );
  const tellingUntil = Date.now() + 3_000;
  await until(() => Date.now() >= tellingUntil, "asking the gate");

  shop.tell({ rollback: { service: "payment" } });
  const rolledBackAt = Date.now();
  status = `Rolled back. The gate opens when recovery has lasted ${DEMO_HOLD}.`;
  view.event(
    rolledBackAt,
    `payment ${BAD_VERSION} is rolled back. This demo's gate opens after ${DEMO_HOLD} of proven recovery; the default is 5 minutes.`,
  );
  await until(() => gate().state === "open", "opening the gate again");
  view.transition(Date.now(), gate(), `without payment ${BAD_VERSION}`);
  return {
    closedAfterMs: closing.since - rolledOutAt,
    badBeforeClosing: closing.budget.bad - badBefore,
    reopenedAfterMs: gate().since - rolledBackAt,
    closing,
  };
}

async function summary(
  running: RunningEngine,
  shop: Shop,
  view: DemoView,
  seen: Seen,
  keep: boolean,
): Promise<void> {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  view.line();
  view.line(view.paint("bold", "What was seen"));
  view.line(
    `  closed ${seconds(seen.closedAfterMs)} after the bad version came, when ${seen.badBeforeClosing} requests had failed`,
  );
  view.line(
    `  opened ${seconds(seen.reopenedAfterMs)} after the rollback, by evidence of recovery and not by a timer`,
  );
  if (!keep) {
    // Everything sent is acknowledged and counted: compare when the shop is quiet.
    await shop.stop();
    const last = shop.report;
    for (const decision of running.engine.list()) {
      const sent = (last?.traffic ?? []).filter((t) => t.service === decision.service);
      const requests = sent.reduce((sum, t) => sum + t.requests, 0);
      const bad = sent.reduce((sum, t) => sum + t.bad, 0);
      const same = requests === decision.budget.total && bad === decision.budget.bad;
      view.line(
        `  ${decision.service.padEnd(9)} sent ${requests} requests, ${bad} bad; counted ${decision.budget.total}, ${decision.budget.bad} bad${same ? "" : view.paint("red", " (not the same!)")}`,
      );
    }
  }
  view.line('Next: README, "Point a Collector at it".');
}

/** The engine on its defaults; where a default port is taken, on any free ones, and it says so. */
async function start(
  directory: string,
  version: string,
  view: DemoView,
  io: CliIo,
): Promise<RunningEngine> {
  const defaults = defaultSettings();
  const own: Settings = { ...defaults, state: { ...defaults.state, directory } };
  const begin = (settings: Settings): Promise<RunningEngine> =>
    startEngine({
      settings,
      slos: demoSlos(),
      sloPaths: [],
      clock: { now: () => Date.now() },
      log: createLog({
        write: (line) => io.stderr.write(line),
        isTTY: io.stderr.isTTY === true,
        now: () => Date.now(),
        level: "error",
      }),
      version,
      sinks: [memorySink()],
    });
  try {
    return await begin(own);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== "ADDRESS_UNAVAILABLE") throw error;
    view.event(Date.now(), "A default port is taken, so the demo uses free ones.");
    return begin(onFreePorts(own));
  }
}

function onFreePorts(settings: Settings): Settings {
  const free = <S extends { endpoint: { host: string; port: number } }>(server: S): S => ({
    ...server,
    endpoint: { ...server.endpoint, port: 0 },
  });
  const { grpc, http } = settings.receivers;
  return {
    ...settings,
    receivers: { grpc: grpc && free(grpc), http: http && free(http) },
    api: { ...settings.api, http: free(settings.api.http), grpc: free(settings.api.grpc) },
  };
}

/** The shop's process. */
class Shop {
  report: ShopReport | null = null;
  private readonly child: ChildProcess;
  private readonly ended: Promise<void>;

  constructor(otlpGrpc: string) {
    const script = `./shop${extname(fileURLToPath(import.meta.url))}`;
    this.child = fork(fileURLToPath(new URL(script, import.meta.url)), [otlpGrpc], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.child.on("message", (report) => {
      this.report = report as ShopReport;
    });
    this.ended = new Promise((resolve) => this.child.once("exit", () => resolve()));
  }

  get problem(): string | null {
    if (this.child.exitCode !== null) return "the shop's process has ended";
    return this.report?.problem ?? null;
  }

  tell(command: ShopCommand): void {
    if (this.child.connected) this.child.send(command);
  }

  /** Sends what is left, waits for its acknowledgement, and ends. */
  async stop(): Promise<void> {
    this.tell({ stop: true });
    const force = setTimeout(() => this.child.kill("SIGKILL"), 10_000);
    await this.ended;
    clearTimeout(force);
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

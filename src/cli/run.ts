import { access } from "node:fs/promises";
import { type LoadedSlos, loadSettings, loadSlos, MISSING } from "../config/load.ts";
import { formatProblem, type Problem } from "../config/problem.ts";
import type { Settings } from "../config/settings.ts";
import { EngineError } from "../model/errors.ts";
import { stdoutSink } from "../publish/stdout.ts";
import { createLog } from "../telemetry/log.ts";
import { giveHeapRoom } from "./heap-flags.ts";
import type { CliIo } from "./io.ts";
import { NO_SLO, WRITE_ONE } from "./no-slo.ts";
import { type RunningEngine, startEngine } from "./start.ts";

export interface RunOptions {
  readonly config: string | null;
  /** Instead of the configuration's `slos`. */
  readonly slos: readonly string[] | null;
  readonly version: string;
}

/** A configuration is used when it is named, and missed when it only lies there. */
const USUAL_CONFIG = "slogate.yaml";

/** Exit codes of `run`. */
export const STOPPED = 0;
export const FAILED = 1;
export const BAD_CONFIGURATION = 2;

/**
 * The engine, until `untilStopped` resolves. Problems of the configuration and of SLO files are printed all
 * at once.
 *
 * @returns exit code
 */
export async function run(
  options: RunOptions,
  io: CliIo,
  untilStopped: Promise<string>,
): Promise<number> {
  const log = createLog({
    write: (line) => io.stderr.write(line),
    isTTY: io.stderr.isTTY === true,
    now: () => Date.now(),
  });
  if (options.config === null && (await exists(USUAL_CONFIG))) {
    log.info(`${USUAL_CONFIG} is here but not used; pass --config ${USUAL_CONFIG}`);
  }
  const loaded = await load(options, io);
  if (loaded === null) return BAD_CONFIGURATION;
  const { settings, slos, sloPaths } = loaded;
  for (const warning of loaded.warnings) log.warn(formatProblem(warning));
  let running: RunningEngine;
  try {
    running = await startEngine({
      settings,
      slos,
      sloPaths,
      clock: { now: () => Date.now() },
      log,
      version: options.version,
      sinks: settings.publish.stdout
        ? [stdoutSink({ stream: io.stdout, isTTY: io.stdout.isTTY === true })]
        : [],
    });
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    io.stderr.write(`slogate: ${error.message}\n`);
    return error.code === "CONFIG_INVALID" ? BAD_CONFIGURATION : FAILED;
  }
  giveHeapRoom();
  const { otlpGrpc, otlpHttp, api, gateService } = running.addresses;
  log.info("slogate is receiving", {
    slos: slos.slos.length,
    otlpGrpc,
    otlpHttp,
    api,
    gateService,
  });
  let why: string;
  try {
    why = await Promise.race([untilStopped, running.failed]);
  } catch (error) {
    log.error("deciding failed, which is a defect; ending rather than leaving stale gates", {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    await running.stop();
    return FAILED;
  }
  log.info("stopping: finishing what was accepted", { signal: why });
  await running.stop();
  log.info("stopped");
  return STOPPED;
}

interface Loaded {
  readonly settings: Settings;
  readonly slos: LoadedSlos;
  readonly sloPaths: readonly string[];
  readonly warnings: readonly Problem[];
}

async function load(options: RunOptions, io: CliIo): Promise<Loaded | null> {
  const parsed = await loadSettings(options.config, io.env);
  const sloPaths = options.slos ?? parsed.settings?.slos ?? [];
  const slos = await loadSlos(sloPaths);
  const problems = [...parsed.problems, ...slos.problems.map(withHint)];
  if (problems.length === 0 && slos.slos.length === 0) {
    problems.push({ file: sloPaths.join(", "), path: "", message: `${NO_SLO}${BY_OPTION}` });
  }
  if (parsed.settings === null || problems.length > 0) {
    for (const problem of problems) io.stderr.write(`${formatProblem(problem)}\n`);
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    io.stderr.write(`slogate: ${count}, nothing was started\n`);
    return null;
  }
  const warnings = [...parsed.warnings, ...slos.warnings];
  return { settings: parsed.settings, slos, sloPaths, warnings };
}

const BY_OPTION = " with --slos or the key `slos`";

/** Whoever starts for the first time has no ./slos yet. */
function withHint(problem: Problem): Problem {
  if (problem.message !== MISSING) return problem;
  return { ...problem, message: `${MISSING}; ${WRITE_ONE}${BY_OPTION}` };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

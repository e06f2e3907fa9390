import { Command, CommanderError, InvalidArgumentError } from "commander";
import { parseFixedDuration } from "../config/duration.ts";
import { EngineError } from "../model/errors.ts";
import { DEFAULT_SERVER } from "./api-client.ts";
import { check } from "./check.ts";
import { crashCode } from "./crash-code.ts";
import { demo } from "./demo/demo.ts";
import type { CliIo } from "./io.ts";
import { override } from "./override.ts";
import { replay } from "./replay.ts";
import { run } from "./run.ts";
import { status } from "./status.ts";
import { validate } from "./validate.ts";

export interface ProgramParts {
  readonly io: CliIo;
  readonly version: string;
  /** Resolves with the signal's name when a long-running command should end; only such commands read it. */
  readonly untilStopped: Promise<string>;
}

/** Wrong use of the command line, as for bad configuration. */
const USAGE = 2;

/** Options of every command that asks a running engine. */
const SERVER = [
  "--server <url>",
  `the engine's HTTP API (default: SLOGATE_SERVER, else ${DEFAULT_SERVER})`,
] as const;
const TOKEN = ["--token <token>", "bearer token (default: SLOGATE_TOKEN)"] as const;

/** The command line; `run` answers the exit code. */
export function createProgram(parts: ProgramParts): {
  run(argv: readonly string[]): Promise<number>;
} {
  const { io, version } = parts;
  let exitCode = 0;
  const program = new Command("slogate")
    .description("SLOs as a gate for rollouts")
    .version(version)
    .exitOverride()
    .showHelpAfterError("(slogate --help lists the commands)")
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
    });

  program
    .command("run")
    .description("start the engine")
    .option("-c, --config <file>", "slogate.yaml; without it the defaults")
    .option("-s, --slos <paths...>", "SLO files or folders, instead of the configuration's")
    .action(async (options: { config?: string; slos?: string[] }) => {
      const { config = null, slos = null } = options;
      exitCode = await run({ config, slos, version }, io, parts.untilStopped);
    });

  program
    .command("demo")
    .description("the engine and a small shop: a bad rollout, the gate closes and opens again")
    .option("--keep", "leave it running at the end", false)
    .action(async ({ keep }: { keep: boolean }) => {
      exitCode = await demo({ keep, version }, io, parts.untilStopped);
    });

  program
    .command("check")
    .description("may a rollout go on? Exit code 0 allowed, 1 closed, 3 not known; 2 wrong use")
    .argument("<slos...>", "names of SLOs; the worst gate counts")
    .option(...SERVER)
    .option("--service-version <version>", "ask about this service.version alone")
    .option("--wait <duration>", "wait for it to be allowed, for example 10m", duration)
    .option(...TOKEN)
    .action(async (slos: string[], o: CheckFlags) => {
      exitCode = await check(
        {
          slos,
          server: o.server ?? null,
          version: o.serviceVersion ?? null,
          waitMs: o.wait ?? null,
          token: o.token ?? null,
        },
        io,
        parts.untilStopped,
      );
    });

  program
    .command("status")
    .description("a table of all gates")
    .option("-w, --watch", "go on until Ctrl-C; in a pipe a line per transition", false)
    .option(...SERVER)
    .option(...TOKEN)
    .action(async ({ watch, server, token }: StatusFlags) => {
      const asked = { watch, server: server ?? null, token: token ?? null };
      exitCode = await status(asked, io, parts.untilStopped);
    });

  program
    .command("override")
    .description(
      "break-glass: open or close a gate for a while, or give it back. " +
        "Exit code 0 done, 1 refused by the engine, 3 unreachable; 2 wrong use",
    )
    .argument("<slo>", "name of the SLO")
    .option("--open", "let everything pass")
    .option("--close", "let nothing pass")
    .option("--clear", "end the override")
    .option("--for <duration>", "how long, for example 2h; an override always ends")
    .option("--reason <text>", "why; it is published with the decision")
    .option("--author <name>", "who; default: your user name")
    .option(...SERVER)
    .option(...TOKEN)
    .action(async (slo: string, flags: OverrideFlags) => {
      exitCode = await override({ ...flags, slo }, io);
    });

  program
    .command("validate")
    .description("check SLO files and slogate.yaml, all problems at once")
    .argument("<paths...>", "files or folders")
    .action(async (paths: string[]) => {
      exitCode = await validate(paths, io.stdout);
    });

  program
    .command("replay")
    .description(
      "what the gate would have done on past counts (CSV: t,total,bad and, if known, version,lag,id)",
    )
    .argument("<counts>", "CSV file, also .gz, or - for standard input")
    .requiredOption("--slo <file>", "the SLO")
    .option("--name <slo>", "which SLO of the file")
    .option("--json", "JSON Lines also on a terminal; in a pipe always")
    .option("--period-requests <n>", "requests expected in a period", positive)
    .option("--budget-spent <share>", "share of the budget spent before the first row", share)
    .option("--forecast-every <duration>", "also print forecasts, for example every 30m", duration)
    .option("--compare", "a table of what several policies would have done", false)
    .action(async (counts: string, o: ReplayFlags) => {
      exitCode = await replay(
        {
          counts,
          slo: o.slo,
          name: o.name ?? null,
          json: o.json === true || io.stdout.isTTY !== true,
          periodRequests: o.periodRequests ?? null,
          budgetSpent: o.budgetSpent ?? null,
          forecastEveryMs: o.forecastEvery ?? null,
          compare: o.compare,
        },
        io,
        process.stdin,
      );
    });

  return {
    async run(argv) {
      try {
        await program.parseAsync(argv as string[]);
      } catch (error) {
        if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
        if (!(error instanceof EngineError)) throw error;
        io.stderr.write(`slogate: ${error.message}\n`);
        return error.code === "CONFIG_INVALID" ? USAGE : crashCode(argv);
      }
      return exitCode;
    },
  };
}

interface CheckFlags {
  readonly server?: string;
  readonly serviceVersion?: string;
  readonly wait?: number;
  readonly token?: string;
}

interface StatusFlags {
  readonly watch: boolean;
  readonly server?: string;
  readonly token?: string;
}

interface OverrideFlags {
  readonly open?: boolean;
  readonly close?: boolean;
  readonly clear?: boolean;
  readonly for?: string;
  readonly reason?: string;
  readonly author?: string;
  readonly server?: string;
  readonly token?: string;
}

interface ReplayFlags {
  readonly slo: string;
  readonly name?: string;
  readonly json?: boolean;
  readonly periodRequests?: number;
  readonly budgetSpent?: number;
  readonly forecastEvery?: number;
  readonly compare: boolean;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError("Must be above 0.");
  return value;
}

function share(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 10)) {
    throw new InvalidArgumentError("Must be a ratio such as 0.2; 20 % is 0.2.");
  }
  return value;
}

function duration(text: string): number {
  const parsed = parseFixedDuration(text);
  if (!("ms" in parsed))
    throw new InvalidArgumentError("Must be a duration such as 30s, 10m or 2h.");
  return parsed.ms;
}

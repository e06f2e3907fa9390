import { Command, CommanderError } from "commander";
import { EngineError } from "../model/errors.ts";
import type { CliIo } from "./io.ts";
import { run } from "./run.ts";
import { validate } from "./validate.ts";

export interface ProgramParts {
  readonly io: CliIo;
  readonly version: string;
  /** Resolves with the signal's name when a long-running command should end. */
  readonly untilStopped: Promise<string>;
}

/** Wrong use of the command line, as for bad configuration. */
const USAGE = 2;

/** The command line; `run` answers the exit code. */
export function createProgram({ io, version, untilStopped }: ProgramParts): {
  run(argv: readonly string[]): Promise<number>;
} {
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
      exitCode = await run({ config, slos, version }, io, untilStopped);
    });

  program
    .command("validate")
    .description("check SLO files and slogate.yaml, all problems at once")
    .argument("<paths...>", "files or folders")
    .action(async (paths: string[]) => {
      exitCode = await validate(paths, io.stdout);
    });

  return {
    async run(argv) {
      try {
        await program.parseAsync(argv as string[]);
      } catch (error) {
        if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
        if (!(error instanceof EngineError)) throw error;
        io.stderr.write(`slogate: ${error.message}\n`);
        return 1;
      }
      return exitCode;
    },
  };
}

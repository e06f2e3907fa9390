import { fileURLToPath } from "node:url";
import { runProcess } from "./child-process.ts";
import { answers } from "./real-part.ts";

const TOP = fileURLToPath(new URL("../../", import.meta.url));

/** The command that speaks for Docker Compose here, the plugin first; null when there is none. */
export function composeCommand(): readonly string[] | null {
  const known = [["docker", "compose"], ["docker-compose"]];
  return known.find(([program = "", ...args]) => answers(program, [...args, "version"])) ?? null;
}

/** What a test asks of a container, of what `docker inspect` tells. */
export interface ContainerDetails {
  readonly State: {
    readonly Status: string;
    readonly ExitCode: number;
    readonly Health?: { readonly Status: string };
  };
  readonly NetworkSettings: {
    readonly Ports: Readonly<Record<string, readonly { readonly HostIp: string }[] | null>>;
  };
}

/** The containers of `docker-compose.yml` under a name of their own, so that they disturb no others. */
export class ComposeProject {
  readonly #command: readonly string[];
  readonly #name: string;
  readonly #variables: Readonly<Record<string, string>>;

  /**
   * @param command from `composeCommand()`
   * @param variables images and ports, as the file names them
   */
  constructor(
    command: readonly string[],
    name: string,
    variables: Readonly<Record<string, string>>,
  ) {
    this.#command = command;
    this.#name = name;
    this.#variables = variables;
  }

  /**
   * Runs one command of Compose to its end, and returns what it wrote to stdout.
   *
   * @throws Error with what it wrote to stderr when it does not end with 0
   */
  async run(args: readonly string[], timeoutMs = 60_000): Promise<string> {
    const [program = "", ...first] = this.#command;
    return output(program, [...first, "-p", this.#name, ...args], timeoutMs, this.#variables);
  }

  /**
   * Builds what is built here, and starts these services and what they depend on.
   *
   * @throws Error with what the containers wrote when one does not get healthy
   */
  async up(services: readonly string[], timeoutMs: number): Promise<void> {
    try {
      await this.run(["up", "-d", "--build", ...services], timeoutMs);
    } catch (error) {
      throw new Error(await this.logs(), { cause: error });
    }
  }

  logs(): Promise<string> {
    return this.run(["logs", "--tail", "40"]);
  }

  async container(service: string): Promise<ContainerDetails> {
    const labels = [...this.#labels(), "--filter", `label=com.docker.compose.service=${service}`];
    const [id] = lines(await output("docker", ["ps", "-a", "-q", ...labels]));
    if (id === undefined) throw new Error(`no container of ${service}`);
    return (JSON.parse(await output("docker", ["inspect", id])) as [ContainerDetails])[0];
  }

  /** Ids of its containers, running or not, its volumes and its networks. */
  async everything(): Promise<string[]> {
    const lists = await Promise.all([
      output("docker", ["ps", "-a", "-q", ...this.#labels()]),
      output("docker", ["volume", "ls", "-q", ...this.#labels()]),
      output("docker", ["network", "ls", "-q", ...this.#labels()]),
    ]);
    return lists.flatMap(lines);
  }

  #labels(): readonly string[] {
    return ["--filter", `label=com.docker.compose.project=${this.#name}`];
  }
}

const lines = (text: string) => text.split("\n").filter((line) => line !== "");

async function output(
  program: string,
  args: readonly string[],
  timeoutMs = 30_000,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, stdout, stderr } = await runProcess(program, args, { timeoutMs, env, cwd: TOP });
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}:\n${stderr}`);
  return stdout;
}

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OwnedProcess, runProcess, startProcess } from "./child-process.ts";
import { freePort } from "./free-port.ts";
import { builtPart, hasImage, missing } from "./real-part.ts";
import { waitFor } from "./wait.ts";

/** Where a test's API server comes from: a kubeconfig that is given, the binary of `.ci/kube`, or a k3s container. */
export type KubeSource =
  | { readonly kind: "kubeconfig"; readonly path: string }
  | { readonly kind: "process"; readonly binary: string }
  | { readonly kind: "container"; readonly image: string };

export interface ApiServer {
  /** Path of a kubeconfig with the rights of an administrator. */
  readonly kubeconfig: string;
  stop(): Promise<void>;
}

/** An API server that a test may end and start again on the same port with the same objects. */
export interface MortalApiServer extends ApiServer {
  /** Of `sa.key`, which signs service account tokens, and the rest of its state. */
  readonly directory: string;
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** Null when there is none, with the reason printed; see `realPart`. */
export function kubeSource(): KubeSource | null {
  const path = process.env.SLOGATE_TEST_KUBECONFIG;
  if (path !== undefined && path !== "") return { kind: "kubeconfig", path };
  const binary = builtPart("kube");
  if (binary !== null) return { kind: "process", binary };
  const image = process.env.SLOGATE_K3S_IMAGE ?? "rancher/k3s:v1.34.1-k3s1";
  if (hasImage(image)) return { kind: "container", image };
  missing(
    "no API server: set SLOGATE_TEST_KUBECONFIG, start Docker, or build one: bash .ci/kube/build.sh",
  );
  return null;
}

export async function startKube(source: KubeSource): Promise<ApiServer> {
  switch (source.kind) {
    case "kubeconfig":
      return { kubeconfig: source.path, stop: async () => {} };
    case "process":
      return startApiServerProcess(source.binary);
    case "container":
      return startK3s(source.image);
  }
}

export async function startApiServerProcess(binary: string): Promise<MortalApiServer> {
  const directory = mkdtempSync(join(tmpdir(), "slogate-kube-"));
  const port = String(await freePort());
  let server: OwnedProcess | null = null;
  const start = async (): Promise<void> => {
    const child = startProcess(binary, ["-dir", directory, "-port", port]);
    server = child;
    await waitFor(
      () => (child.ending() !== null || child.stdout().includes("READY") ? true : undefined),
      { what: "the Kubernetes API server", timeoutMs: 100_000 },
    );
    if (child.ending() !== null) throw new Error(`the API server ended:\n${child.stderr()}`);
  };
  await start();
  return {
    kubeconfig: join(directory, "kubeconfig"),
    directory,
    start,
    async kill() {
      server?.signal("SIGKILL");
      await server?.ended;
    },
    async stop() {
      await server?.stop(20_000);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function startK3s(image: string): Promise<ApiServer> {
  const { K3sContainer } = await import("@testcontainers/k3s");
  const container = await new K3sContainer(image).start();
  const directory = mkdtempSync(join(tmpdir(), "slogate-kube-"));
  const kubeconfig = join(directory, "kubeconfig");
  writeFileSync(kubeconfig, container.getKubeConfig(), { mode: 0o600 });
  return {
    kubeconfig,
    async stop() {
      await container.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/**
 * kubectl, as the administrator unless `kubeconfig` is another's.
 *
 * @returns what it printed
 * @throws Error with what it complained of when it does not end with 0
 */
export async function kubectl(kubeconfig: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProcess("kubectl", [
    "--kubeconfig",
    kubeconfig,
    ...args,
  ]);
  if (code !== 0) throw new Error(`kubectl ${args.join(" ")} ended with ${code}: ${stderr}`);
  return stdout;
}

/** A copy of a kubeconfig for another bearer of a token. Only JSON can be read, which `.ci/kube` writes. */
export function kubeconfigFor(
  kubeconfig: string,
  user: Readonly<Record<string, unknown>>,
  path: string,
): void {
  const config = JSON.parse(readFileSync(kubeconfig, "utf8"));
  config.users = config.users.map(({ name }: { name: string }) => ({ name, user }));
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
}

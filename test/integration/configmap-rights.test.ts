import { createSign, randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import type { Log } from "../../src/ports/log.ts";
import { configMapSink } from "../../src/publish/configmap.ts";
import { Election } from "../../src/publish/election.ts";
import { GateMaps } from "../../src/publish/gate-maps.ts";
import { KubeClient, type KubeSettings } from "../../src/publish/kube-client.ts";
import { decision } from "../support/decisions.ts";
import {
  kubeconfigFor,
  kubectl,
  type MortalApiServer,
  startApiServerProcess,
} from "../support/kube.ts";
import { installed, realPart } from "../support/real-part.ts";
import { waitFor } from "../support/wait.ts";

const binary = realPart("kube");
const hasKubectl = installed("kubectl");
const RBAC = readFileSync(new URL("../../deploy/kubernetes/rbac.yaml", import.meta.url), "utf8");

let server: MortalApiServer;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "slogate-rights-"));
  if (binary !== null) server = await startApiServerProcess(binary);
}, 120_000);
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

type Role = { rules: { resources: string[]; verbs: string[] }[] };

/** A namespace with the account and the rights of `deploy/kubernetes/rbac.yaml`, perhaps without one of them. */
async function installedWithout(resource?: string, verb?: string): Promise<string> {
  const namespace = `rights-${randomUUID()}`;
  await kubectl(server.kubeconfig, ["create", "namespace", namespace]);
  const objects = parseAllDocuments(RBAC).map((document) => document.toJS());
  const path = join(folder, `${namespace}.json`);
  const items = objects.map((object) => {
    object.metadata.namespace = namespace;
    if (object.kind === "RoleBinding") object.subjects[0].namespace = namespace;
    if (object.kind === "Role" && resource !== undefined) {
      const { rules } = object as Role;
      object.rules = rules
        .map((rule) => ({
          ...rule,
          verbs: rule.verbs.filter((v) => v !== verb || !rule.resources.includes(resource)),
        }))
        .filter(({ verbs }) => verbs.length > 0);
    }
    return object;
  });
  writeFileSync(path, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  await kubectl(server.kubeconfig, ["apply", "-f", path]);
  return namespace;
}

async function tokenOf(namespace: string): Promise<string> {
  const token = await kubectl(server.kubeconfig, ["create", "token", "slogate", "-n", namespace]);
  return token.trim();
}

async function accountOf(namespace: string): Promise<string> {
  const path = join(folder, `${namespace}.kubeconfig`);
  kubeconfigFor(server.kubeconfig, { token: await tokenOf(namespace) }, path);
  return path;
}

/** Stands for election, publishes once it leads, renews, publishes again; what went wrong on the way, in its own words. */
async function publishOnce(settings: KubeSettings): Promise<string[]> {
  const problems: string[] = [];
  const say = (message: string) => void problems.push(message);
  const log: Log = { info: () => {}, warn: say, error: say };
  const client = new KubeClient(settings);
  const maps = new GateMaps(client, "slogate-gates", log);
  let renewals = 0;
  const election = new Election({
    client: {
      readLease: (name) => client.readLease(name),
      createLease: (lease) => client.createLease(lease),
      replaceLease: (lease) => client.replaceLease(lease).finally(() => renewals++),
    },
    name: "slogate-gates",
    identity: randomUUID(),
    leastEpoch: 1,
    read: () => maps.read(),
    requests: () => null,
    onRequests: () => {},
    onTerm: () => {},
    log,
    monotonicMs: () => performance.now(),
    now: () => new Date(),
  });
  const sink = configMapSink({
    maps,
    monotonicMs: () => performance.now(),
    epoch: () => election.term()?.epoch ?? null,
    onDeposed: () => election.deposed(),
  });
  election.start();
  const leads = () => election.term() ?? (problems.length > 0 ? null : undefined);
  const term = await waitFor(leads, { what: "an election" });
  if (term !== null) {
    const publishing = sink.publish([decision({ epoch: term.epoch })], AbortSignal.timeout(10_000));
    await publishing.catch((error: Error) => problems.push(error.message));
    await waitFor(() => (renewals > 0 ? true : undefined), { what: "a renewal" });
  }
  const seen = [...problems];
  await election.stop();
  return seen;
}

describe.skipIf(binary === null || !hasKubectl)("the rights in deploy/kubernetes", () => {
  it("are enough", async () => {
    const namespace = await installedWithout();
    expect(await publishOnce({ namespace, kubeconfig: await accountOf(namespace) })).toEqual([]);
  });

  it.each([
    ["configmaps", "create"],
    ["configmaps", "get"],
    ["configmaps", "patch"],
    ["leases", "create"],
    ["leases", "get"],
    ["leases", "update"],
  ])("are the least: without %s %s it fails, and says which is missing", async (resource, verb) => {
    const namespace = await installedWithout(resource, verb);
    const kubeconfig = await accountOf(namespace);
    const problems = await publishOnce({ namespace, kubeconfig });
    expect(problems[0]).toContain(`publish.config_map: may not ${verb} ${resource} slogate-gates`);
    expect(problems[0]).toContain("deploy/kubernetes/rbac.yaml");
  });
});

describe.skipIf(binary === null || !hasKubectl)("credentials", () => {
  it("of a Pod's service account are found, with its namespace, and read again when the token has expired", async () => {
    const namespace = await installedWithout();
    const root = join(folder, `root-${namespace}`);
    const account = join(root, "var/run/secrets/kubernetes.io/serviceaccount");
    mkdirSync(account, { recursive: true });
    const kubeconfig = JSON.parse(readFileSync(server.kubeconfig, "utf8"));
    const { server: url, "certificate-authority-data": ca } = kubeconfig.clusters[0].cluster;
    writeFileSync(join(account, "ca.crt"), Buffer.from(ca, "base64"));
    writeFileSync(join(account, "namespace"), `${namespace}\n`);
    writeFileSync(join(account, "token"), expiredToken(namespace));
    const address = new URL(url);
    process.env.KUBERNETES_SERVICE_HOST = address.hostname;
    process.env.KUBERNETES_SERVICE_PORT = address.port;
    try {
      const client = new KubeClient({
        namespace: null,
        kubeconfig: null,
        serviceAccountRoot: root,
      });
      await expect(client.readConfigMap("slogate-gates")).rejects.toThrow(
        /publish\.config_map\.kubeconfig: .* refuses these credentials/,
      );
      writeFileSync(join(account, "token"), await tokenOf(namespace));
      expect(await client.readConfigMap("slogate-gates")).toBeNull();
    } finally {
      delete process.env.KUBERNETES_SERVICE_HOST;
      delete process.env.KUBERNETES_SERVICE_PORT;
    }
  });

  it("of a kubeconfig are read again when they are refused", async () => {
    const namespace = await installedWithout();
    const path = await accountOf(namespace);
    const good = readFileSync(path);
    kubeconfigFor(server.kubeconfig, { token: expiredToken(namespace) }, path);
    const client = new KubeClient({ namespace, kubeconfig: path });
    await expect(client.readConfigMap("slogate-gates")).rejects.toThrow(
      /refuses these credentials/,
    );
    writeFileSync(path, good);
    expect(await client.readConfigMap("slogate-gates")).toBeNull();
  });
});

/** A service account's token, signed by the API server's own key, that ended an hour ago. */
function expiredToken(namespace: string): string {
  const hourAgo = Math.floor(Date.now() / 1000) - 3600;
  const issuer = "https://kubernetes.default.svc";
  const claims = {
    iss: issuer,
    aud: [issuer],
    sub: `system:serviceaccount:${namespace}:slogate`,
    iat: hourAgo - 3600,
    nbf: hourAgo - 3600,
    exp: hourAgo,
  };
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${encode({ alg: "RS256", typ: "JWT" })}.${encode(claims)}`;
  const key = readFileSync(join(server.directory, "sa.key"));
  return `${signed}.${createSign("RSA-SHA256").update(signed).sign(key, "base64url")}`;
}

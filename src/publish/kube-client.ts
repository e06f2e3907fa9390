import { existsSync, readFileSync } from "node:fs";
import {
  ApiException,
  type ConfigurationOptions,
  CoordinationV1Api,
  CoreV1Api,
  KubeConfig,
  type ObservableMiddleware,
  PatchStrategy,
  setHeaderMiddleware,
  type V1ConfigMap,
  type V1Lease,
} from "@kubernetes/client-node";
import { EngineError } from "../model/errors.ts";
import { type DurationMs, SECOND } from "../model/time.ts";

export interface KubeSettings {
  /** Null: that of the Pod, or of the kubeconfig's context. */
  readonly namespace: string | null;
  /** Null: the Pod's service account; outside a cluster the usual kubeconfig. */
  readonly kubeconfig: string | null;
  /** Put before the path of the service account's files; "" but in tests. */
  readonly serviceAccountRoot?: string;
}

/** Owner of the fields that are applied. */
export const FIELD_MANAGER = "slogate";
/** Of one request; below what is left of a lease when its holder stops trusting it. */
const REQUEST_DEADLINE_MS: DurationMs = 4 * SECOND;
const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** What the API server answered when it was not OK. */
export class KubeError extends EngineError {
  /** HTTP status; null when there was no answer. */
  readonly status: number | null;
  /** Kubernetes' causes of a conflict: which field, and who owns it. */
  readonly conflicts: readonly string[];

  constructor(
    message: string,
    status: number | null,
    conflicts: readonly string[],
    cause: unknown,
  ) {
    super("SINK_UNAVAILABLE", `publish.config_map${message}`, { retryable: true, cause });
    this.status = status;
    this.conflicts = conflicts;
  }
}

/**
 * The few calls that the sink and the election make, each with a deadline. Credentials are read again when the API server
 * refuses them: a token that has expired was replaced on the disk.
 */
export class KubeClient {
  private readonly settings: KubeSettings;
  private loaded: Loaded | null = null;

  constructor(settings: KubeSettings) {
    this.settings = settings;
  }

  /** Null when there is none. */
  readConfigMap(name: string): Promise<V1ConfigMap | null> {
    return this.call(`get configmaps ${name}`, true, ({ core, namespace }, options) =>
      core.readNamespacedConfigMap({ name, namespace }, options),
    );
  }

  /** @throws KubeError with status 409 when it is there already */
  async createConfigMap(name: string): Promise<V1ConfigMap> {
    return this.call(`create configmaps ${name}`, false, ({ core, namespace }, options) =>
      core.createNamespacedConfigMap({ namespace, body: { metadata: { name } } }, options),
    );
  }

  /**
   * Server-side apply.
   *
   * @param force take fields over from another manager
   * @throws KubeError with status 409 when the resourceVersion is no longer current, or another manager owns a field
   */
  applyConfigMap(body: V1ConfigMap, force: boolean): Promise<V1ConfigMap> {
    const name = body.metadata?.name ?? "";
    return this.call(`patch configmaps ${name}`, false, ({ core, namespace }, options) =>
      core.patchNamespacedConfigMap(
        {
          name,
          namespace,
          body: { apiVersion: "v1", kind: "ConfigMap", ...body },
          fieldManager: FIELD_MANAGER,
          force,
        },
        asYaml(options),
      ),
    );
  }

  /** Null when there is none. */
  readLease(name: string): Promise<V1Lease | null> {
    return this.call(`get leases ${name}`, true, ({ coordination, namespace }, options) =>
      coordination.readNamespacedLease({ name, namespace }, options),
    );
  }

  createLease(body: V1Lease): Promise<V1Lease> {
    const name = body.metadata?.name ?? "";
    return this.call(`create leases ${name}`, false, ({ coordination, namespace }, options) =>
      coordination.createNamespacedLease({ namespace, body }, options),
    );
  }

  /** @throws KubeError with status 409 when its resourceVersion is no longer current */
  replaceLease(body: V1Lease): Promise<V1Lease> {
    const name = body.metadata?.name ?? "";
    return this.call(`update leases ${name}`, false, ({ coordination, namespace }, options) =>
      coordination.replaceNamespacedLease({ name, namespace, body }, options),
    );
  }

  private call<T>(what: string, orNull: true, make: Make<T>): Promise<T | null>;
  private call<T>(what: string, orNull: false, make: Make<T>): Promise<T>;
  private async call<T>(what: string, orNull: boolean, make: Make<T>): Promise<T | null> {
    // One for both attempts: the election counts on it that a call is over in time.
    const options = deadline();
    for (let attempt = 1; ; attempt++) {
      this.loaded ??= load(this.settings);
      try {
        return await make(this.loaded, options);
      } catch (thrown) {
        const status = thrown instanceof ApiException ? thrown.code : null;
        if (status === 401 && attempt === 1) {
          this.loaded = null;
          continue;
        }
        if (status === 404 && orNull) return null;
        throw explained(thrown, what, this.loaded);
      }
    }
  }
}

type Options = ConfigurationOptions<ObservableMiddleware>;
type Make<T> = (loaded: Loaded, options: Options) => Promise<T>;

interface Loaded {
  readonly core: CoreV1Api;
  readonly coordination: CoordinationV1Api;
  readonly namespace: string;
  readonly server: string;
}

/** @throws EngineError when there are no credentials, or no namespace is named */
function load({ kubeconfig, namespace, serviceAccountRoot = "" }: KubeSettings): Loaded {
  const config = new KubeConfig();
  try {
    if (kubeconfig !== null) config.loadFromFile(kubeconfig);
    else if (inCluster(serviceAccountRoot)) config.loadFromCluster(serviceAccountRoot);
    else config.loadFromDefault();
  } catch (cause) {
    const found = kubeconfig ?? "the usual kubeconfig";
    throw new KubeError(`.kubeconfig: ${found} cannot be used (${textOf(cause)})`, null, [], cause);
  }
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) {
    const found = kubeconfig ?? "the usual kubeconfig";
    throw new KubeError(`.kubeconfig: ${found} names no current cluster`, null, [], undefined);
  }
  const ofContext = config.getContextObject(config.currentContext)?.namespace;
  const used = namespace ?? ofContext?.trim();
  if (used === undefined || used === "") {
    const message = ".namespace: is needed, neither the Pod nor the kubeconfig's context names one";
    throw new KubeError(message, null, [], undefined);
  }
  return {
    core: config.makeApiClient(CoreV1Api),
    coordination: config.makeApiClient(CoordinationV1Api),
    namespace: used,
    server,
  };
}

function inCluster(root: string): boolean {
  return (
    process.env.KUBERNETES_SERVICE_HOST !== undefined &&
    existsSync(`${root}${SERVICE_ACCOUNT}/token`) &&
    readFileSync(`${root}${SERVICE_ACCOUNT}/token`, "utf8") !== ""
  );
}

function deadline(): Options {
  const middleware: ObservableMiddleware = setHeaderMiddleware("Accept", "application/json");
  const { pre } = middleware;
  middleware.pre = (request) => {
    request.setSignal(AbortSignal.timeout(REQUEST_DEADLINE_MS));
    return pre(request);
  };
  return { middleware: [middleware], middlewareMergeStrategy: "append" };
}

/** Breaks a line in YAML, or may not stand in it, though JSON bears it. */
const NOT_IN_YAML = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** Server-side apply takes YAML. JSON is YAML, but for a few characters. */
function asYaml(options: Options): Options {
  const header = setHeaderMiddleware("Content-Type", PatchStrategy.ServerSideApply);
  const { pre } = header;
  header.pre = (request) => {
    const body = request.getBody();
    if (typeof body === "string") request.setBody(body.replace(NOT_IN_YAML, escaped));
    return pre(request);
  };
  return { ...options, middleware: [...(options.middleware ?? []), header] };
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** What a failed call means for whoever wrote the configuration. */
function explained(thrown: unknown, what: string, { namespace, server }: Loaded): EngineError {
  if (thrown instanceof EngineError) return thrown;
  if (!(thrown instanceof ApiException)) {
    const why = textOf(thrown instanceof Error && thrown.cause ? thrown.cause : thrown);
    return new KubeError(`.kubeconfig: no answer from ${server} (${why})`, null, [], thrown);
  }
  const status = statusOf(thrown.body);
  const said = status?.message ?? `status ${thrown.code}`;
  const failed = (key: string, message: string, conflicts: readonly string[] = []): KubeError =>
    new KubeError(`${key}: ${message}`, thrown.code, conflicts, thrown);
  switch (thrown.code) {
    case 401:
      return failed(".kubeconfig", `${server} refuses these credentials (${said})`);
    case 403:
      return failed(
        "",
        `may not ${what} in ${namespace} (${said}); deploy/kubernetes/rbac.yaml has the rights it needs`,
      );
    case 404:
      return failed(".namespace", `${namespace} does not exist, or has gone (${said})`);
    case 409:
      return failed("", `conflict (${said})`, conflictsOf(status));
    default:
      return failed("", `${what} in ${namespace}: ${said}`);
  }
}

interface Status {
  readonly message?: string;
  readonly details?: {
    readonly causes?: readonly { readonly reason?: string; readonly message?: string }[];
  };
}

function statusOf(body: unknown): Status | null {
  if (typeof body !== "string") return (body ?? null) as Status | null;
  try {
    return JSON.parse(body) as Status;
  } catch {
    return { message: body.slice(0, 200) };
  }
}

function conflictsOf(status: Status | null): string[] {
  return (status?.details?.causes ?? [])
    .filter(({ reason }) => reason === "FieldManagerConflict")
    .map(({ message }) => message ?? "");
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

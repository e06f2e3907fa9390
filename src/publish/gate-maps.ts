import type { V1ConfigMap } from "@kubernetes/client-node";
import { EngineError } from "../model/errors.ts";
import type { PublishedGate } from "../model/gate.ts";
import type { Log } from "../ports/log.ts";
import { type KubeClient, KubeError } from "./kube-client.ts";
import { EPOCH, MAX_SHARDS, type MapData, publishedGates } from "./manifest.ts";

const SHARDS_ANNOTATION = "slogate.dev/json-shards";
const EPOCH_ANNOTATION = "slogate.dev/epoch";
/** Tries of one write: each lost one means that somebody else wrote in between. */
const ATTEMPTS = 4;

export interface PublishedMaps {
  /** Of the last leader that wrote; 0 when nobody did. */
  readonly epoch: number;
  readonly gates: readonly PublishedGate[];
}

/**
 * The ConfigMaps as the API server has them: `NAME` with the flat keys, and `NAME-json-0` and so on. Every write carries the
 * resourceVersion of the last read, so the write of a leader that was deposed meanwhile is refused; who is refused
 * reads again, and gives up when a higher epoch stands there.
 */
export class GateMaps {
  private readonly client: KubeClient;
  private readonly name: string;
  private readonly log: Log;
  private readonly versions = new Map<string, string>();
  /** How many maps of JSON there are. */
  shards = 0;

  constructor(client: KubeClient, name: string, log: Log) {
    this.client = client;
    this.name = name;
    this.log = log;
  }

  /** Everything anew, as the base of a new leader's writes. */
  async read(): Promise<PublishedMaps> {
    this.versions.clear();
    const flat = await this.readOne(this.name);
    this.shards = Math.min(
      Number(flat?.metadata?.annotations?.[SHARDS_ANNOTATION] ?? 0),
      MAX_SHARDS,
    );
    const gates: PublishedGate[] = [];
    let epoch = Number(flat?.data?.[EPOCH] ?? 0);
    for (let shard = 0; shard < this.shards; shard++) {
      const map = await this.readOne(this.shardName(shard));
      gates.push(...publishedGates(map?.data ?? {}));
      epoch = Math.max(epoch, epochOf(map));
    }
    return { epoch, gates };
  }

  writeFlat(data: MapData, epoch: number, shards: number): Promise<void> {
    this.shards = shards;
    return this.write(this.name, data, epoch, { [SHARDS_ANNOTATION]: String(shards) });
  }

  writeShard(shard: number, data: MapData, epoch: number): Promise<void> {
    return this.write(this.shardName(shard), data, epoch, {});
  }

  private shardName(shard: number): string {
    return `${this.name}-json-${shard}`;
  }

  private async readOne(name: string): Promise<V1ConfigMap | null> {
    const map = await this.client.readConfigMap(name);
    this.remember(name, map);
    return map;
  }

  private remember(name: string, map: V1ConfigMap | null): void {
    const version = map?.metadata?.resourceVersion;
    if (version === undefined) this.versions.delete(name);
    else this.versions.set(name, version);
  }

  private async write(
    name: string,
    data: MapData,
    epoch: number,
    annotations: Readonly<Record<string, string>>,
  ): Promise<void> {
    let force = false;
    for (let attempt = 1; ; attempt++) {
      try {
        // Applying would create it as well, but then a late writer could not be told from the first one.
        if (!this.versions.has(name)) this.remember(name, await this.client.createConfigMap(name));
        const resourceVersion = this.versions.get(name) ?? "";
        const metadata = {
          name,
          resourceVersion,
          labels: { "app.kubernetes.io/managed-by": "slogate" },
          annotations: { ...annotations, [EPOCH_ANNOTATION]: String(epoch) },
        };
        this.remember(name, await this.client.applyConfigMap({ metadata, data }, force));
        return;
      } catch (error) {
        if (!(error instanceof KubeError) || attempt === ATTEMPTS) throw error;
        if (error.status === 404) {
          // Somebody deleted it. When the namespace has gone, creating it anew says so.
          this.versions.delete(name);
          continue;
        }
        if (error.status !== 409) throw error;
        if (error.conflicts.length > 0) {
          force = true;
          this.log.warn("another field manager changed published gates: taking them back", {
            configMap: name,
            conflicts: error.conflicts.join("; "),
          });
          continue;
        }
        const stored = epochOf(await this.readOne(name));
        if (stored > epoch) throw deposed(name, stored, epoch);
      }
    }
  }
}

function epochOf(map: V1ConfigMap | null): number {
  return Number(map?.metadata?.annotations?.[EPOCH_ANNOTATION] ?? 0);
}

function deposed(name: string, stored: number, epoch: number): EngineError {
  return new EngineError(
    "SINK_REJECTED",
    `publish.config_map: ${name} holds epoch ${stored}: another replica has taken over from epoch ${epoch}`,
  );
}

import { execFileSync } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Collector, startCollector } from "../support/collector.ts";
import { EngineProcess } from "../support/engine-process.ts";
import { type Random, randomFrom } from "../support/fake-disk.ts";
import { childPids, isAlive } from "../support/process-stats.ts";
import { waitFor } from "../support/wait.ts";
import { type Count, compare, type Difference, Expected } from "./expected.ts";
import { FlakyProxy } from "./proxy.ts";
import { pause, Senders } from "./senders.ts";

export interface Campaign {
  /** How often the engine is ended by SIGKILL. */
  readonly kills: number;
  /** The same seed makes the same decisions, though not the same moments. */
  readonly seed: number;
  /** The Collector's binary; null: the part of the load that goes through one is left out. */
  readonly otelcol: string | null;
  /** Longest life between two kills, ms. */
  readonly longestLifeMs: number;
  readonly durability: "sync" | "relaxed";
  /** Receiver workers, ended by SIGKILL too; 1: everything in one process. */
  readonly workers: number;
  readonly say: (line: string) => void;
}

export interface ChaosReport {
  readonly faults: {
    killed: number;
    killedBeforeAnswer: number;
    workersKilled: number;
    cuts: number;
    diskFilled: number;
  };
  readonly requests: number;
  readonly retries: number;
  readonly acknowledged: number;
  readonly counted: number;
  readonly difference: Difference;
  /** Workers that were still there when their control plane had been gone for a while. */
  readonly orphans: number;
  /** Answers that OTLP has no retry for. */
  readonly unexpected: readonly string[];
  /** Until /readyz says so, the start of the process included. */
  readonly restartMs: readonly number[];
  readonly withCollector: boolean;
  /** Null: no small disk could be made here. */
  readonly diskMiB: number | null;
}

const DISK_MIB = 64;
const QUIET_MS = 20_000;
const SERVICES = ["frontend", "cart", "payment"] as const;
const METER = "meter";

/**
 * Runs the product under load and breaks it again and again: SIGKILL at any moment, of workers too, SIGKILL between commit and answer,
 * cut connections, a full disk. At the end everything that was sent has been acknowledged, and is compared with what
 * was counted, per SLO and second.
 */
export async function runCampaign(campaign: Campaign): Promise<ChaosReport> {
  const disk = SmallDisk.make();
  const directory = mkdtempSync(join(tmpdir(), "slogate-chaos-"));
  const engine = await EngineProcess.start({
    slos: [...SERVICES.map((service) => ({ name: service, service, target: 0.9 })), meterSlo()],
    settings: {
      workers: campaign.workers,
      state: { directory: join(disk?.path ?? directory, "state"), durability: campaign.durability },
    },
  });
  const proxies = [
    await FlakyProxy.listen(engine.otlpGrpc),
    await FlakyProxy.listen(engine.otlpHttp),
  ] as const;
  let collector: Collector | null = null;
  try {
    if (campaign.otelcol !== null) {
      collector = await collectorBefore(proxies[0].address, campaign.otelcol, directory);
    }
    return await new Run(campaign, engine, proxies, disk, collector).play();
  } finally {
    await engine.dispose();
    await collector?.stop();
    for (const proxy of proxies) await proxy.close();
    disk?.unmount();
    rmSync(directory, { recursive: true, force: true });
  }
}

class Run {
  private readonly campaign: Campaign;
  private readonly engine: EngineProcess;
  private readonly proxies: readonly [FlakyProxy, FlakyProxy];
  private readonly disk: SmallDisk | null;
  private readonly collector: Collector | null;
  private readonly random: Random;
  private readonly expected = new Expected();
  private readonly senders: Senders;
  private readonly faults = {
    killed: 0,
    killedBeforeAnswer: 0,
    workersKilled: 0,
    cuts: 0,
    diskFilled: 0,
  };
  private orphans = 0;
  private readonly restartMs: number[] = [];

  constructor(
    campaign: Campaign,
    engine: EngineProcess,
    proxies: readonly [FlakyProxy, FlakyProxy],
    disk: SmallDisk | null,
    collector: Collector | null,
  ) {
    this.campaign = campaign;
    this.engine = engine;
    this.proxies = proxies;
    this.disk = disk;
    this.collector = collector;
    this.random = randomFrom(campaign.seed);
    this.senders = new Senders(this.expected, this.random);
  }

  async play(): Promise<ChaosReport> {
    const { campaign, senders, proxies, collector } = this;
    for (let lane = 0; lane < 4; lane++) senders.overGrpc(() => proxies[0].address, 20);
    senders.overHttp(() => proxies[1].address, 20);
    senders.counter(METER, () => proxies[1].address, 40);
    if (collector !== null) {
      for (let lane = 0; lane < 2; lane++) senders.overGrpc(() => collector.grpc, 60);
    }
    let said = 0;
    while (this.kills() < campaign.kills) {
      await this.life();
      if (this.kills() - said >= 20) {
        said = this.kills();
        campaign.say(`${said} kills, ${this.expected.acknowledged} requests acknowledged`);
      }
    }
    await senders.stop();
    const counted = await this.counted();
    this.faults.cuts = proxies[0].cuts + proxies[1].cuts;
    return {
      faults: this.faults,
      requests: senders.requests,
      retries: senders.retries,
      acknowledged: this.expected.acknowledged,
      counted: counted.total,
      difference: counted.difference,
      orphans: this.orphans,
      unexpected: senders.faults,
      restartMs: this.restartMs,
      withCollector: collector !== null,
      diskMiB: this.disk === null ? null : DISK_MIB,
    };
  }

  private kills(): number {
    return this.faults.killed + this.faults.killedBeforeAnswer;
  }

  /** Load for a while, broken connections perhaps, a full disk now and then; ended by SIGKILL, followed by a restart. */
  private async life(): Promise<void> {
    const { random, engine, campaign } = this;
    await pause(random() ** 2 * campaign.longestLifeMs);
    if (random() < 0.3) this.proxies[random() < 0.5 ? 0 : 1].cutAll();
    const life = this.kills();
    if (campaign.workers > 1) await this.killWorkers();
    if (this.disk !== null && life % 16 === 4) await this.fillDisk();
    const workers = childPids(engine.pid);
    if (life % 3 === 2) await this.killBeforeAnswer();
    else {
      this.faults.killed++;
      engine.signal("SIGKILL");
    }
    await engine.ended;
    await this.noOrphans(workers);
    this.disk?.empty();
    const startedAt = performance.now();
    await engine.restart();
    this.restartMs.push(performance.now() - startedAt);
  }

  /** One after the other, now and then all of them; each has to come back. */
  private async killWorkers(): Promise<void> {
    const { engine, random, campaign } = this;
    for (let times = Math.ceil(random() * 3); times > 0; times--) {
      const workers = childPids(engine.pid);
      const chosen =
        random() < 0.2 ? workers : workers.slice(Math.floor(random() * workers.length)).slice(0, 1);
      for (const pid of chosen) process.kill(pid, "SIGKILL");
      this.faults.workersKilled += chosen.length;
      await waitFor(
        async () => {
          const listening = (await engine.metrics()).get("slogate_receiver_workers");
          return listening === campaign.workers ? true : undefined;
        },
        { what: "all workers to listen again", timeoutMs: 60_000 },
      );
      await pause(random() ** 2 * campaign.longestLifeMs);
    }
  }

  /** A worker whose control plane is gone ends by itself. */
  private async noOrphans(workers: readonly number[]): Promise<void> {
    const left = () => workers.filter(isAlive);
    await waitFor(() => (left().length === 0 ? true : undefined), {
      what: "workers to end with their control plane",
      timeoutMs: 5_000,
    }).catch(() => undefined);
    this.orphans += left().length;
  }

  /** The engine dies when it has committed a request and is about to say so: the answer never arrives. */
  private async killBeforeAnswer(): Promise<void> {
    const proxy = this.proxies[this.random() < 0.7 ? 0 : 1];
    await new Promise<void>((resolve) => {
      proxy.beforeNextAnswer(resolve);
      // Nobody is answered while the disk is full or connections are being made anew.
      setTimeout(resolve, 2_000);
    });
    proxy.beforeNextAnswer(null);
    this.engine.signal("SIGKILL");
    this.faults.killedBeforeAnswer++;
  }

  /** Until the engine says that it cannot store anything; now and then it dies like that, else it has to come back. */
  private async fillDisk(): Promise<void> {
    const { engine, disk } = this;
    this.faults.diskFilled++;
    await waitFor(
      async () => {
        // The engine may have removed what it needs no more.
        disk?.fill();
        return (await engine.get("/readyz")).ok ? undefined : true;
      },
      { what: "the engine to say that the disk is full" },
    );
    if (this.random() < 0.5) return;
    disk?.empty();
    await waitFor(async () => ((await engine.get("/readyz")).ok ? true : undefined), {
      what: "the engine to come back when there is room again",
    });
  }

  /** What the engine counts, once the Collector has sent what it holds: when nothing has come for a while, that is all. */
  private async counted(): Promise<{ total: number; difference: Difference }> {
    let deadline = performance.now() + QUIET_MS;
    let last = -1;
    for (;;) {
      const difference: Difference = { lost: 0, doubled: 0, compared: 0 };
      let total = 0;
      for (const slo of this.expected.slos()) {
        const minutes = await this.minutesOf(slo);
        const found = compare(this.expected.minutes(slo), minutes);
        difference.lost += found.lost;
        difference.doubled += found.doubled;
        difference.compared += found.compared;
        for (const count of minutes.values()) total += count.total;
        // The budget counts them too, in its own place.
        const { budget } = await this.engine.gate(slo);
        const sums = new Map([[0, { total: budget.total, bad: budget.bad }]]);
        const inBudget = compare(new Map([[0, sumOf(this.expected.minutes(slo))]]), sums);
        difference.lost += inBudget.lost;
        difference.doubled += inBudget.doubled;
      }
      if (total !== last) deadline = performance.now() + QUIET_MS;
      last = total;
      const isOver = performance.now() > deadline;
      if ((difference.lost === 0 && difference.doubled === 0) || isOver)
        return { total, difference };
      await pause(500);
    }
  }

  private async minutesOf(slo: string): Promise<Map<number, Count>> {
    const answer = await this.engine.get(`/v1/slos/${slo}/series`);
    const { data } = (await answer.json()) as {
      data: readonly { readonly at: string; readonly total: number; readonly bad: number }[];
    };
    const used = data.filter(({ total, bad }) => total !== 0 || bad !== 0);
    return new Map(used.map(({ at, total, bad }) => [Date.parse(at) / 1000, { total, bad }]));
  }
}

function sumOf(minutes: ReadonlyMap<number, Count>): Count {
  const sum = { total: 0, bad: 0 };
  for (const { total, bad } of minutes.values()) {
    sum.total += total;
    sum.bad += bad;
  }
  return sum;
}

function meterSlo() {
  const spec = { metric: "shop.requests", resource: { "service.name": METER } };
  const bad = { ...spec, attributes: { outcome: "failed" } };
  const source = (matcher: unknown) => ({ metricSource: { type: "otlp.metrics", spec: matcher } });
  return {
    name: METER,
    service: METER,
    target: 0.9,
    ratioMetric: { counter: true, total: source(spec), bad: source(bad) },
  };
}

/** With a queue on disk and retries without end, as one has it who does not want to lose anything. */
function collectorBefore(address: string, otelcol: string, directory: string): Promise<Collector> {
  return startCollector(otelcol, {
    extensions: { file_storage: { directory: join(directory, "queue"), create_directory: true } },
    exporters: {
      "otlp/slogate": {
        endpoint: address,
        tls: { insecure: true },
        retry_on_failure: { initial_interval: "50ms", max_interval: "500ms", max_elapsed_time: 0 },
        sending_queue: { storage: "file_storage", queue_size: 20_000, num_consumers: 10 },
      },
    },
    pipelines: { traces: { exporters: ["otlp/slogate"] } },
  });
}

/** A small file system that can be filled: a tmpfs, which takes root. */
class SmallDisk {
  readonly path: string;

  static make(): SmallDisk | null {
    const path = mkdtempSync(join(tmpdir(), "slogate-disk-"));
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_MIB}m`, "tmpfs", path], {
        stdio: "ignore",
      });
      return new SmallDisk(path);
    } catch {
      rmSync(path, { recursive: true, force: true });
      return null;
    }
  }

  private constructor(path: string) {
    this.path = path;
  }

  /** To the last byte; also what was freed since the last time. */
  fill(): void {
    const chunk = Buffer.alloc(16 * 1024);
    try {
      for (;;) appendFileSync(this.filler(), chunk);
    } catch {
      // It is full.
    }
  }

  empty(): void {
    try {
      unlinkSync(this.filler());
    } catch {
      // It was not full.
    }
  }

  unmount(): void {
    execFileSync("umount", ["-l", this.path], { stdio: "ignore" });
    rmSync(this.path, { recursive: true, force: true });
  }

  private filler(): string {
    return join(this.path, "filler");
  }
}

import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { DecisionMessage } from "../../src/model/decision-message.ts";
import { ComposeProject, composeCommand } from "../support/compose.ts";
import { freePort } from "../support/free-port.ts";
import { kafkaImage } from "../support/kafka.ts";
import { hasImage, missing } from "../support/real-part.ts";
import { type InstrumentedService, instrumentedService } from "../support/sdk.ts";
import { TopicReader } from "../support/topic-reader.ts";
import { waitFor } from "../support/wait.ts";

const command = composeCommand();
/** The file's own images, unless these name others, as where no registry can be reached. */
const images = {
  KAFKA_IMAGE: kafkaImage(),
  COLLECTOR_IMAGE: process.env.SLOGATE_COLLECTOR_IMAGE ?? "otel/opentelemetry-collector:0.155.0",
  NODE_IMAGE: process.env.SLOGATE_NODE_IMAGE ?? "node:24-slim",
};
const lacking = Object.values(images).filter((image) => command !== null && !hasImage(image));
if (command === null) missing("no Docker Compose: docker-compose.yml is not tried");
else if (lacking.length > 0) missing(`no Docker, or no image ${lacking.join(", ")}`);

const SLO = "payment-availability";

describe.skipIf(command === null || lacking.length > 0)("docker-compose.yml", () => {
  let compose: ComposeProject;
  let api: string;
  let reader: TopicReader;
  let shop: Shop;

  beforeAll(async () => {
    const [http, kafka, collector] = [await freePort(), await freePort(), await freePort()];
    compose = new ComposeProject(command ?? [], `slogate-test-${randomUUID().slice(0, 8)}`, {
      ...images,
      SLOGATE_IMAGE: "slogate-test/slogate:compose",
      SLOGATE_HTTP_PORT: String(http),
      SLOGATE_GRPC_PORT: String(await freePort()),
      COLLECTOR_GRPC_PORT: String(collector),
      COLLECTOR_HTTP_PORT: String(await freePort()),
      KAFKA_PORT: String(kafka),
    });
    await compose.up(["slogate", "collector"], 280_000);
    api = `http://127.0.0.1:${http}/v1/gates/${SLO}`;
    shop = new Shop(`127.0.0.1:${collector}`);
    reader = await TopicReader.start(`127.0.0.1:${kafka}`, "slogate.decisions");
  }, 300_000);

  afterEach(async ({ task }) => {
    if (task.result?.state === "fail") console.error(await compose.logs());
  });

  afterAll(async () => {
    await shop?.close();
    await reader?.stop();
    await compose?.run(["down", "-v"]);
  }, 90_000);

  async function gate(query = ""): Promise<DecisionMessage> {
    const answer = await fetch(api + query, { signal: AbortSignal.timeout(5_000) });
    expect(answer.status).toBe(200);
    return ((await answer.json()) as { data: DecisionMessage }).data;
  }

  const gateThat = (what: string, holds: (now: DecisionMessage) => boolean) =>
    waitFor(
      async () => {
        const now = await gate();
        return holds(now) ? now : undefined;
      },
      { what: `a gate that ${what}`, timeoutMs: 60_000, everyMs: 100 },
    );

  const published = (state: string) =>
    waitFor(
      () => {
        const decision = reader.current.get(SLO);
        return decision?.state === state ? decision : undefined;
      },
      { what: `${state} on the topic` },
    );

  it("publishes its ports on loopback only", async () => {
    const all = await Promise.all(
      ["slogate", "collector", "kafka"].map((service) => compose.container(service)),
    );
    const bindings = all.flatMap(({ NetworkSettings }) =>
      Object.values(NetworkSettings.Ports).flatMap((port) => port ?? []),
    );
    // Two each of the engine and of the Collector, one of the broker.
    expect(bindings.map(({ HostIp }) => HostIp)).toEqual(Array(5).fill("127.0.0.1"));
  });

  it("runs the engine as a user without rights, without packages that only its development needs", async () => {
    const script =
      "console.log(process.getuid(), require('node:fs').existsSync('/app/node_modules/typescript'))";
    const said = await compose.run(["exec", "-T", "slogate", "node", "-e", script]);
    expect(said.trim()).toBe("1000 false");
  });

  it("opens the gate for good requests that come through the Collector, and publishes it", async () => {
    await gateThat("is open", ({ state }) => state === "open");
    expect((await published("open")).allowed).toBe(true);
  }, 90_000);

  it("closes the gate for a version that fails, and for that version alone", async () => {
    shop.rollOut();
    const closed = await gateThat("blames a version", ({ reason }) => reason === "bad-version");
    expect(closed).toMatchObject({ state: "closed", allowed: false });
    expect((await gate("?version=1.4.2")).state).toBe("closed");
    expect((await gate("?version=1.4.1")).state).toBe("open");
    expect((await published("closed")).allowed).toBe(false);
  }, 90_000);

  it("loses no count and no gate when the engine is killed while requests come in", async () => {
    const before = await gate();
    await compose.run(["kill", "slogate"]);
    await compose.run(["start", "slogate"]);
    // The Collector holds what came meanwhile, and what the engine may have counted without saying so.
    await gateThat("is up again", ({ epoch }) => epoch === before.epoch + 1);
    await shop.stop();
    const { total, bad } = shop;
    const after = await gateThat("has counted all", ({ budget }) => budget.total === total);
    expect(after.budget.bad).toBe(bad);
    expect(after).toMatchObject({ state: "closed", since: before.since });
  }, 90_000);

  it("ends the engine in order at SIGTERM", async () => {
    await compose.run(["stop", "slogate"]);
    expect((await compose.container("slogate")).State.ExitCode).toBe(0);
  });

  it("leaves nothing behind when it is taken down with its volumes", async () => {
    await compose.run(["down", "-v"]);
    expect(await compose.everything()).toEqual([]);
  }, 60_000);
});

/** Requests of one service without a pause, exported as they end: of a good version, and beside it of one that fails. */
class Shop {
  total = 0;
  bad = 0;
  readonly #good: InstrumentedService;
  readonly #failing: InstrumentedService;
  readonly #timer: NodeJS.Timeout;
  #rolledOut = false;
  #exporting: Promise<unknown> = Promise.resolve();

  constructor(endpoint: string) {
    this.#good = instrumentedService({ endpoint, service: "payment", version: "1.4.1" });
    this.#failing = instrumentedService({ endpoint, service: "payment", version: "1.4.2" });
    this.#timer = setInterval(() => this.#serve(), 200);
  }

  rollOut(): void {
    this.#rolledOut = true;
  }

  /** No more requests; rejects when some could not be exported. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#exporting;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([this.#good.stop(), this.#failing.stop()]);
  }

  #serve(): void {
    this.#good.handle(20, "good");
    this.total += 20;
    if (this.#rolledOut) {
      this.#failing.handle(20, "bad");
      this.total += 20;
      this.bad += 20;
    }
    const flushed = Promise.all([this.#good.flush(), this.#failing.flush()]);
    this.#exporting = Promise.all([this.#exporting, flushed]);
  }
}

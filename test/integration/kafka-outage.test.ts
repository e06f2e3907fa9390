import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EngineProcess, TEST_TOKEN } from "../support/engine-process.ts";
import { type MortalBroker, startBrokerProcess } from "../support/kafka.ts";
import { realPart } from "../support/real-part.ts";
import { TopicReader } from "../support/topic-reader.ts";
import { waitFor } from "../support/wait.ts";

const jars = realPart("kafka");
const SLOS = Array.from({ length: 20 }, (_, i) => ({ name: `slo-${i}`, service: `service-${i}` }));

let broker: MortalBroker;
const engines: EngineProcess[] = [];
const readers: TopicReader[] = [];

beforeAll(async () => {
  if (jars !== null) broker = await startBrokerProcess(jars);
}, 120_000);
afterAll(async () => {
  await Promise.all(readers.map((reader) => reader.stop()));
  await Promise.all(engines.map((engine) => engine.dispose()));
  await broker?.stop();
});

async function start(topic: string): Promise<EngineProcess> {
  const engine = await EngineProcess.start({
    slos: SLOS,
    settings: {
      publish: {
        file: { path: "decisions.jsonl" },
        kafka: { brokers: [broker.brokers], topic },
      },
    },
  });
  engines.push(engine);
  return engine;
}

async function follow(topic: string): Promise<TopicReader> {
  const reader = await TopicReader.start(broker.brokers, topic);
  readers.push(reader);
  return reader;
}

/** Every override that changes a gate is a transition, decided at once. */
async function turn(engine: EngineProcess, slo: string, state: "open" | "closed"): Promise<void> {
  const answer = await fetch(`http://${engine.api}/v1/overrides/${slo}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${TEST_TOKEN}` },
    body: JSON.stringify({ state, for: "1h", reason: "drill", author: "test" }),
    signal: AbortSignal.timeout(5_000),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
}

/** Changes of all SLOs, `rounds` times each; afterwards all are `last`. */
async function turnAll(
  engine: EngineProcess,
  rounds: number,
  between: (round: number) => Promise<void>,
) {
  for (let round = 0; round < rounds; round++) {
    await between(round);
    const state = round % 2 === 0 ? "closed" : "open";
    await Promise.all(SLOS.map(({ name }) => turn(engine, name, state)));
  }
}

/** What the engine decided, by SLO: the file sink has every transition. */
function decided(engine: EngineProcess): Map<string, string[]> {
  const bySlo = new Map<string, string[]>();
  for (const d of engine.decisions()) {
    bySlo.set(d.slo, [...(bySlo.get(d.slo) ?? []), `${d.epoch}.${d.sequence} ${d.state}`]);
  }
  return bySlo;
}

/** What the reader followed, by SLO, without the state that a start of the engine finds: it has the sequence from before. */
function followed(reader: TopicReader): Map<string, string[]> {
  return new Map(
    [...reader.followed].map(([slo, changes]) => [
      slo,
      changes
        .filter(({ sequence }, i) => sequence !== (changes[i - 1]?.sequence ?? 0))
        .map((d) => `${d.epoch}.${d.sequence} ${d.state}`),
    ]),
  );
}

async function untilAllArrived(engine: EngineProcess, reader: TopicReader): Promise<void> {
  const count = (bySlo: Map<string, string[]>) => [...bySlo.values()].flat().length;
  await waitFor(() => (count(followed(reader)) >= count(decided(engine)) ? true : undefined), {
    what: "all transitions on the topic",
    timeoutMs: 60_000,
  }).catch(() => undefined);
}

describe.skipIf(jars === null)("while Kafka is away", () => {
  it("loses, doubles and swaps no transition when the broker is killed in the middle of 1,000", async () => {
    const topic = `outage-${randomUUID()}`;
    const engine = await start(topic);
    const restarts: Promise<void>[] = [];
    await turnAll(engine, 50, async (round) => {
      if (round !== 20) return;
      await broker.kill();
      restarts.push(broker.start());
    });
    await Promise.all(restarts);
    const reader = await follow(topic);
    await untilAllArrived(engine, reader);
    const expected = decided(engine);
    // 20 SLOs, 50 changes each
    expect([...expected.values()].flat()).toHaveLength(1_000);
    expect(followed(reader)).toEqual(expected);
  }, 120_000);

  it("goes on gating, and delivers in order what was decided meanwhile", async () => {
    const topic = `away-${randomUUID()}`;
    const engine = await start(topic);
    const reader = await follow(topic);
    await turnAll(engine, 1, async () => undefined);
    await untilAllArrived(engine, reader);
    await broker.kill();
    // The first of these four finds every gate closed already.
    await turnAll(engine, 4, async () => undefined);
    expect((await engine.gate("slo-3")).sequence).toBe(4);
    await waitFor(
      () => (engine.stderr().includes("publish.kafka.brokers: none of") ? true : undefined),
      { what: "the log to name the key", timeoutMs: 20_000 },
    );
    expect(
      (await engine.metrics()).get('slogate_sink_decisions_total{sink="file",outcome="sent"}'),
    ).toBe(80);
    await broker.start();
    await untilAllArrived(engine, reader);
    expect(followed(reader)).toEqual(decided(engine));
  }, 120_000);

  it("delivers what was decided before a kill -9 of the engine, then what is decided after it", async () => {
    const topic = `killed-${randomUUID()}`;
    const engine = await start(topic);
    await waitFor(
      async () =>
        ((await engine.metrics()).get(
          'slogate_sink_decisions_total{sink="kafka",outcome="sent"}',
        ) ?? 0) > 0 || undefined,
      { what: "the first decisions on the topic" },
    );
    await broker.kill();
    await turnAll(engine, 3, async () => undefined);
    // The file is the witness: it must have them before the end.
    await waitFor(() => (engine.decisions().length >= 60 ? true : undefined), {
      what: "the transitions in the file",
    });
    engine.signal("SIGKILL");
    await engine.restart();
    await turnAll(engine, 2, async () => undefined);
    await broker.start();
    const reader = await follow(topic);
    await untilAllArrived(engine, reader);
    const expected = decided(engine);
    const epochs = new Set([...expected.values()].flat().map((change) => change.split(".")[0]));
    expect(epochs).toEqual(new Set(["1", "2"]));
    expect(followed(reader)).toEqual(expected);
  }, 120_000);

  it("leaves a tombstone for an SLO that was removed", async () => {
    const topic = `removed-${randomUUID()}`;
    const engine = await start(topic);
    const reader = await follow(topic);
    await waitFor(() => (reader.current.size === SLOS.length ? true : undefined), {
      what: "every SLO on the topic",
      timeoutMs: 20_000,
    });
    engine.removeSlo("slo-7");
    await waitFor(() => (reader.current.has("slo-7") ? undefined : true), {
      what: "the tombstone",
      timeoutMs: 20_000,
    });
    expect(reader.current.size).toBe(SLOS.length - 1);
  }, 60_000);
});

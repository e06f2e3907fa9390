import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SeriesStore } from "../src/aggregate/series.ts";
import { VersionTable } from "../src/aggregate/versions.ts";
import { luxonCalendar } from "../src/config/calendar.ts";
import { loadSlos } from "../src/config/load.ts";
import { Gates } from "../src/engine/gates.ts";
import { diskStorage } from "../src/journal/disk-storage.ts";
import { FingerprintMemory } from "../src/journal/fingerprints.ts";
import { Journal } from "../src/journal/journal.ts";
import type { RequestDelta } from "../src/model/delta.ts";
import { DAY, HOUR, MINUTE, SECOND } from "../src/model/time.ts";
import { newReceiverCounters } from "../src/ports/metrics.ts";
import { EngineProcess } from "../test/support/engine-process.ts";
import { sloFile } from "../test/support/slo-file.ts";
import { figure, figures, must, printTable, ROUNDS, spread } from "./report.ts";

/*
 * How long does an engine with 1,000 SLOs and four weeks of history take from kill -9 to ready, and how large is what it
 * keeps? The state is made in this process, on the journal that the product uses: four weeks in steps of five minutes,
 * the last hour in seconds, and then four minutes with 200 requests a second, which end without a farewell.
 */
const SLOS = 1_000;
const REQUESTS = 200;
const CELLS = 20;
const LIVE_SECONDS = 240;

const directory = mkdtempSync(join(tmpdir(), "slogate-recovery-"));
const slos = Array.from({ length: SLOS }, (_, i) => ({
  name: `slo-${i}`,
  service: `service-${i}`,
}));
try {
  await bench();
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  const total = await makeState();
  const bytes = sizeOf(join(directory, "state"));
  const settings = { state: { directory: join(directory, "state") } };
  const engine = await EngineProcess.start({ slos, settings });
  const readyMs: number[] = [];
  const replayMs: number[] = [];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      engine.signal("SIGKILL");
      await engine.ended;
      const startedAt = performance.now();
      await engine.restart();
      readyMs.push(performance.now() - startedAt);
      const [, ms = "NaN"] =
        /the stored state is back.*milliseconds"?[=:] ?(\d+)/.exec(engine.stderr()) ?? [];
      replayMs.push(Number(ms));
      const { budget } = await engine.gate("slo-0");
      must(budget.total === total, `${budget.total} requests are back, ${total} were counted`);
    }
  } finally {
    await engine.dispose();
  }
  console.log(
    `${SLOS} SLOs with 28 d of history, ${REQUESTS} requests a second, ${ROUNDS} rounds\n`,
  );
  printTable(
    ["", "median", "lowest to highest"],
    [
      [
        "from the start of the process to ready, s",
        ...figures(spread(readyMs.map((ms) => ms / 1000))),
      ],
      ["of it the state, ms", ...figures(spread(replayMs))],
      ["state directory, MiB", figure(bytes / 2 ** 20), ""],
      ["state directory, KiB per SLO", figure(bytes / 1024 / SLOS), ""],
    ],
  );
}

/** @returns requests of the first SLO */
async function makeState(): Promise<number> {
  const folder = join(directory, "slos");
  mkdirSync(folder);
  for (const slo of slos) writeFileSync(join(folder, `${slo.name}.yaml`), sloFile(slo));
  const loaded = await loadSlos([folder]);
  const now = Math.floor(Date.now() / SECOND) * SECOND;
  // An hour rolls off while this is measured.
  const begin = now - 28 * DAY + 2 * HOUR;
  const counters = newReceiverCounters();
  const gates = new Gates({
    calendar: luxonCalendar(),
    epoch: 0,
    counters,
    now: begin,
    live: false,
  });
  gates.use(loaded.slos);
  let first = 0;
  const count = (
    at: number,
    requests: number,
    from: number,
    cells: number,
    id: number,
  ): RequestDelta => {
    const delta = deltaOf(at, requests, from, cells, id);
    for (let i = 0; i < cells; i++) if (delta.slo[i] === 0) first += requests;
    return delta;
  };
  const liveAt = now - LIVE_SECONDS * SECOND;
  for (let at = begin; at < liveAt; at += at < liveAt - HOUR ? 5 * MINUTE : SECOND) {
    gates.add(count(at, 1_000 + ((at / SECOND) % 97), 0, SLOS, 0));
    gates.tick(at);
  }
  const journal = await Journal.open({
    storage: diskStorage(join(directory, "state")),
    journalled: { gates, series: new SeriesStore(begin, 0), versions: new VersionTable() },
    memory: new FingerprintMemory(),
    durability: "relaxed",
    epoch: 1,
    now: liveAt,
    log: { info: () => undefined, warn: console.warn, error: console.error },
    // As many rounds as two minutes each would make of the time that is played here in seconds.
    pace: { roundMs: 4_000, stepMs: 20 },
  });
  gates.changes = journal;
  let id = 0;
  for (let at = liveAt; at < now; at += SECOND) {
    for (let request = 0; request < REQUESTS; request++) {
      const from = (request * CELLS) % SLOS;
      journal.admit(count(at, 3, from, CELLS, ++id), (refusal) =>
        must(refusal === null, "refused"),
      );
    }
    counters.requestsAccepted += REQUESTS;
    gates.tick(at);
    await new Promise((resolve) => setTimeout(resolve, 35));
  }
  await journal.flush();
  // No more rounds, and no farewell.
  await journal.close();
  return first;
}

function deltaOf(
  at: number,
  requests: number,
  from: number,
  cells: number,
  id: number,
): RequestDelta {
  const bad = Math.floor(at / SECOND) % 11 === 0 ? 1 : 0;
  const row = (value: number) => new Float64Array(cells).fill(value);
  return {
    fingerprint: Uint32Array.of(1, id, id ^ 0x5555, 3, 4),
    receivedAt: at,
    producer: 0,
    length: cells,
    slo: Int32Array.from({ length: cells }, (_, i) => (from + i) % SLOS),
    version: new Int32Array(cells),
    second: row(Math.floor(at / SECOND)),
    total: row(requests * 256),
    bad: row(bad * 256),
    rawBad: row(bad),
    badSquares: row(bad),
  };
}

function sizeOf(path: string): number {
  return readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0);
}

import { luxonCalendar } from "../src/config/calendar.ts";
import { parseSlos } from "../src/config/openslo.ts";
import { Gates } from "../src/engine/gates.ts";
import { COUNT_UNIT, type RequestDelta } from "../src/model/delta.ts";
import { newReceiverCounters } from "../src/ports/metrics.ts";
import { sloFile } from "../test/support/slo-file.ts";
import { figure, figures, must, printTable, ROUNDS, spread } from "./report.ts";

/*
 * What share of a core does the second hand take with 10,000 SLOs that all have traffic and, once a minute, an error? The
 * clock is simulated: ticks follow one another at once, and only the work between is timed. Every tick refreshes a tenth of
 * the decisions, as in a running engine; a tick in which a minute turns also moves all forecasts. Adding the deltas is
 * shown apart: it belongs to requests.
 */
const SLOS = 10_000;
/** Beyond the ring of seconds, so that every tick also lets a second go. */
const WARM_UP_S = 600;
const ROUND_S = 60;
const REQUESTS = 20;

const [one] = parseSlos([
  { path: "bench.yaml", text: sloFile({ name: "slo", service: "shop", target: 0.99 }) },
]).slos;
if (one === undefined) throw new Error("unreachable: the SLO is sound");
const slos = Array.from({ length: SLOS }, (_, i) => ({ ...one, name: `slo-${i}` }));

const empty = memory();
let now = Date.UTC(2026, 4, 4, 10);
const counters = newReceiverCounters();
const gates = new Gates({ calendar: luxonCalendar(), epoch: 1, counters, now });
gates.use(slos);
const delta = oneCellEach();

for (let second = 0; second < WARM_UP_S; second++) step(second);
const plain: number[] = [];
const turns: number[] = [];
const addings: number[] = [];
const rounds: number[] = [];
let refreshed = 0;
for (let round = 0; round < ROUNDS; round++) {
  let roundMs = 0;
  for (let second = 0; second < ROUND_S; second++) {
    const { tickMs, addMs } = step(second);
    (now % 60_000 === 0 ? turns : plain).push(tickMs);
    addings.push(addMs);
    roundMs += tickMs;
    refreshed += gates.published.length;
  }
  rounds.push((100 * roundMs) / (ROUND_S * 1_000));
}
const used = memory();

const seconds = WARM_UP_S + ROUNDS * ROUND_S;
const bad = Math.ceil(WARM_UP_S / 60) + ROUNDS;
const listings: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const start = performance.now();
  const decisions = gates.list();
  listings.push(performance.now() - start);
  for (const { state, budget, slo } of decisions) {
    must(state === "open", `${slo} is ${state}`);
    must(budget.total === seconds * REQUESTS, `${slo} has counted ${budget.total}`);
    must(budget.bad === bad, `${slo} has counted ${budget.bad} bad, wanted ${bad}`);
  }
}
must(refreshed === (ROUNDS * ROUND_S * SLOS) / 10, `${refreshed} decisions were refreshed`);
console.log(
  `${SLOS} SLOs with ${REQUESTS} requests a second and one error a minute each, ${SLOS / 10} decisions refreshed every ` +
    `second, ${ROUNDS} rounds of ${ROUND_S} ticks\n`,
);
printTable(
  ["", "median", "lowest to highest"],
  [
    ["share of a core, %", ...figures(spread(rounds))],
    ["one tick, ms", ...figures(spread(plain))],
    ["one tick in which a minute turns, ms", ...figures(spread(turns))],
    ["adding a delta to each, ms", ...figures(spread(addings))],
    ["all decisions at once (/metrics, /v1/gates), ms", ...figures(spread(listings))],
    ["memory per SLO, KiB", figure((used - empty) / SLOS / 1024), ""],
    ["resident memory, MiB", figure(process.memoryUsage().rss / 2 ** 20), ""],
  ],
);

function step(second: number): { tickMs: number; addMs: number } {
  now += 1_000;
  delta.receivedAt = now - 500;
  delta.second.fill(now / 1_000 - 1);
  const failing = second % 60 === 0 ? 1 : 0;
  delta.bad.fill(failing * COUNT_UNIT);
  delta.badSquares.fill(failing);
  counters.requestsAccepted++;
  const start = performance.now();
  gates.add(delta);
  const added = performance.now();
  gates.tick(now);
  return { addMs: added - start, tickMs: performance.now() - added };
}

/** What is reachable: heap and array buffers. */
function memory(): number {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** One request's worth of data that touches every SLO. */
function oneCellEach(): RequestDelta {
  return {
    fingerprint: new Uint32Array(5),
    receivedAt: now,
    producer: 0,
    length: SLOS,
    slo: Int32Array.from({ length: SLOS }, (_, i) => i),
    version: new Int32Array(SLOS),
    second: new Float64Array(SLOS),
    total: new Float64Array(SLOS).fill(REQUESTS * COUNT_UNIT),
    bad: new Float64Array(SLOS),
    rawBad: new Float64Array(SLOS),
    badSquares: new Float64Array(SLOS),
  };
}

import { luxonCalendar } from "../src/config/calendar.ts";
import { parseSlos } from "../src/config/openslo.ts";
import { Gates } from "../src/engine/gates.ts";
import { COUNT_UNIT, type RequestDelta } from "../src/model/delta.ts";
import { newReceiverCounters } from "../src/ports/metrics.ts";
import { sloFile } from "../test/support/slo-file.ts";
import { figure, figures, must, printTable, ROUNDS, spread } from "./report.ts";

/*
 * What share of a core does the second hand take with 10,000 SLOs that all have traffic? The clock is simulated: ticks
 * follow one another at once, and only the work between is timed. Adding the deltas is shown apart: it belongs to requests.
 */
const SLOS = 10_000;
const WARM_UP_S = 400; // beyond the ring of seconds, so that every tick also lets a second go
const ROUND_S = 30;
const REQUESTS = 20;

const [one] = parseSlos([
  { path: "bench.yaml", text: sloFile({ name: "slo", service: "shop", target: 0.999 }) },
]).slos;
if (one === undefined) throw new Error("unreachable: the SLO is sound");
const slos = Array.from({ length: SLOS }, (_, i) => ({ ...one, name: `slo-${i}` }));

let now = Date.UTC(2026, 4, 4, 10);
const counters = newReceiverCounters();
const gates = new Gates({ calendar: luxonCalendar(), epoch: 1, counters, now });
gates.use(slos);
const delta = oneCellEach();

for (let second = 0; second < WARM_UP_S; second++) step();
const ticks: number[] = [];
const addings: number[] = [];
const rounds: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  let roundMs = 0;
  for (let second = 0; second < ROUND_S; second++) {
    const { tickMs, addMs } = step();
    ticks.push(tickMs);
    addings.push(addMs);
    roundMs += tickMs;
  }
  rounds.push((100 * roundMs) / (ROUND_S * 1_000));
}

const seconds = WARM_UP_S + ROUNDS * ROUND_S;
for (const { state, budget, slo } of gates.list()) {
  must(state === "open", `${slo} is ${state}`);
  must(budget.total === seconds * REQUESTS, `${slo} has counted ${budget.total}`);
}
console.log(
  `${SLOS} SLOs with ${REQUESTS} requests a second each, ${ROUNDS} rounds of ${ROUND_S} ticks\n`,
);
printTable(
  ["", "median", "lowest to highest"],
  [
    ["share of a core, %", ...figures(spread(rounds))],
    ["one tick, ms", ...figures(spread(ticks))],
    ["adding a delta to each, ms", ...figures(spread(addings))],
    ["resident memory, MiB", figure(process.memoryUsage().rss / 2 ** 20), ""],
  ],
);

function step(): { tickMs: number; addMs: number } {
  now += 1_000;
  delta.receivedAt = now - 500;
  delta.second.fill(now / 1_000 - 1);
  counters.requestsAccepted++;
  const start = performance.now();
  gates.add(delta);
  const added = performance.now();
  gates.tick(now);
  return { addMs: added - start, tickMs: performance.now() - added };
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

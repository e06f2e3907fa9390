import { readdirSync } from "node:fs";
import { SeriesStore } from "../src/aggregate/series.ts";
import { VersionTable } from "../src/aggregate/versions.ts";
import { luxonCalendar } from "../src/config/calendar.ts";
import { loadSlos } from "../src/config/load.ts";
import { Gates } from "../src/engine/gates.ts";
import { diskStorage } from "../src/journal/disk-storage.ts";
import { FingerprintMemory } from "../src/journal/fingerprints.ts";
import { Journal } from "../src/journal/journal.ts";
import { COUNT_UNIT, type RequestDelta } from "../src/model/delta.ts";
import { DAY, HOUR, MINUTE, SECOND } from "../src/model/time.ts";
import { newReceiverCounters } from "../src/ports/metrics.ts";

/*
 * A state directory as 28 days of traffic on every SLO leave it: hours, then the last days in steps of five minutes, the
 * last hours in minutes and the last minutes in seconds, so that no ring has an empty place. In a process of its own.
 *
 * Arguments: folder of SLO files, state directory.
 */
const [folder = "", directory = ""] = process.argv.slice(2);
const { slos } = await loadSlos([folder]);
const now = Math.floor(Date.now() / SECOND) * SECOND;
const counters = newReceiverCounters();
const begin = Math.floor((now - 28 * DAY) / HOUR) * HOUR;
const gates = new Gates({ calendar: luxonCalendar(), epoch: 0, counters, now: begin, live: false });
gates.use(slos);
/** From so long ago on, data in these steps and ticks in those. */
const steps: readonly (readonly [fromMs: number, stepMs: number, tickMs: number])[] = [
  [29 * DAY, HOUR, DAY],
  [3 * DAY + 3 * HOUR, 5 * MINUTE, HOUR],
  [6 * HOUR, MINUTE, 5 * MINUTE],
  [HOUR, 10 * SECOND, MINUTE],
  [6 * MINUTE, SECOND, 10 * SECOND],
  [0, 0, 0],
];
const columns = slos.map((slo) => gates.placeOf(slo).index);
const delta = oneCellEach(columns.length);
for (let at = begin, step = 0; at < now; at += steps[step]![1]) {
  while (now - at <= steps[step + 1]![0]) step++;
  const seconds = steps[step]![1] / SECOND;
  delta.receivedAt = at;
  delta.second.fill(at / SECOND);
  for (let i = 0; i < columns.length; i++) {
    delta.total[i] = Math.ceil(seconds * (1 + ((i * 7) % 20)) + ((at / SECOND) % 7)) * COUNT_UNIT;
    delta.bad[i] = (at / SECOND / seconds + i) % 11 < 1 ? Math.ceil(seconds / 200) * COUNT_UNIT : 0;
    delta.badSquares[i] = delta.bad[i]! / COUNT_UNIT;
  }
  counters.requestsAccepted++;
  gates.add(delta);
  if (at % steps[step]![2] === 0) gates.tick(at);
}
const journal = await Journal.open({
  storage: diskStorage(directory),
  journalled: { gates, series: new SeriesStore(begin, 0), versions: new VersionTable() },
  memory: new FingerprintMemory(),
  durability: "relaxed",
  epoch: 1,
  now,
  log: { info: () => undefined, warn: console.warn, error: console.error },
  pace: { roundMs: 1, stepMs: 1 },
});
gates.changes = journal;
// The second file begins when the first holds a whole round.
for (let at = now; readdirSync(directory).length < 2; at += SECOND) {
  gates.tick(Math.min(at, Date.now()));
  await new Promise((resolve) => setTimeout(resolve, 50));
}
await journal.close();

function oneCellEach(length: number): RequestDelta {
  return {
    fingerprint: new Uint32Array(5),
    receivedAt: 0,
    producer: 0,
    length,
    slo: Int32Array.from(columns),
    version: new Int32Array(length),
    second: new Float64Array(length),
    total: new Float64Array(length),
    bad: new Float64Array(length),
    rawBad: new Float64Array(length),
    badSquares: new Float64Array(length),
  };
}

import { parseArgs } from "node:util";
import { defaultPairs } from "../../src/config/burn-windows.ts";
import { DAY, MINUTE } from "../../src/model/time.ts";
import { figure, printTable } from "../report.ts";
import { type Calibration, checkForecasts } from "./forecasts.ts";
import { playAnalysis, playProduct, playStatic } from "./gates.ts";
import {
  type Closing,
  type Figures,
  figuresOf,
  judge,
  median,
  type ScenarioScore,
} from "./judge.ts";
import { drawScenario, KINDS } from "./kinds.ts";
import type { Scenario } from "./scenario.ts";
import { BAD_CANARY, INNOCENT, playRollout } from "./versions.ts";

/*
 * Is the gate right? Draws every kind of scenario several times and judges the product, and what others would do, on the
 * same data. `--draws 5 --seed 1`; `--product` leaves the others out; `--kind flap` looks at one kind; `--detail`
 * tells scenario by scenario where the figures come from; `--rollouts 200` plays each rollout so often.
 */
const { values } = parseArgs({
  options: {
    draws: { type: "string", default: "5" },
    seed: { type: "string", default: "1" },
    product: { type: "boolean", default: false },
    kind: { type: "string" },
    detail: { type: "boolean", default: false },
    rollouts: { type: "string", default: "20" },
  },
});

const byWindows = (scenario: Scenario, count: number) => {
  const { pairs } = defaultPairs(28 * DAY, scenario.objective);
  return { detector: "windows", pairs: pairs.slice(0, count) } as const;
};
const OTHERS: readonly (readonly [string, (scenario: Scenario) => readonly Closing[]])[] = [
  ["static: burn above 1 for 5 min", playStatic],
  ["rollout analysis: three minutes above 1", playAnalysis],
  ["SRE workbook, fastest pair", (s) => playProduct(s, byWindows(s, 1)).closings],
  ["SRE workbook, all pairs", (s) => playProduct(s, byWindows(s, 3)).closings],
];
const others = values.product ? [] : OTHERS;
const kinds = KINDS.filter(({ kind }) => values.kind === undefined || kind === values.kind);
const scores = new Map<string, ScenarioScore[][]>();
const calibrations: Map<string, Calibration>[] = [];

for (let draw = 0; draw < Number(values.draws); draw++) {
  const calibration = new Map<string, Calibration>();
  for (const kind of kinds) {
    const scenario = drawScenario(kind, Number(values.seed) * 1000 + draw);
    for (const [name, gate] of others) record(name, draw, judge(scenario, gate(scenario)));
    const { closings, forecasts } = playProduct(scenario, {}, 30 * MINUTE);
    record("slogate", draw, judge(scenario, closings));
    checkForecasts(scenario, forecasts, calibration);
  }
  calibrations.push(calibration);
}

const medianOf = (of: (figures: Figures) => number, draws: readonly ScenarioScore[][]) =>
  median(draws.map((draw) => of(figuresOf(draw))));
const [anyDraws] = scores.values();
console.log(
  `${kinds.length} scenarios a draw, ${values.draws} draws from seed ${values.seed}; ${medianOf((f) => f.incidents, anyDraws!)} incidents and ` +
    `${figure(median(anyDraws!.map((d) => d.reduce((sum, s) => sum + s.healthyS, 0) / 604_800)))} healthy weeks a draw; medians of the draws\n`,
);
printTable(
  [
    "gate",
    "missed",
    "delay, s",
    "from burn 2, s",
    "errors served open, %",
    "false closings a healthy week",
    "re-openings in an incident",
    "closed after a blip, s",
  ],
  [...scores].map(([name, draws]) => [
    name,
    ...[
      (f: Figures) => f.missed,
      (f: Figures) => f.delayS,
      (f: Figures) => f.actionableDelayS,
      (f: Figures) => f.servedOpenPercent,
      (f: Figures) => f.falsePerWeek,
      (f: Figures) => f.reopenings,
      (f: Figures) => f.blipOverhangS,
    ].map((of) => figure(medianOf(of, draws))),
  ]),
);
const names = [...new Set(calibrations.flatMap((draw) => [...draw.keys()]))].toSorted();
printTable(
  ["interval", "share that held, median of the draws", "lowest", "highest"],
  names.map((name) => {
    const shares = calibrations.flatMap((draw) => draw.get(name)?.share ?? []);
    return [name, ...[median(shares), Math.min(...shares), Math.max(...shares)].map(figure)];
  }),
);
reopenings();
if (values.kind === undefined) versions();
if (values.detail) detail(scores.get("slogate")!);

function record(gate: string, draw: number, score: ScenarioScore): void {
  const draws = scores.get(gate) ?? [];
  scores.set(gate, draws);
  draws[draw] ??= [];
  draws[draw].push(score);
}

/** Every minute while closed: how far off is the time at which the gate is said to open? */
function reopenings(): void {
  const errors: number[] = [];
  let closedMinutes = 0;
  for (const kind of kinds) {
    const scenario = drawScenario(kind, Number(values.seed) * 1000);
    const played = playProduct(scenario, { freezeWhenExhausted: false }, MINUTE);
    for (const { closed, opened } of played.closings) {
      if (opened > scenario.durationS || opened - closed > 86_400) continue;
      closedMinutes += (opened - closed) / 60;
      const said = played.reopenings.filter(({ t }) => t >= closed && t < opened);
      errors.push(...said.map(({ expected }) => Math.abs(expected - opened)));
    }
  }
  const sorted = errors.toSorted((a, b) => a - b);
  printTable(
    [
      "when it opens, told in so many of all minutes closed (at most a day)",
      "median error, s",
      "90 % within, s",
    ],
    [
      [
        `${figure(errors.length)} of ${figure(Math.round(closedMinutes))}`,
        figure(median(errors)),
        figure(sorted[Math.floor(0.9 * (sorted.length - 1))] ?? Number.NaN),
      ],
    ],
  );
}

/** Rollouts of a new version: the guilty one must be found, and no innocent one blamed. */
function versions(): void {
  const runs = Number(values.rollouts);
  const after = Array.from({ length: runs }, (_, i) => playRollout(BAD_CANARY, i).blamedAfterS);
  const found = after.flatMap((s) => s ?? []);
  printTable(
    ["rollout", "blamed", "after, median s", "highest s"],
    [
      [BAD_CANARY.name, `${found.length} of ${runs}`, figure(median(found)), Math.max(...found)],
      ...INNOCENT.map((rollout) => {
        const blamed = Array.from({ length: runs }, (_, i) => playRollout(rollout, i));
        const wrong = blamed.filter(({ blamedAfterS }) => blamedAfterS !== null).length;
        return [rollout.name, `${wrong} of ${runs}`, "", ""];
      }),
    ],
  );
}

/** Sums over the draws, scenario by scenario. */
function detail(draws: readonly ScenarioScore[][]): void {
  const rows = draws[0]!.map(({ scenario }, i) => {
    const all = draws.map((draw) => draw[i]!);
    const f = figuresOf(all);
    return [
      scenario.kind,
      scenario.name,
      f.missed,
      ...[f.delayS, f.actionableDelayS, f.servedOpenPercent].map((v) => figure(v)),
      all.reduce((sum, s) => sum + s.falseClosings, 0),
      figure(f.reopenings),
      figure(f.blipOverhangS),
    ];
  });
  printTable(
    ["kind", "name", "missed", "delay", "from 2", "open %", "false", "re-open", "blip"],
    rows,
  );
}

import { parse } from "yaml";
import { z } from "zod";
import { parseSlos } from "../../src/config/openslo.ts";
import type { Slo } from "../../src/model/slo.ts";
import { SECOND } from "../../src/model/time.ts";
import { GateRig, START } from "./gate-rig.ts";
import { sloFile } from "./slo-file.ts";

const time = z.string().regex(/^(\d+[smhd])+$/, "must be a time such as 90s or 1h30m");
const sloFields = z.strictObject({
  target: z.number().optional(),
  period: z.string().optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});
const schema = z.strictObject({
  about: z.string(),
  slos: z.record(z.string(), sloFields),
  load: z.record(z.string(), z.string()),
  do: z
    .array(
      z.union([
        z.strictObject({
          at: time,
          override: z.string(),
          state: z.enum(["open", "closed"]),
          for: time,
        }),
        z.strictObject({ at: time, clear: z.string() }),
        z.strictObject({ at: time, edit: z.string(), to: sloFields }),
      ]),
    )
    .default([]),
  expect: z
    .array(
      z
        .strictObject({
          slo: z.string().optional(),
          at: time.optional(),
          from: time.optional(),
          to: time.optional(),
          gate: z.enum(["open", "closed", "unknown"]).optional(),
          reason: z.string().optional(),
          allowed: z.boolean().optional(),
          says: z.string().optional(),
        })
        .refine((e) => (e.at === undefined) === (e.from !== undefined && e.to !== undefined), {
          message: "needs either at, or from and to",
        })
        .refine((e) => [e.gate, e.reason, e.allowed, e.says].some((x) => x !== undefined), {
          message: "expects nothing",
        }),
    )
    .min(1),
});

type Scenario = z.infer<typeof schema>;
type Expectation = Scenario["expect"][number];
type Action = Scenario["do"][number];

/** Every expectation that did not come true, with what was seen instead; the language is in scenarios/README.md. */
export function playScenario(text: string): string[] {
  const scenario = schema.parse(parse(text));
  const names = Object.keys(scenario.slos);
  const slos = names.map((name) => build(name, scenario.slos[name] ?? {}));
  const loads = names.map((name) => readLoad(scenario.load[name] ?? ""));
  for (const name of Object.keys(scenario.load)) known(name, names);
  const actions = scenario.do.map((action) => ({ at: seconds(action.at), action }));
  const checks = scenario.expect.map((expectation) => {
    const slo = expectation.slo ?? names[0] ?? "";
    if (expectation.slo === undefined && names.length > 1)
      throw new Error("say which slo is meant");
    known(slo, names);
    const { at, from, to } = expectation;
    return { slo, expectation, from: seconds(at ?? from ?? ""), to: seconds(at ?? to ?? "") };
  });
  const end = Math.max(...checks.map(({ to }) => to));

  const rig = new GateRig(slos);
  const failures: string[] = [];
  const failed = new Set<Expectation>();
  for (let second = 0; second <= end; second++) {
    for (const { action } of actions.filter(({ at }) => at === second)) act(action, rig, slos);
    for (const { slo, expectation, from, to } of checks) {
      if (second < from || second > to || failed.has(expectation)) continue;
      const seen = mismatch(expectation, rig, slo);
      if (seen === null) continue;
      failed.add(expectation);
      failures.push(`${scenario.about}: at ${second} s of ${JSON.stringify(expectation)}: ${seen}`);
    }
    loads.forEach((load, index) => {
      const { good, total } = load(second);
      rig.add({ total, bad: total - good }, { index });
    });
    rig.tick();
  }
  return failures;
}

function build(name: string, fields: z.infer<typeof sloFields>): Slo {
  const text = sloFile({
    name,
    service: name,
    target: fields.target ?? 0.999,
    ...(fields.period === undefined ? {} : { period: fields.period }),
    ...(fields.annotations === undefined ? {} : { annotations: fields.annotations }),
  });
  const { slos, problems } = parseSlos([{ path: `${name}.yaml`, text }]);
  const [slo] = slos;
  if (slo === undefined) throw new Error(problems.map(({ message }) => message).join("; "));
  return slo;
}

function act(action: Action, rig: GateRig, slos: Slo[]): void {
  const names = slos.map(({ name }) => name);
  if ("override" in action) {
    known(action.override, names);
    rig.gates.override(action.override, {
      slo: action.override,
      state: action.state,
      author: "scenario",
      reason: "drill",
      createdAt: rig.now,
      expiresAt: rig.now + seconds(action.for) * SECOND,
    });
  } else if ("clear" in action) {
    known(action.clear, names);
    rig.gates.override(action.clear, null);
  } else {
    known(action.edit, names);
    slos[names.indexOf(action.edit)] = build(action.edit, action.to);
    rig.gates.use(slos);
  }
}

function mismatch(wanted: Expectation, rig: GateRig, name: string): string | null {
  const { state, reason, allowed, message, decidedAt } = rig.gate(name);
  const is =
    (wanted.gate === undefined || wanted.gate === state) &&
    (wanted.reason === undefined || wanted.reason === reason) &&
    (wanted.allowed === undefined || wanted.allowed === allowed) &&
    (wanted.says === undefined || message.includes(wanted.says));
  if (is) return null;
  return `${state} (${reason}, allowed ${allowed}) since ${(rig.gate(name).since - START) / SECOND} s, decided at ${(decidedAt - START) / SECOND} s: ${message}`;
}

/** `100/100 x1h, silence x2m, 1/1 every 30s x10m`: what arrives in which second. */
function readLoad(text: string): (second: number) => { good: number; total: number } {
  const none = { good: 0, total: 0 };
  let start = 0;
  const parts = text.split(",").flatMap((part) => {
    if (part.trim() === "") return [];
    const match = /^(?:silence|(\d+)\/(\d+)(?: every (\w+))?) x(\w+)$/.exec(part.trim());
    if (match === null)
      throw new Error(`load: must be such as "98/100 x45m", found ${part.trim()}`);
    const from = start;
    start += seconds(match[4] ?? "");
    const every = match[3] === undefined ? 1 : seconds(match[3]);
    return [{ from, to: start, every, good: Number(match[1] ?? 0), total: Number(match[2] ?? 0) }];
  });
  return (second) => {
    const part = parts.find(({ from, to }) => second >= from && second < to);
    return part !== undefined && (second - part.from) % part.every === 0 ? part : none;
  };
}

function seconds(text: string): number {
  time.parse(text);
  const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
  let sum = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([smhd])/g))
    sum += Number(count) * (units[unit ?? ""] ?? 0);
  return sum;
}

function known(name: string, names: readonly string[]): void {
  if (!names.includes(name)) throw new Error(`no SLO ${name}; known: ${names.join(", ")}`);
}

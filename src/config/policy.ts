import type { DetectorName, GateMode, OnUnknown, Sensitivity } from "../model/gate.ts";
import { DAY, type DurationMs } from "../model/time.ts";
import { formatDuration, parseFixedDuration } from "./duration.ts";
import type { Complain } from "./period.ts";
import { show, suggest } from "./problem.ts";

/** What the keys of settings begin with, before a slash. */
export const DOMAIN = "slogate.dev";
const PREFIX = `${DOMAIN}/`;
/** Where annotations stand, for problems. */
const PATH = ["metadata", "annotations"];

/** What the `slogate.dev/` annotations of one SLO say; absent keys are silent. */
export interface Annotations {
  mode?: GateMode;
  onUnknown?: OnUnknown;
  holdForMs?: DurationMs;
  keepClosedForMs?: DurationMs;
  freezeWhenExhausted?: boolean;
  closeOnForecast?: boolean;
  minBad?: number;
  detector?: DetectorName;
  sensitivity?: Sensitivity;
  smallestBurn?: number;
  /** Still text: pairs need the period and the objective, see `parsePairs`. */
  windows?: string;
  plannedRequests?: number;
  sampledUpstream?: boolean;
}

type Reader = (text: string, into: Annotations) => string | null;

/** Each annotation: returns what it must be when the text is not that, else stores it. */
const READERS: Readonly<Record<string, Reader>> = {
  mode: word(["enforce", "shadow"], (into, value) => {
    into.mode = value;
  }),
  "on-unknown": word(["hold", "open", "close"], (into, value) => {
    into.onUnknown = value;
  }),
  "hold-for": duration((into, ms) => {
    into.holdForMs = ms;
  }),
  "keep-closed-for": duration((into, ms) => {
    into.keepClosedForMs = ms;
  }),
  freeze: toggle((into, value) => {
    into.freezeWhenExhausted = value;
  }),
  "close-on-forecast": toggle((into, value) => {
    into.closeOnForecast = value;
  }),
  "min-bad": integer(1, 1_000_000, (into, value) => {
    into.minBad = value;
  }),
  detector: word(["sequential", "windows"], (into, value) => {
    into.detector = value;
  }),
  sensitivity: word(["low", "normal", "high"], (into, value) => {
    into.sensitivity = value;
  }),
  "smallest-burn": (text, into) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value > 1 && value <= 1000)) return "a burn rate above 1, at most 1000";
    into.smallestBurn = value;
    return null;
  },
  windows: (text, into) => {
    into.windows = text;
    return null;
  },
  "period-requests": integer(1, 1e15, (into, value) => {
    into.plannedRequests = value;
  }),
  sampled: word(["upstream"], (into) => {
    into.sampledUpstream = true;
  }),
};

/** Reads the `slogate.dev/` annotations; other ones are free. Complaints name the whole path. */
export function readAnnotations(
  raw: Readonly<Record<string, unknown>>,
  complain: Complain,
): Annotations {
  const annotations: Annotations = {};
  const known = Object.keys(READERS).map((name) => PREFIX + name);
  for (const [key, value] of Object.entries(raw)) {
    if (!key.startsWith(PREFIX)) continue;
    const name = key.slice(PREFIX.length);
    const reader = Object.hasOwn(READERS, name) ? READERS[name] : undefined;
    if (reader === undefined) {
      complain(
        [...PATH, key],
        `is not a known annotation; ${suggest(key, known)}known: ${known.join(", ")}`,
      );
      continue;
    }
    if (typeof value === "object" || value === undefined) continue;
    const text = String(value).trim();
    const fault = reader(text, annotations);
    if (fault !== null) complain([...PATH, key], `must be ${fault}, found ${show(text)}`);
  }
  return annotations;
}

/** Each annotation that only one detector reads: with the other one it decides nothing. */
const READ_BY = [
  ["windows", "windows", "windows"],
  ["close-on-forecast", "closeOnForecast", "windows"],
  ["sensitivity", "sensitivity", "sequential"],
  ["smallest-burn", "smallestBurn", "sequential"],
] as const;

/** Names of the annotations written that decide nothing with this detector. */
export function idleAnnotations(written: Annotations, detector: DetectorName): string[] {
  return READ_BY.filter(([, key, reader]) => written[key] !== undefined && reader !== detector).map(
    ([name]) => name,
  );
}

/** Path of one annotation, for problems found later. */
export function annotationPath(name: string): readonly string[] {
  return [...PATH, PREFIX + name];
}

function word<const Word extends string>(
  words: readonly Word[],
  store: (into: Annotations, value: Word) => void,
): Reader {
  return (text, into) => {
    const value = words.find((candidate) => candidate === text);
    if (value === undefined) return words.join(" or ");
    store(into, value);
    return null;
  };
}

/** `on` and `off`; older YAML tools turn them into true and false on their way. */
function toggle(store: (into: Annotations, value: boolean) => void): Reader {
  return (text, into) => {
    if (text !== "on" && text !== "off" && text !== "true" && text !== "false") return "on or off";
    store(into, text === "on" || text === "true");
    return null;
  };
}

function duration(store: (into: Annotations, ms: DurationMs) => void): Reader {
  return (text, into) => {
    const parsed = parseFixedDuration(text);
    if ("fault" in parsed) return parsed.fault.replace(/^must (be )?/, "");
    if (parsed.ms > DAY) return `at most ${formatDuration(DAY)}`;
    store(into, parsed.ms);
    return null;
  };
}

function integer(
  min: number,
  max: number,
  store: (into: Annotations, value: number) => void,
): Reader {
  return (text, into) => {
    const value = /^\d+(\.\d+)?(e\d+)?$/i.test(text) ? Number(text) : Number.NaN;
    if (!Number.isInteger(value) || value < min || value > max) {
      return `a whole number from ${min} to ${max}`;
    }
    store(into, value);
    return null;
  };
}

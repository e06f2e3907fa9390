import type { Log } from "../ports/log.ts";

export type LogLevel = "info" | "warn" | "error" | "silent";

export interface LogSettings {
  /** Usually `process.stderr`; standard output belongs to decisions. */
  readonly write: (line: string) => void;
  /** True: a line for people. False: a line of JSON. */
  readonly isTTY: boolean;
  readonly now: () => number;
  /** The least severe level that is written. Default `info`. */
  readonly level?: LogLevel;
  /** Colours on a terminal. Default true. */
  readonly colour?: boolean;
}

const SEVERITY: Readonly<Record<LogLevel, number>> = { info: 0, warn: 1, error: 2, silent: 3 };
const COLOUR: Readonly<Record<LogLevel, string>> = {
  info: "\u001b[36m",
  warn: "\u001b[33m",
  error: "\u001b[31m",
  silent: "",
};
const DIM = "\u001b[2m";
const RESET = "\u001b[0m";

/** The engine's log: `10:00:07 WARN  sink failed sink=kafka` on a terminal, JSON lines elsewhere. Never throws. */
export function createLog(settings: LogSettings): Log {
  const least = SEVERITY[settings.level ?? "info"];
  const render = settings.isTTY ? forPeople(settings.colour ?? true) : forMachines;
  const at =
    (level: Exclude<LogLevel, "silent">) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      if (SEVERITY[level] < least) return;
      settings.write(`${render(level, settings.now(), message, fields)}\n`);
    };
  return { info: at("info"), warn: at("warn"), error: at("error") };
}

type Render = (
  level: LogLevel,
  now: number,
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => string;

const forMachines: Render = (level, now, message, fields) => {
  const line: Record<string, unknown> = { time: new Date(now).toISOString(), level, message };
  for (const [key, value] of Object.entries(fields)) {
    // A field must not hide what the line is about.
    line[key in line ? `${key}_` : key] = plain(value);
  }
  try {
    return JSON.stringify(line);
  } catch {
    // Circular, or a toJSON that throws: the message matters more than its fields.
    return JSON.stringify({ time: line.time, level, message, fields: "not printable" });
  }
};

function forPeople(colour: boolean): Render {
  const paint = (code: string, text: string): string => (colour ? `${code}${text}${RESET}` : text);
  return (level, now, message, fields) => {
    const time = paint(DIM, new Date(now).toISOString().slice(11, 19));
    const name = paint(COLOUR[level], level.toUpperCase().padEnd(5));
    const pairs = Object.entries(fields).map(
      ([key, value]) => ` ${paint(DIM, `${key}=`)}${quoted(value)}`,
    );
    return `${time} ${name} ${printable(message)}${pairs.join("")}`;
  };
}

function quoted(value: unknown): string {
  const simple = plain(value);
  if (typeof simple === "string") {
    return simple === "" || /[\s"=\\]/.test(simple) || printable(simple) !== simple
      ? JSON.stringify(simple)
      : simple;
  }
  try {
    return JSON.stringify(simple) ?? String(simple);
  } catch {
    return "(not printable)";
  }
}

/** What JSON cannot say, said otherwise: errors with their cause, big integers, non-finite numbers. */
function plain(value: unknown, depth = 0): unknown {
  if (value instanceof Error) {
    const cause =
      value.cause === undefined || depth > 4 ? "" : `: ${plain(value.cause, depth + 1)}`;
    const code = (value as { code?: unknown }).code;
    return `${code === undefined ? "" : `${String(code)}: `}${value.message}${cause}`;
  }
  if (typeof value === "bigint" || typeof value === "symbol" || typeof value === "function")
    return String(value);
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return value;
}

/** Text from outside must neither break the line nor drive the terminal. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: taking them out is the purpose
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ");
}

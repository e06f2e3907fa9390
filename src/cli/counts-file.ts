import { createReadStream, ReadStream, statSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { EngineError } from "../model/errors.ts";
import { nearest } from "../web/nearest.ts";
import type { Reading } from "./replay/progress.ts";

/** One row of past counts: an interval of one SLO, or a late part of it. */
export interface CountsRow {
  /** Start of the interval, seconds (epoch or relative). */
  readonly t: number;
  readonly total: number;
  readonly bad: number;
  /** Seconds from `t` to the row's arrival, not negative; null: not told, it arrived when its interval ended. */
  readonly lag: number | null;
  /** `service.version`; empty: not told. */
  readonly version: string;
  /** The same id twice counts once; null: not told. */
  readonly id: string | null;
}

const KNOWN = ["t", "total", "good", "bad", "version", "lag", "id"];
/** Spreadsheets begin their files with one. */
const BYTE_ORDER_MARK = /^\uFEFF/;

/**
 * Rows of a CSV file by its header; gunzipped when the name ends in .gz, standard input for "-".
 *
 * @param reading is told how far the file was read
 * @param warn is told of what is not wrong but may not be meant: unknown columns, and the first row that goes back in time
 * @throws EngineError CONFIG_INVALID with the line and what was found there
 */
export async function* readCounts(
  path: string,
  stdin: Readable,
  reading: Reading,
  warn: (message: string) => void,
): AsyncGenerator<CountsRow> {
  const file = path === "-" ? stdin : createReadStream(path);
  if (file instanceof ReadStream) {
    reading.bytes = statSync(path, { throwIfNoEntry: false })?.size ?? null;
    reading.bytesRead = () => file.bytesRead;
  }
  const source = path.endsWith(".gz") ? file.pipe(createGunzip()) : file;
  // pipe() does not hand on errors of the file, and readline would wait for ever.
  if (source !== file) file.on("error", (error: Error) => source.destroy(error));
  let header: Header | null = null;
  let line = 0;
  const order = new Order();
  try {
    for await (const text of createInterface({ input: source, crlfDelay: Infinity })) {
      line++;
      if (text.trim() === "" || text.startsWith("#")) continue;
      if (header === null) {
        header = readHeader(text.replace(BYTE_ORDER_MARK, ""), path, line);
        for (const problem of unknownColumns(header)) warn(`${path}:${line}: ${problem}`);
        continue;
      }
      const row = readRow(text, header, path, line);
      const problem = order.problem(row);
      if (problem !== null) warn(`${path}:${line}: ${problem}`);
      yield row;
    }
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError("CONFIG_INVALID", `${path}: cannot be read: ${reason(error)}`, {
      cause: error,
    });
  }
  if (header === null)
    throw invalid(path, Math.max(1, line), 'is empty; wanted a header such as "t,total,bad"');
}

type Header = Readonly<Record<string, number>>;

function readHeader(text: string, path: string, line: number): Header {
  const names = text.split(",").map((name) => name.trim());
  const header: Record<string, number> = {};
  for (const [column, name] of names.entries()) {
    if (KNOWN.includes(name) && header[name] !== undefined) {
      throw invalid(path, line, `the header names ${name} twice; found ${names.join(", ")}`);
    }
    header[name] = column;
  }
  const missing = ["t", "total"].filter((name) => header[name] === undefined);
  if (header.good === undefined && header.bad === undefined) missing.push("bad (or good)");
  if (missing.length > 0) {
    throw invalid(
      path,
      line,
      `the header lacks ${missing.join(", ")}; found ${names.join(", ")}; known: ${KNOWN.join(", ")}`,
    );
  }
  return header;
}

/** Other columns may stand in the file; that one of ours was misspelt would show in nothing but the outcome. */
function unknownColumns(header: Header): string[] {
  const free = KNOWN.filter((name) => header[name] === undefined);
  return Object.keys(header)
    .filter((name) => name !== "" && !KNOWN.includes(name))
    .map((name) => {
      const near = nearest(name, free);
      const hint = near === null ? `known: ${KNOWN.join(", ")}` : `did you mean ${near}?`;
      return `the column ${JSON.stringify(name.slice(0, 128))} is not known and ignored; ${hint}`;
    });
}

/** Whether rows are in order of time; those with a lag need not be: they are in order of arrival. */
class Order {
  private latest = Number.NEGATIVE_INFINITY;
  private isSaid = false;

  /** What to say of the first row that goes back in time. */
  problem({ t, lag }: CountsRow): string | null {
    const { latest } = this;
    if (lag !== null || this.isSaid) return null;
    this.latest = Math.max(latest, t);
    if (t >= latest) return null;
    this.isSaid = true;
    return (
      `t goes back from ${latest} to ${t}: without a lag the row counts as if it had arrived when the later one did; ` +
      "sort the rows, or tell their lag"
    );
  }
}

function readRow(row: string, header: Header, path: string, line: number): CountsRow {
  const cells = row.split(",");
  const number = (name: string): number => {
    const cell = (cells[header[name]!] ?? "").trim();
    const value = Number(cell);
    if (cell === "" || !Number.isFinite(value)) {
      throw invalid(path, line, `${name}: must be a number, found ${JSON.stringify(cell)}`);
    }
    return value;
  };
  const total = number("total");
  const bad = header.bad === undefined ? total - number("good") : number("bad");
  if (total < 0 || bad < 0 || bad > total) {
    throw invalid(
      path,
      line,
      `bad must be between 0 and total, found total ${total} and bad ${bad}`,
    );
  }
  const t = number("t");
  if (t < 0) throw invalid(path, line, `t: must not be negative, found ${t}`);
  if (t >= MOST_SECONDS) throw invalid(path, line, notSeconds(t));
  // Optional columns may be empty where they do not apply.
  const text = (name: string): string =>
    header[name] === undefined ? "" : (cells[header[name]] ?? "").trim();
  const lag = text("lag") === "" ? null : number("lag");
  if (lag !== null && lag < 0) throw invalid(path, line, `lag: must not be negative, found ${lag}`);
  const id = text("id");
  return { t, total, bad, lag, version: text("version"), id: id === "" ? null : id };
}

/** Seconds until the year 5138; the milliseconds of any day since March 1973 are more. */
const MOST_SECONDS = 1e11;
const FINER: readonly (readonly [name: string, perSecond: number])[] = [
  ["milliseconds", 1e3],
  ["microseconds", 1e6],
  ["nanoseconds", 1e9],
];

/** Taken for seconds, minutes in milliseconds would be rows with 17 hours of silence between them, and no error. */
function notSeconds(t: number): string {
  const finer = FINER.find(([, perSecond]) => t / perSecond < MOST_SECONDS);
  if (finer === undefined) return `t: must be seconds, found ${t}`;
  const [name, perSecond] = finer;
  const day = new Date((t / perSecond) * 1000).toISOString();
  return `t: must be seconds, found ${t}, which would be ${day} in ${name}: divide t, and lag if it is given, by ${perSecond.toLocaleString("en-US")}`;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EISDIR: "is a folder, not a file",
  Z_DATA_ERROR: "is not gzip, though its name ends in .gz",
  Z_BUF_ERROR: "the gzip data end too early",
};

function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | null)?.code ?? "";
  return REASONS[code] ?? (error instanceof Error ? error.message : String(error));
}

function invalid(path: string, line: number, message: string): EngineError {
  return new EngineError("CONFIG_INVALID", `${path}:${line}: ${message}`);
}

import { EngineError } from "../model/errors.ts";
import { HOUR, type UnixMs } from "../model/time.ts";
import type { Journalled, JournalledSeries } from "../ports/journalled.ts";
import type { Log } from "../ports/log.ts";
import type { FingerprintMemory } from "./fingerprints.ts";
import { FrameScanner } from "./frames.ts";
import { fileName, fileNumber } from "./log-writer.ts";
import type { PackedReader } from "./packed.ts";
import {
  FORMAT,
  HEADER,
  type Header,
  type LogFile,
  ROUND_DONE,
  readHeader,
  readRecords,
} from "./records.ts";
import { Replay } from "./replay.ts";
import type { Storage } from "./storage.ts";

/** After a longer time what cumulative series went on to count meanwhile would be a spike in one second. */
const SERIES_REMEMBERED_MS = HOUR;

export interface Recovered {
  /** What the log goes on from, oldest first. */
  readonly files: readonly LogFile[];
  readonly nextFile: number;
  /** Files of the log's kind that are no part of it. */
  readonly unknownFiles: readonly string[];
  /** Numbers of the last delta and the last change. */
  readonly deltas: number;
  readonly changes: number;
  /** Of the last start; 0 before the first. */
  readonly epoch: number;
}

export interface RecoveryParts {
  readonly storage: Storage;
  /** Fresh ones, which are brought to the stored state. */
  readonly journalled: Journalled;
  readonly memory: FingerprintMemory;
  readonly log: Log;
  readonly now: UnixMs;
}

/** One file of the log, read. */
interface Loaded extends LogFile {
  readonly frames: readonly PackedReader[];
  readonly header: Header;
  readonly damagedBytes: number;
  readonly tornBytes: number;
}

/**
 * Brings back what is stored: the parts of the newest file that holds all of them, newer ones where later files
 * have some, and on top everything that was logged since each of them was taken. A damaged file is done without
 * when the one before it holds a whole round.
 *
 * @throws EngineError STATE_UNUSABLE when the log cannot be read or is of a newer format; it is left as it is
 */
export async function recover(parts: RecoveryParts): Promise<Recovered> {
  const { storage, journalled, memory, log, now } = parts;
  const startedAt = performance.now();
  const numbers = (await names(storage)).map(fileNumber).filter((number) => number !== null);
  numbers.sort((a, b) => b - a);
  const newest = await newestOf(storage, numbers, log);
  const nextFile = (numbers[0] ?? 0) + 1;
  if (newest === null) {
    return { files: [], nextFile, unknownFiles: [], deltas: 0, changes: 0, epoch: 0 };
  }
  const loaded = await withRound(storage, newest, log);
  const replay = new Replay(journalled, memory);
  try {
    for (const file of loaded) {
      // The very first file begins with nothing; a round that is not whole there is nothing to begin with.
      const isBeginning = file === loaded[0] && (file.complete || file.header.earlier.length > 0);
      for (const frame of file.frames) replay.findParts(frame, isBeginning);
    }
    replay.restoreParts();
    for (const { frames } of loaded) for (const frame of frames) replay.replay(frame);
    replay.end();
  } catch (error) {
    throw unusable(storage, "holds a log that cannot be replayed", error);
  }
  forgetSeries(journalled.series, replay.lastAt, now, log);
  const earlier = newest.header.earlier.filter(({ number }) => number < loaded[0]!.number);
  const files = [
    ...earlier,
    ...loaded.map(({ number, bytes, complete }) => ({ number, bytes, complete })),
  ];
  const known = new Set(files.map(({ number }) => number));
  log.info("the stored state is back", {
    deltas: replay.replayedDeltas,
    changes: replay.replayedChanges,
    files: loaded.length,
    tornBytes: newest.tornBytes,
    milliseconds: Math.round(performance.now() - startedAt),
  });
  const [problem] = replay.problems;
  if (problem !== undefined) {
    log.error("some of the stored state could not be brought back", {
      slos: replay.problems.length,
      first: problem,
    });
  }
  return {
    files,
    nextFile,
    // Newer ones than the newest that can be read stay until the next start: somebody may want to look.
    unknownFiles: numbers.filter((n) => n < newest.number && !known.has(n)).map(fileName),
    deltas: replay.deltas,
    changes: replay.changes,
    epoch: Math.max(newest.header.epoch, replay.epoch),
  };
}

/** Those whose last points are too old to go on from, and those that are too many. */
function forgetSeries(
  series: JournalledSeries,
  lastAt: UnixMs | null,
  now: UnixMs,
  log: Log,
): void {
  if (lastAt !== null && now - lastAt > SERIES_REMEMBERED_MS) {
    series.clear();
    series.listenSince(now);
  }
  const forgotten = series.fit(now);
  if (forgotten === 0) return;
  log.warn(
    "more cumulative series are stored than state.max_series allows: those heard longest ago are forgotten, and their points refused while there is no room; raise it to have them counted",
    { forgotten, kept: series.size },
  );
}

async function names(storage: Storage): Promise<readonly string[]> {
  try {
    return await storage.list();
  } catch (error) {
    throw unusable(storage, "cannot be read", error);
  }
}

/** The newest file with a sound beginning. Files after it were begun and never finished. */
async function newestOf(
  storage: Storage,
  numbers: readonly number[],
  log: Log,
): Promise<Loaded | null> {
  const damagedFiles: string[] = [];
  for (const number of numbers) {
    const file = await load(storage, { number, bytes: Number.POSITIVE_INFINITY });
    if (file === "unfinished") {
      log.warn("a log file was begun and not finished: it is left out", { file: fileName(number) });
      continue;
    }
    if (file === "damaged") {
      damagedFiles.push(fileName(number));
      log.error("a log file is damaged at its beginning: what it held is lost", {
        file: fileName(number),
      });
      continue;
    }
    const { format } = file.header;
    if (format !== FORMAT) {
      const [by, also] = format > FORMAT ? ["a newer", "run that, or "] : ["an older", ""];
      throw unusable(
        storage,
        `holds state of format ${format}, this version reads ${FORMAT}: it was written by ${by} slogate; ${also}move it away to start with an empty state`,
      );
    }
    if (file.damagedBytes > 0) {
      log.error("the newest log file is damaged: what the damaged commits held is lost", {
        file: fileName(number),
        bytes: file.damagedBytes,
      });
    }
    if (file.tornBytes > 0) {
      log.warn("the log ends in a commit that was not finished: it was never acknowledged", {
        file: fileName(number),
        bytes: file.tornBytes,
      });
    }
    return file;
  }
  if (damagedFiles.length === 0) return null;
  throw unusable(
    storage,
    `holds no log that can be read (${damagedFiles.join(", ")} damaged); move it away to start with an empty state`,
  );
}

/** The files from the newest whole and sound round on, oldest first. */
async function withRound(storage: Storage, newest: Loaded, log: Log): Promise<Loaded[]> {
  const loaded = [newest];
  const earlier = [...newest.header.earlier];
  while (!isWholeRound(loaded[0]!)) {
    const listed = earlier.pop();
    if (listed === undefined) break;
    const file = await load(storage, listed);
    const isReadable = typeof file !== "string";
    if (isReadable) loaded.unshift(file);
    if (!isReadable || file.bytes < listed.bytes || file.damagedBytes > 0) {
      log.error("a log file is damaged: the round before it is used, and what it held is lost", {
        file: fileName(listed.number),
        bytes: isReadable ? file.damagedBytes + listed.bytes - file.bytes : listed.bytes,
      });
    }
  }
  return loaded;
}

/** The very first file begins with nothing, and needs no round to begin from. */
function isWholeRound({ complete, damagedBytes, header }: Loaded): boolean {
  return header.earlier.length === 0 || (complete && damagedBytes === 0);
}

/** Unfinished: there is no commit in it, or no file. Damaged: it does not begin as a log file does. */
async function load(
  storage: Storage,
  listed: Pick<LogFile, "number" | "bytes">,
): Promise<Loaded | "unfinished" | "damaged"> {
  let bytes: Uint8Array;
  try {
    bytes = await storage.read(fileName(listed.number));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "unfinished";
    throw unusable(storage, `cannot be read (${fileName(listed.number)})`, error);
  }
  const scanner = new FrameScanner(bytes.subarray(0, Math.min(bytes.length, listed.bytes)));
  const first = scanner.next();
  if (first === null) return "unfinished";
  const header = scanner.damagedBytes > 0 ? null : headerOf(first);
  if (header === null) return "damaged";
  const frames = [first];
  if (header.format === FORMAT) {
    for (let frame = scanner.next(); frame !== null; frame = scanner.next()) frames.push(frame);
  }
  return {
    number: listed.number,
    bytes: scanner.validBytes,
    complete: frames.some(endsRound),
    frames,
    header,
    damagedBytes: scanner.damagedBytes,
    tornBytes: scanner.tornBytes,
  };
}

/** Null when the frame does not begin with a header. */
function headerOf(frame: PackedReader): Header | null {
  let header: Header | null = null;
  readRecords(frame.again(), (kind, body) => {
    if (kind === HEADER) header = readHeader(body);
    return false;
  });
  return header;
}

function endsRound(frame: PackedReader): boolean {
  let ends = false;
  readRecords(frame.again(), (kind) => {
    ends = kind === ROUND_DONE;
    return kind < ROUND_DONE;
  });
  return ends;
}

function unusable(storage: Storage, what: string, cause?: unknown): EngineError {
  const why = cause instanceof Error ? ` (${cause.message})` : "";
  return new EngineError("STATE_UNUSABLE", `state.directory: ${storage.name} ${what}${why}`, {
    cause,
  });
}

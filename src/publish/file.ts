import { type FileHandle, open, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { makeDirectory } from "../disk/directory.ts";
import { EngineError } from "../model/errors.ts";
import type { DecisionSink } from "../ports/decision-sink.ts";
import { oneWriteAtATime } from "./deadline.ts";
import { decisionJson } from "./message.ts";

export interface FileSinkSettings {
  /** Created with its folders when missing. */
  readonly path: string;
}

/**
 * Appends one line of JSON per transition and resolves when it is on the disk. A file that was renamed or
 * removed (log rotation) is opened anew at its path before the next line. A batch that failed half-way is
 * cut off again, so that offering it once more leaves no torn or doubled line.
 */
export function fileSink(settings: FileSinkSettings): DecisionSink {
  const path = resolve(settings.path);
  let file: FileHandle | null = null;

  const letGo = async (): Promise<void> => {
    const old = file;
    file = null;
    await old?.close();
  };

  const append = async (text: string): Promise<void> => {
    try {
      if (file !== null && !(await isStillAt(file, path))) await letGo();
      file ??= await openForAppend(path);
      await appendWhole(file, text);
    } catch (error) {
      await letGo().catch(() => {
        // The first failure is the one to report; a handle that cannot be closed is gone either way.
      });
      throw sinkError(path, error);
    }
  };

  let lastWrite: Promise<unknown> = Promise.resolve();
  const writeLines = oneWriteAtATime(`file ${path}`, (text) => {
    const written = append(text);
    lastWrite = written.catch(() => {});
    return written;
  });

  return {
    name: "file",
    wants: "transitions",
    async publish(decisions, signal) {
      if (decisions.length === 0) return;
      await writeLines(decisions.map((d) => `${decisionJson(d)}\n`).join(""), signal);
    },
    async close() {
      await lastWrite;
      await letGo();
    },
  };
}

async function openForAppend(path: string): Promise<FileHandle> {
  makeDirectory(dirname(path));
  const file = await open(path, "a+", 0o644);
  try {
    // A crash in the middle of a line leaves its beginning: end it, so that the next line stands alone.
    const { size } = await file.stat();
    if (size > 0) {
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
      if (buffer[0] !== 0x0a) await file.appendFile("\n");
    }
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function appendWhole(file: FileHandle, text: string): Promise<void> {
  const before = await file.stat();
  try {
    await file.appendFile(text);
    if (before.isFile()) await file.datasync();
  } catch (error) {
    if (before.isFile()) {
      await file.truncate(before.size).catch(() => {
        // What cannot be cut off is ended by `openForAppend` before the batch is offered again.
      });
    }
    throw error;
  }
}

async function isStillAt(file: FileHandle, path: string): Promise<boolean> {
  try {
    const [opened, named] = await Promise.all([file.stat(), stat(path)]);
    return opened.ino === named.ino && opened.dev === named.dev;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** The path itself cannot be a file of lines: only a change of configuration helps, not another try. */
const PERMANENT = new Set(["EISDIR", "ENOTDIR", "ENAMETOOLONG", "ELOOP", "EEXIST"]);

function sinkError(path: string, cause: unknown): EngineError {
  const code = (cause as NodeJS.ErrnoException | null)?.code ?? "";
  const why = cause instanceof Error ? cause.message : String(cause);
  return PERMANENT.has(code)
    ? new EngineError("SINK_REJECTED", `file ${path}: ${why}`, { cause })
    : new EngineError("SINK_UNAVAILABLE", `file ${path}: ${why}`, { retryable: true, cause });
}

import { createHash } from "node:crypto";
import { open, readdir, realpath, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { SECOND } from "../model/time.ts";
import { MAX_FILE_BYTES } from "./defaults.ts";
import type { Environment } from "./environment.ts";
import { type ParsedSlos, parseSlos } from "./openslo.ts";
import type { Problem } from "./problem.ts";
import { defaultSettings, type ParsedSettings, parseSettings } from "./settings.ts";
import type { ConfigFile } from "./yaml-file.ts";

const EXTENSIONS = new Set([".yaml", ".yml", ".json"]);
/** Folders in folders; deeper is a loop of links. */
const MAX_DEPTH = 16;
const MAX_FILES = 10_000;

export interface LoadedSlos extends ParsedSlos {
  /** Changes exactly when a file's path, its text or a reading fault changes. */
  readonly digest: string;
}

/** What could be read, and what could not. */
export interface ReadFiles {
  readonly files: readonly ConfigFile[];
  readonly problems: readonly Problem[];
}

/** Settings of a slogate.yaml; without a path the defaults. An unreadable file is a problem. */
export async function loadSettings(
  path: string | null,
  environment: Environment,
): Promise<ParsedSettings> {
  if (path === null) return { settings: defaultSettings(), problems: [], warnings: [] };
  try {
    return parseSettings({ path, text: await readText(path) }, environment);
  } catch (error) {
    return { settings: null, problems: [unreadable(path, error)], warnings: [] };
  }
}

/**
 * SLOs of files and folders (every *.yaml, *.yml and *.json below them, in order of name; hidden ones
 * are left out). Missing and unreadable paths are problems.
 */
export async function loadSlos(paths: readonly string[]): Promise<LoadedSlos> {
  return parsed(await readFiles(paths));
}

function parsed(read: ReadFiles): LoadedSlos {
  const { slos, problems, warnings } = parseSlos(read.files);
  return { slos, problems: [...read.problems, ...problems], warnings, digest: digestOf(read) };
}

function digestOf({ files, problems }: ReadFiles): string {
  return createHash("sha256")
    .update(JSON.stringify([files, problems]))
    .digest("hex");
}

/** The texts of files and folders, each file once however many paths lead to it. */
export async function readFiles(paths: readonly string[]): Promise<ReadFiles> {
  const { found, problems } = await listFiles(paths);
  const files: ConfigFile[] = [];
  for (const path of found) {
    try {
      files.push({ path, text: await readText(path) });
    } catch (error) {
      problems.push(unreadable(path, error));
    }
  }
  return { files, problems };
}

/**
 * Calls back with freshly loaded SLOs whenever their files' content has changed. File times are polled,
 * since change events are lost on network and container file systems; a change is read once it has been
 * quiet for one poll, so that a half-written file is not. Calls never overlap. Nothing keeps the process alive.
 *
 * @param since digest of what the caller already has; without it, the content at the first poll
 * @returns stops watching; no call follows
 */
export function watchSlos(
  paths: readonly string[],
  onChange: (loaded: LoadedSlos) => void,
  { since, intervalMs = SECOND }: { readonly since?: string; readonly intervalMs?: number } = {},
): () => void {
  let digest = since ?? null;
  let seen: string | null = null;
  let settled: string | null = null;
  let stopped = false;
  let timer: NodeJS.Timeout;

  const poll = async (): Promise<void> => {
    const now = await fingerprint(paths);
    // The first poll has nothing to compare with; later ones wait for two equal fingerprints.
    const quiet = seen === null || seen === now;
    seen = now;
    if (!quiet || settled === now) return;
    const read = await readFiles(paths);
    settled = now;
    const found = digestOf(read);
    // Only what has changed is parsed: ten thousand SLOs take seconds in which nothing else is done.
    if (stopped || found === digest) return;
    const first = digest === null;
    digest = found;
    if (!first) onChange(parsed(read));
  };

  const schedule = (delayMs: number): void => {
    timer = setTimeout(() => {
      const began = performance.now();
      // Reading faults are problems inside the result, and `onChange` handles its own.
      void poll().finally(() => {
        // Thousands of files take a while to look at: never more than a tenth of the time.
        if (!stopped) schedule(Math.max(intervalMs, 10 * (performance.now() - began)));
      });
    }, delayMs);
    timer.unref();
  };
  schedule(0);
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

/** Changes when a file appears, goes, or is written; ctime tells writes that keep size and mtime. */
async function fingerprint(paths: readonly string[]): Promise<string> {
  const { found, problems } = await listFiles(paths);
  const hash = createHash("sha256").update(JSON.stringify(problems));
  for (const path of found) {
    try {
      const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
      hash.update(`${path}\0${ino}\0${size}\0${mtimeNs}\0${ctimeNs}\n`);
    } catch (error) {
      hash.update(`${path}\0${unreadable(path, error).message}\n`);
    }
  }
  return hash.digest("hex");
}

async function listFiles(
  paths: readonly string[],
): Promise<{ found: string[]; problems: Problem[] }> {
  const found = new Map<string, string>();
  const problems: Problem[] = [];
  const visit = async (path: string, depth: number): Promise<void> => {
    if (found.size >= MAX_FILES) return;
    try {
      const stats = await stat(path);
      if (stats.isDirectory()) {
        if (depth >= MAX_DEPTH) return;
        const names = (await readdir(path)).filter((name) => !name.startsWith(".")).sort();
        for (const name of names) await visit(join(path, name), depth + 1);
      } else if (depth === 0 || EXTENSIONS.has(extname(path).toLowerCase())) {
        // Reading a pipe waits for whoever writes into it, which may be nobody. One that is named may be a shell's `<(…)`.
        if (depth > 0 && !stats.isFile()) {
          problems.push({ file: path, path: "", message: "is no file, but a pipe or a device" });
          return;
        }
        const real = await realpath(path);
        if (!found.has(real)) found.set(real, path);
      }
    } catch (error) {
      problems.push(unreadable(path, error));
    }
  };
  for (const path of paths) await visit(path, 0);
  if (found.size >= MAX_FILES) {
    const message = `must be at most ${MAX_FILES} files; the rest is left out`;
    problems.push({ file: paths.join(", "), path: "", message });
  }
  return { found: [...found.values()], problems };
}

/** One byte more than allowed at most: parsing refuses what is too long, memory never holds all of it. */
async function readText(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.alloc(Math.min(MAX_FILE_BYTES, (await file.stat()).size) + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.toString("utf8", 0, length);
  } finally {
    await file.close();
  }
}

/** What is said of a path that does not exist. */
export const MISSING = "cannot be read: no such file or folder";

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EISDIR: "is a folder, not a file",
  ELOOP: "a loop of links",
};

function unreadable(path: string, error: unknown): Problem {
  const code = (error as NodeJS.ErrnoException | null)?.code ?? String(error);
  const message = code === "ENOENT" ? MISSING : `cannot be read: ${REASONS[code] ?? code}`;
  return { file: path, path: "", message };
}

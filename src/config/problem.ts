/** What is wrong in a file, for a human. `path` is the key as typed, "" for the whole file. */
export interface Problem {
  readonly file: string;
  readonly path: string;
  /** 1-based; absent when the place cannot be told. */
  readonly line?: number;
  /** Continues the path: "must be …, found …" or "is not a known key; …". */
  readonly message: string;
}

export type KeyPath = readonly (string | number)[];

/** A YAML document that knows where its keys stand. */
export interface Source {
  readonly file: string;
  /** Line of the key or of the nearest enclosing one that exists; null when unknown. */
  lineOf(path: KeyPath): number | null;
}

/** More than a screen of problems in one file helps nobody, and a hostile file could hold a million. */
const MAX_PER_FILE = 200;

/** Collects problems and warnings, each once, in the order found. */
export class Report {
  readonly problems: Problem[] = [];
  readonly warnings: Problem[] = [];
  /** Problems reported so far, repeated and left out ones too: comparing it tells whether a step went well. */
  faults = 0;
  readonly #seen = new Set<string>();
  readonly #perFile = new Map<string, number>();

  problem(source: Source, path: KeyPath, message: string): void {
    this.faults++;
    this.#add(this.problems, source, path, message);
  }

  warn(source: Source, path: KeyPath, message: string): void {
    this.#add(this.warnings, source, path, message);
  }

  /** Both lists in reading order: file by file as first met, then by line. */
  sort(files: readonly { readonly path: string }[]): void {
    const order = new Map(files.map((file, index) => [file.path, index]));
    const position = (problem: Problem) => order.get(problem.file) ?? 0;
    for (const list of [this.problems, this.warnings]) {
      list.sort((a, b) => position(a) - position(b) || (a.line ?? 0) - (b.line ?? 0));
    }
  }

  #add(list: Problem[], source: Source, path: KeyPath, message: string): void {
    const counter = `${list === this.problems ? "problem" : "warning"} ${source.file}`;
    const count = this.#perFile.get(counter) ?? 0;
    // Before anything that costs: finding a line walks the document.
    if (count > MAX_PER_FILE) return;
    const line = source.lineOf(path);
    const pathText = formatPath(path);
    const identity = JSON.stringify([counter, line, pathText, message]);
    if (this.#seen.has(identity)) return;
    this.#seen.add(identity);
    this.#perFile.set(counter, count + 1);
    const at =
      count < MAX_PER_FILE
        ? { file: source.file, path: pathText, message }
        : {
            file: source.file,
            path: "",
            message: `more than ${MAX_PER_FILE} of these; the rest is left out`,
          };
    list.push(line === null ? at : { ...at, line });
  }
}

/** A source for problems of a whole file. */
export function wholeFile(file: string): Source {
  return { file, lineOf: () => null };
}

/** `spec.objectives[0].target`, `metadata.annotations["slogate.dev/mode"]`. */
export function formatPath(path: KeyPath): string {
  let text = "";
  for (const key of path) {
    if (typeof key === "number") text += `[${key}]`;
    else if (!/^[A-Za-z_][\w-]*$/.test(key)) text += `[${JSON.stringify(shorten(key))}]`;
    else text += text === "" ? key : `.${key}`;
  }
  return text;
}

/** `file:line: path: message`, as compilers write it, so that editors and terminals can jump to it. */
export function formatProblem(problem: Problem): string {
  const place = problem.line === undefined ? problem.file : `${problem.file}:${problem.line}`;
  return `${place}: ${problem.path === "" ? "" : `${problem.path}: `}${problem.message}`;
}

/** A value as found, short enough for a line. */
export function show(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return Object.keys(value).length === 0 ? "{}" : "a mapping";
  if (typeof value === "string") return JSON.stringify(shorten(value));
  return String(value);
}

/** `did you mean mode? ` when a known word is near, else "". */
export function suggest(word: string, known: readonly string[]): string {
  const nearest = nearestOf(word, known);
  return nearest === null ? "" : `did you mean ${nearest}? `;
}

/** The known word within a third of its letters (one edit at least, three at most), or null. */
function nearestOf(word: string, known: readonly string[]): string | null {
  if (word.length > 64) return null;
  let best: string | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    const allowed = Math.min(3, Math.max(1, Math.floor(candidate.length / 3)));
    if (distance < bestDistance && distance <= allowed && distance < word.length) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}

function shorten(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}

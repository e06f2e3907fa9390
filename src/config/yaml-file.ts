import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
} from "yaml";
import { MAX_FILE_BYTES } from "./defaults.ts";
import { type KeyPath, type Report, type Source, show, wholeFile } from "./problem.ts";

/** A file as read; parsing never touches the disk. */
export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}

/** One YAML document as plain values, with its way back to line numbers. */
export interface YamlDocument extends Source {
  readonly value: unknown;
}

/** Real files stay under ten levels; matchers nest a little deeper. */
const MAX_DEPTH = 48;
/** Values after aliases are expanded: a short file must not become a long one. */
const MAX_VALUES = 100_000;

/**
 * The documents of a YAML (or JSON) file, empty ones left out. Never throws: syntax errors, files over
 * 1 MiB, alias bombs and deep nesting are problems, and their documents are left out.
 */
export function readYaml(file: ConfigFile, report: Report): YamlDocument[] {
  const whole = wholeFile(file.path);
  const bytes = Buffer.byteLength(file.text);
  if (bytes > MAX_FILE_BYTES) {
    report.problem(whole, [], "must be at most 1 MiB; split it");
    return [];
  }
  const lines = new LineCounter();
  let documents: Document.Parsed[];
  try {
    // The library compares every key with every other; `repeatedKey` looks each up once.
    const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: false };
    documents = [...parseAllDocuments(file.text, options)];
  } catch (error) {
    report.problem(whole, [], `cannot be read as YAML: ${reason(error)}`);
    return [];
  }
  const read: YamlDocument[] = [];
  for (const document of documents) {
    const at = (offset: number): Source => ({
      file: file.path,
      lineOf: () => lines.linePos(offset).line,
    });
    for (const error of document.errors) {
      const deep = /stack (size|overflow)/i.test(error.message);
      const message = deep ? "it nests too deep" : error.message;
      report.problem(at(error.pos[0]), [], `is not valid YAML: ${message}`);
    }
    for (const warning of document.warnings) report.warn(at(warning.pos[0]), [], warning.message);
    if (document.errors.length > 0) continue;
    const repeated = repeatedKey(document);
    if (repeated !== null) {
      report.problem(
        at(repeated.offset),
        [],
        `must have each key once, found ${repeated.key} twice`,
      );
      continue;
    }
    const source = locator(file.path, document, lines);
    const value = plainValue(document, source, report);
    if (value !== null && value !== undefined) read.push({ ...source, value });
  }
  return read;
}

/** The first key a mapping has twice, or null. */
function repeatedKey(document: Document.Parsed): { key: string; offset: number } | null {
  let found: { key: string; offset: number } | null = null;
  visit(document, {
    Map(_, map) {
      const keys = new Set<string>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        const text = String(key.value);
        if (keys.has(text)) {
          found = { key: show(text), offset: key.range?.[0] ?? 0 };
          return visit.BREAK;
        }
        keys.add(text);
      }
      return undefined;
    },
  });
  return found;
}

function plainValue(document: Document.Parsed, source: Source, report: Report): unknown {
  try {
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    const fault = measure(value, 0, { left: MAX_VALUES });
    if (fault === null) return value;
    report.problem(source, [], fault);
  } catch (error) {
    report.problem(source, [], `cannot be read: ${reason(error)}`);
  }
  return null;
}

/** Bounds what later steps walk: aliases share values, and may be circular. */
function measure(value: unknown, depth: number, budget: { left: number }): string | null {
  if (depth > MAX_DEPTH) return `must not nest deeper than ${MAX_DEPTH} levels`;
  if (--budget.left < 0) return `must not hold more than ${MAX_VALUES} values`;
  if (typeof value !== "object" || value === null) return null;
  for (const child of Object.values(value)) {
    const fault = measure(child, depth + 1, budget);
    if (fault !== null) return fault;
  }
  return null;
}

function locator(file: string, document: Document.Parsed, lines: LineCounter): Source {
  const lineAt = (offset: number | undefined) =>
    offset === undefined ? null : lines.linePos(offset).line;
  return {
    file,
    lineOf(path: KeyPath) {
      let node: Node | null = document.contents;
      let line = lineAt(node?.range?.[0]);
      for (const key of path) {
        if (isAlias(node)) node = node.resolve(document) ?? null;
        if (isSeq(node)) {
          const item: unknown = node.items[Number(key)];
          node = isNode(item) ? item : null;
          line = lineAt(node?.range?.[0]) ?? line;
        } else if (isMap(node)) {
          const pair: unknown = node.items.find(
            (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(key),
          );
          if (!isPair(pair) || !isNode(pair.key)) return line;
          line = lineAt(pair.key.range?.[0]) ?? line;
          node = isNode(pair.value) ? pair.value : null;
        } else return line;
      }
      return line;
    },
  };
}

/** One line, whatever the library wrote. */
function reason(error: unknown): string {
  if (error instanceof RangeError) return "it nests too deep";
  const message = error instanceof Error ? error.message : String(error);
  return message.split("\n")[0] ?? "unknown error";
}

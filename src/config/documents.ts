import { checkShape } from "./issues.ts";
import { warnOfStrayKeys } from "./near-keys.ts";
import { type KeyPath, type Report, type Source, show, suggest, wholeFile } from "./problem.ts";
import { API_VERSION, DOCUMENTS, type DocumentKind } from "./schema.ts";
import { type ConfigFile, readYaml } from "./yaml-file.ts";

/** A checked OpenSLO document: problems in it are reported, unknown keys are gone, other faults remain. */
export interface SloDocument extends Source {
  readonly kind: DocumentKind;
  readonly name: string;
  readonly value: unknown;
  /** False when its own shape has problems; what refers to it is then not usable either. */
  readonly sound: boolean;
}

/** Kinds that other documents refer to by name. */
const REFERENCED = ["SLI", "AlertPolicy", "AlertCondition"] as const;
type ReferencedKind = (typeof REFERENCED)[number];

/** The documents of all files. */
export interface Documents {
  readonly slos: readonly SloDocument[];
  /** By kind and name; a lookup is remembered, so that `unused` can tell. */
  find(kind: ReferencedKind, name: string): SloDocument | null;
  names(kind: ReferencedKind): readonly string[];
  unused(): readonly SloDocument[];
}

/** Reads and checks every document of every file; names must be unique per kind across files. */
export function readDocuments(files: readonly ConfigFile[], report: Report): Documents {
  const slos: SloDocument[] = [];
  const byName = new Map<string, SloDocument>();
  const used = new Set<SloDocument>();
  for (const file of files) {
    // More likely caught between truncating and writing than a wish to drop the SLOs it held.
    if (file.text.trim() === "") {
      report.problem(wholeFile(file.path), [], "is empty; write an SLO into it or remove it");
      continue;
    }
    const before = report.faults;
    const read = readYaml(file, report);
    if (read.length === 0 && report.faults === before) {
      report.warn(wholeFile(file.path), [], "holds no documents");
    }
    for (const { value, ...source } of read) {
      const document = checkDocument(value, source, report);
      if (document === null) continue;
      const { kind, name } = document;
      const key = `${kind}/${name}`;
      const earlier = byName.get(key);
      if (earlier !== undefined) {
        report.problem(
          document,
          ["metadata", "name"],
          `must be unique, found ${show(name)} also in ${place(earlier, ["metadata", "name"])}`,
        );
        continue;
      }
      if (name !== "") byName.set(key, document);
      if (kind === "SLO") {
        slos.push(document);
        continue;
      }
      if (!isReferenced(kind)) report.warn(document, [], `${kind} is accepted and ignored`);
      const { metadata } = Object(document.value) as { metadata?: unknown };
      warnOfStrayKeys(metadata, [], (path, message) => report.warn(document, path, message));
    }
  }
  return {
    slos,
    find(kind, name) {
      const document = byName.get(`${kind}/${name}`) ?? null;
      if (document !== null) used.add(document);
      return document;
    },
    names: (kind) =>
      [...byName.values()].filter((item) => item.kind === kind).map((item) => item.name),
    unused: () => [...byName.values()].filter((item) => isReferenced(item.kind) && !used.has(item)),
  };
}

function checkDocument(value: unknown, source: Source, report: Report): SloDocument | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    report.problem(source, [], `must be an OpenSLO document (a mapping), found ${show(value)}`);
    return null;
  }
  const { apiVersion, kind, metadata } = value as Record<string, unknown>;
  if (apiVersion !== API_VERSION) {
    const missing = apiVersion === undefined ? `is missing; it must be ${API_VERSION}` : null;
    report.problem(
      source,
      ["apiVersion"],
      missing ?? `must be ${API_VERSION}, found ${show(apiVersion)}`,
    );
    return null;
  }
  const kinds = Object.keys(DOCUMENTS);
  if (typeof kind !== "string" || !isKind(kind)) {
    const near = typeof kind === "string" ? suggest(kind, kinds) : "";
    report.problem(
      source,
      ["kind"],
      kind === undefined
        ? `is missing; known: ${kinds.join(", ")}`
        : `is not a known kind, found ${show(kind)}; ${near}known: ${kinds.join(", ")}`,
    );
    return null;
  }
  const before = report.faults;
  const checked = checkShape(DOCUMENTS[kind], value, source, report);
  const sound = report.faults === before;
  const name = (metadata as { name?: unknown } | null | undefined)?.name;
  return { ...source, kind, name: typeof name === "string" ? name : "", value: checked, sound };
}

function place(source: Source, path: KeyPath): string {
  const line = source.lineOf(path);
  return line === null ? source.file : `${source.file}:${line}`;
}

function isKind(kind: string): kind is DocumentKind {
  return Object.hasOwn(DOCUMENTS, kind);
}

function isReferenced(kind: DocumentKind): kind is ReferencedKind {
  return (REFERENCED as readonly string[]).includes(kind);
}

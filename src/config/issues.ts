import { z } from "zod";
import { type KeyPath, type Report, type Source, show, suggest } from "./problem.ts";

/** A mapping whose unknown keys are errors. */
export function strict<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape, {
    // An issue has no room for the known keys but its message: `checkShape` splits it again.
    error: (issue) =>
      issue.code === "unrecognized_keys" ? Object.keys(shape).join(", ") : undefined,
  });
}

/** Error text of a leaf: "must be …, found …", with an optional hint from the value found. */
export function must(be: string, hint: (input: unknown) => string = () => "") {
  return {
    error: (issue: { readonly input?: unknown }) =>
      issue.input === undefined
        ? `is missing; it must be ${be}`
        : `must be ${be}, found ${show(issue.input)}${hint(issue.input)}`,
  };
}

/** One of several words, with the nearest suggested. */
export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(
    words,
    must(listOf(words), (input) => {
      const near = typeof input === "string" ? suggest(input, words).trim() : "";
      return near === "" ? "" : ` (${near})`;
    }),
  );
}

/**
 * Checks `value` against `schema`, reports every issue, and returns the value without its unknown keys,
 * so that the caller can go on with the parts that are sound.
 *
 * @param secret paths whose values must not be shown
 */
export function checkShape(
  schema: z.ZodType,
  value: unknown,
  source: Source,
  report: Report,
  secret: (path: KeyPath) => boolean = () => false,
): unknown {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return value;
  const unknown: KeyPath[] = [];
  for (const issue of result.error.issues.flatMap((issue) => flatten(issue, []))) {
    if (issue.keys === null) {
      const message = secret(issue.path)
        ? issue.message.replace(/, found .*$/s, "")
        : issue.message;
      report.problem(source, issue.path, message);
      continue;
    }
    for (const key of issue.keys) {
      const known = issue.message.split(", ");
      const path = [...issue.path, key];
      unknown.push(path);
      report.problem(
        source,
        path,
        `is not a known key; ${suggest(key, known)}known: ${issue.message}`,
      );
    }
  }
  return without(value, unknown);
}

/** The value as the schema types it, or null when it is absent or was already reported. */
export function sound<T>(schema: z.ZodType<T>, value: unknown): T | null {
  if (value === undefined) return null;
  const result = schema.safeParse(value);
  return result.success ? result.data : null;
}

interface FlatIssue {
  readonly path: KeyPath;
  readonly message: string;
  /** Unknown keys; `message` then lists the known ones. */
  readonly keys: readonly string[] | null;
}

/** A union's issues become those of the branch that was meant: the one whose type fits the value. */
function flatten(issue: z.core.$ZodIssue, prefix: KeyPath): FlatIssue[] {
  const path = [
    ...prefix,
    ...issue.path.map((key) => (typeof key === "number" ? key : String(key))),
  ];
  if (issue.code === "unrecognized_keys")
    return [{ path, message: issue.message, keys: issue.keys }];
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const fitting = issue.errors.filter((branch) => !branch.some((inner) => isTypeMismatch(inner)));
    const meant = fitting[0];
    if (fitting.length === 1 && meant !== undefined) {
      return meant.flatMap((inner) => flatten(inner, path));
    }
  }
  return [{ path, message: wording(issue), keys: null }];
}

function isTypeMismatch(issue: z.core.$ZodIssue): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === "invalid_type" || issue.code === "invalid_union") return true;
  // A word was wanted and a mapping or list was found.
  return issue.code === "invalid_value" && typeof issue.input === "object";
}

/** Our own texts start with a verb; the library's are replaced by the value's kind. */
function wording(issue: z.core.$ZodIssue): string {
  if (!/^(Invalid|Too|Unrecognized)/.test(issue.message)) return issue.message;
  const wanted = issue.code === "invalid_type" ? (KINDS[issue.expected] ?? null) : null;
  if (issue.input === undefined)
    return `is missing${wanted === null ? "" : `; it must be ${wanted}`}`;
  return `must be ${wanted ?? "a different value"}, found ${show(issue.input)}`;
}

const KINDS: Readonly<Record<string, string>> = {
  object: "a mapping",
  record: "a mapping",
  array: "a list",
  string: "text",
  number: "a number",
  boolean: "true or false",
};

function listOf(words: readonly string[]): string {
  if (words.length === 1) return words[0] ?? "";
  return `${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`;
}

/** Paths by their first key, so that a mapping with thousands of unknown keys is gone through once. */
type PathTree = Map<string | number, PathTree>;

/** A copy without the given paths; parts that are not touched are shared. */
function without(value: unknown, paths: readonly KeyPath[]): unknown {
  const root: PathTree = new Map();
  for (const path of paths) {
    let node = root;
    for (const key of path) {
      const next: PathTree = node.get(key) ?? new Map();
      node.set(key, next);
      node = next;
    }
  }
  return prune(value, root);
}

/** A leaf of the tree is a key to leave out. */
function prune(value: unknown, tree: PathTree): unknown {
  if (tree.size === 0 || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    return value.map((item, index) => prune(item, tree.get(index) ?? new Map()));
  }
  const kept: [string, unknown][] = [];
  for (const [key, item] of Object.entries(value)) {
    const inner = tree.get(key);
    if (inner === undefined) kept.push([key, item]);
    else if (inner.size > 0) kept.push([key, prune(item, inner)]);
  }
  return Object.fromEntries(kept);
}

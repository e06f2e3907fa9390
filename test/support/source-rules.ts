import { posix } from "node:path";
import { parseAst } from "vitest/node";

/** Who may import whom: folder of src/ -> other folders, packages, and "node:*" for Node's own modules. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  model: [],
  ports: ["model"],
  decode: ["model"],
  aggregate: ["model", "ports", "decode"],
  windows: ["model"],
  disk: ["node:*"],
  journal: ["model", "ports", "disk", "node:*"],
  channel: ["model", "ports", "node:*", "kafkajs"],
  burn: ["model"],
  forecast: ["model"],
  decide: ["model"],
  engine: ["model", "ports", "windows", "burn", "forecast", "decide", "rxjs"],
  receive: ["model", "ports", "node:*", "@grpc/grpc-js", "grpc-health-check"],
  publish: [
    "model",
    "ports",
    "disk",
    "node:*",
    "kafkajs",
    "cloudevents",
    "@kubernetes/client-node",
  ],
  prometheus: ["model", "ports", "node:*"],
  agent: ["model", "ports", "node:*"],
  config: ["model", "ports", "node:*", "zod", "yaml", "luxon"],
  telemetry: ["model", "ports", "node:*", "prom-client"],
  web: ["model", "ports", "node:*", "prom-client", "@grpc/grpc-js", "@grpc/proto-loader"],
};

/** The composition root and the commands put everything together. */
const MAY_IMPORT_EVERYTHING: readonly string[] = ["main.ts", "worker.ts", "cli"];

/** What Node is started with; nothing else exits. */
const PROGRAMS: readonly string[] = ["main.ts", "worker.ts"];

/** No clock, no chance, no IO, no hidden state: replaying the same input gives the same output. */
const PURE: readonly string[] = [
  "model",
  "ports",
  "decode",
  "aggregate",
  "windows",
  "burn",
  "forecast",
  "decide",
];

/** Takes its clock from a port; its timers are those of RxJS. */
const WITHOUT_AMBIENT: readonly string[] = [...PURE, "engine"];

const TIMERS: readonly string[] = ["setTimeout", "setInterval", "setImmediate"];
const NAMELESS = /^(index|utils?|helpers?|common)$/;
const MOST_LINES = 400;

/**
 * What one source file does against the rules, as sentences; none when it keeps them.
 *
 * @param path below src/, with forward slashes, for example "decode/wire.ts"
 */
export function violations(path: string, source: string): string[] {
  const found: string[] = [];
  const top = path.split("/")[0] ?? path;
  for (const part of path.split("/")) {
    if (NAMELESS.test(part.replace(/\.ts$/, ""))) found.push(`${part} says nothing of its content`);
  }
  const lines = source.trimEnd().split("\n").length;
  if (lines > MOST_LINES) found.push(`has ${lines} lines, more than ${MOST_LINES}`);
  if (!MAY_IMPORT_EVERYTHING.includes(top) && MAY_IMPORT[top] === undefined) {
    found.push(`${top} is not in the table of who may import whom`);
  }
  visit(parseAst(source, { lang: "ts" }), (node) => {
    const imported = importedBy(node);
    if (imported !== null) {
      const problem = importProblem(path, top, imported);
      if (problem !== null) found.push(problem);
    }
    if (node.type === "ExportDefaultDeclaration") found.push("has a default export");
    const ambient = ambientUse(node);
    if (ambient === null) return;
    if (ambient === "process.exit") {
      if (!PROGRAMS.includes(path)) found.push("process.exit: only main.ts and worker.ts exit");
    } else if (TIMERS.includes(ambient)) {
      if (PURE.includes(top)) found.push(`${ambient}: ${top} has no timers`);
    } else if (WITHOUT_AMBIENT.includes(top)) {
      found.push(`${ambient}: ${top} gets clock, chance and environment as arguments`);
    }
  });
  return found;
}

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value;
}

function visit(node: unknown, see: (node: Node) => void): void {
  if (Array.isArray(node)) {
    for (const item of node) visit(item, see);
  } else if (isNode(node)) {
    see(node);
    for (const [key, value] of Object.entries(node)) {
      // A property's name is no use of a global; a computed one is.
      const isName = (key === "property" || key === "key") && node.computed === false;
      if (!isName) visit(value, see);
    }
  }
}

/** The module that an import, a re-export or an import() names; "" when it is computed. */
function importedBy(node: Node): string | null {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
    case "ImportExpression": {
      const source = node.source;
      if (!isNode(source)) return null;
      return typeof source.value === "string" ? source.value : "";
    }
    case "TSImportType": {
      const source = node.source ?? node.argument;
      return isNode(source) && typeof source.value === "string" ? source.value : "";
    }
    default:
      return null;
  }
}

function importProblem(path: string, top: string, imported: string): string | null {
  if (MAY_IMPORT_EVERYTHING.includes(top)) return null;
  const allowed = MAY_IMPORT[top] ?? [];
  if (imported === "") return "imports a computed name";
  if (imported.startsWith(".")) {
    const target = posix.normalize(posix.join(posix.dirname(path), imported));
    const folder = target.split("/")[0] ?? target;
    if (folder === top || allowed.includes(folder)) return null;
    return `${top} must not import ${folder === ".." ? imported : target}`;
  }
  const name = packageOf(imported);
  return allowed.includes(name) ? null : `${top} must not import ${imported}`;
}

function packageOf(imported: string): string {
  if (imported.startsWith("node:")) return "node:*";
  return imported
    .split("/")
    .slice(0, imported.startsWith("@") ? 2 : 1)
    .join("/");
}

/** The name of a thing from outside the arguments that this node uses, or null. */
function ambientUse(node: Node): string | null {
  if (node.type === "NewExpression" || node.type === "CallExpression") {
    const callee = node.callee;
    const args = node.arguments;
    const isDate = isNode(callee) && callee.type === "Identifier" && callee.name === "Date";
    // With an argument it only converts; Date() without new is always now.
    if (isDate && (node.type === "CallExpression" || (Array.isArray(args) && args.length === 0))) {
      return node.type === "NewExpression" ? "new Date()" : "Date()";
    }
  }
  if (node.type === "MemberExpression") {
    const [object, property] = [node.object, node.property];
    if (!isNode(object) || object.type !== "Identifier" || !isNode(property)) return null;
    const name = `${object.name}.${property.name ?? property.value}`;
    const forbidden = ["Date.now", "Math.random", "performance.now", "process.exit"];
    return forbidden.includes(name) ? name : null;
  }
  if (node.type === "Identifier") {
    const name = String(node.name);
    return ["process", "console", "crypto", "fetch", ...TIMERS].includes(name) ? name : null;
  }
  return null;
}

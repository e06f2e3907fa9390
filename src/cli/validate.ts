import { basename } from "node:path";
import { readFiles } from "../config/load.ts";
import { parseSlos } from "../config/openslo.ts";
import { formatProblem, type Problem } from "../config/problem.ts";
import { parseSettings } from "../config/settings.ts";
import type { ConfigFile } from "../config/yaml-file.ts";
import { NO_SLO } from "./no-slo.ts";

/** Where the report goes: `process.stdout` or a string in a test. */
export interface ValidateOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/**
 * Checks SLO files and slogate.yaml files, told apart by their content, and prints every problem as
 * `file:line: path: message`, then a summary. References between SLO files are followed across all paths.
 *
 * @param paths files and folders
 * @returns exit code: 0 sound (warnings allowed), 2 not
 */
export async function validate(paths: readonly string[], out: ValidateOutput): Promise<number> {
  const { files, problems: unreadable } = await readFiles(paths);
  const problems: Problem[] = [...unreadable];
  const warnings: Problem[] = [];
  const sloFiles = files.filter(isOpenSlo);
  const settingsFiles = files.filter((file) => !isOpenSlo(file));
  const slos = parseSlos(sloFiles);
  problems.push(...slos.problems);
  warnings.push(...slos.warnings);
  for (const file of settingsFiles) {
    const parsed = parseSettings(file, process.env);
    problems.push(...parsed.problems);
    warnings.push(...parsed.warnings);
  }
  if (sloFiles.length > 0 && sloFiles.every(isBlank) && problems.length === 0) {
    const file = sloFiles.map(({ path }) => path).join(", ");
    problems.push({ file, path: "", message: NO_SLO });
  }
  if (files.length === 0 && problems.length === 0) {
    const message = "holds no *.yaml, *.yml or *.json file";
    problems.push({ file: paths.join(", ") || ".", path: "", message });
  }

  const paint = painter(out);
  for (const warning of warnings) {
    out.write(`${paint("warning", YELLOW)} ${formatProblem(warning)}\n`);
  }
  for (const problem of problems) out.write(`${formatProblem(problem)}\n`);
  const summary = [
    count(files.length, "file"),
    count(slos.slos.length, "sound SLO"),
    count(problems.length, "problem"),
    count(warnings.length, "warning"),
  ].join(", ");
  const sound = problems.length === 0;
  out.write(`${paint(sound ? "ok" : "not valid", sound ? GREEN : RED)}: ${summary}\n`);
  return sound ? 0 : 2;
}

/**
 * Told by the keys every OpenSLO document begins with, so that a file with a syntax error is still told. One that
 * says nothing is told by its name: settings may be empty, SLO files not.
 */
function isOpenSlo(file: ConfigFile): boolean {
  if (isBlank(file)) return !/^slogate\.(ya?ml|json)$/.test(basename(file.path));
  return /(^|[{,])\s*["']?(apiVersion|kind)["']?\s*:/m.test(file.text);
}

/** Comments at most. */
function isBlank({ text }: ConfigFile): boolean {
  return text.split("\n").every((line) => /^\s*(#.*|---\s*)?$/.test(line));
}

const RED = 31;
const GREEN = 32;
const YELLOW = 33;

/** Colours on a terminal only, and not when NO_COLOR asks for none. */
function painter(out: ValidateOutput): (text: string, colour: number) => string {
  const coloured = out.isTTY === true && (process.env.NO_COLOR ?? "") === "";
  return (text, colour) => (coloured ? `\x1b[${colour}m${text}\x1b[0m` : text);
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const RECIPES = {
  otelcol: ".ci/otelcol/build.sh",
  telemetrygen: ".ci/telemetrygen.sh",
} as const;

/** A program of another project that integration tests run against. */
export type RealPart = keyof typeof RECIPES;

/**
 * Where the program is, or null when it has not been built here: the caller skips its suite then, and the reason with the
 * command that brings the part has been printed.
 *
 * @throws Error when it is missing and CI=true: there a missing part is a failure
 */
export function realPart(part: RealPart): string | null {
  const recipe = RECIPES[part];
  const script = fileURLToPath(new URL(`../../${recipe}`, import.meta.url));
  const path = execFileSync("bash", [script, "--where"], { encoding: "utf8" }).trim();
  if (existsSync(path)) return path;
  const reason = `${part} is not there (${path}); build it: bash ${recipe}`;
  if (process.env.CI === "true") throw new Error(reason);
  console.warn(`skipped: ${reason}`);
  return null;
}

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const RECIPES = {
  otelcol: ".ci/otelcol/build.sh",
  telemetrygen: ".ci/telemetrygen.sh",
  kafka: ".ci/kafka/build.sh",
  kube: ".ci/kube/build.sh",
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
  const path = builtPart(part);
  if (path === null) missing(`${part} is not there; build it: bash ${RECIPES[part]}`);
  return path;
}

/** As `realPart`, without a word when it is missing: for parts that can be had in another way. */
export function builtPart(part: RealPart): string | null {
  const script = fileURLToPath(new URL(`../../${RECIPES[part]}`, import.meta.url));
  const path = execFileSync("bash", [script, "--where"], { encoding: "utf8" }).trim();
  return existsSync(path) ? path : null;
}

/** Whether a program of the system's packages (kubectl, kcat) can be called; `realPart` otherwise. */
export function installed(program: string): boolean {
  const found = answers(program);
  if (!found) missing(`${program} is not installed`);
  return found;
}

/** Whether testcontainers can start this image here: there is Docker, and the image is there or can be had. */
export function hasImage(image: string): boolean {
  return (
    answers("docker", ["version"]) &&
    (answers("docker", ["image", "inspect", image]) ||
      answers("docker", ["pull", "-q", image], 300_000))
  );
}

/** Says why a suite is skipped; in CI that is a failure. */
export function missing(reason: string): void {
  if (process.env.CI === "true") throw new Error(reason);
  console.warn(`skipped: ${reason}`);
}

/** Whether a program can be called with these arguments and ends with 0 in time. */
export function answers(
  program: string,
  args: readonly string[] = ["--help"],
  timeoutMs = 10_000,
): boolean {
  try {
    execFileSync(program, args, { stdio: "ignore", timeout: timeoutMs });
    return true;
  } catch (error) {
    // A program that is there but dislikes the arguments ends with a code.
    return args[0] === "--help" && (error as { status?: unknown }).status != null;
  }
}

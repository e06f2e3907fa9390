/**
 * What to say when this Node cannot run the built program; null when it can. To be called before the program is loaded:
 * an older Node fails at a module that it does not have, and its exit code 1 would read as a verdict of `check`.
 * So this file, and what `main.ts` imports beside it, asks for nothing that Node 18 lacks.
 *
 * @param found `process.versions.node`, such as `20.11.0`
 * @param wanted `engines.node` of package.json, such as `>=22.18`
 */
export function nodeProblem(found: string, wanted: string): string | null {
  const least = wanted.replace(/^>=\s*/, "");
  if (!isOlder(numbers(found), numbers(least))) return null;
  return (
    `this is Node ${found}, and slogate needs ${least} or later; put a newer one (https://nodejs.org) first on the PATH, ` +
    "or run the one that `npm ci` has brought to a checkout: npx node src/main.ts"
  );
}

function numbers(version: string): number[] {
  return version.split(".").map((part) => Number.parseInt(part, 10));
}

function isOlder(found: readonly number[], least: readonly number[]): boolean {
  for (const [i, wanted] of least.entries()) {
    const present = found[i] ?? 0;
    if (present !== wanted) return present < wanted;
  }
  return false;
}

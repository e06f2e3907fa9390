import type { KeyPath, Report, Source } from "./problem.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** `${env:NAME}`, `${env:NAME:-default}`, the escape `$${env:NAME}`, and the bare `${NAME}` of other tools. */
const REFERENCE = /\$?\$\{(?:(env):)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/**
 * A copy of `value` with environment variables put into its texts. What comes from the environment is
 * text and never becomes YAML. A missing variable is a problem, in a mere validation too: without a value
 * neither its form nor what depends on it can be checked. An empty one counts as missing, since no key
 * means something by being empty.
 */
export function expandEnvironment(
  value: unknown,
  environment: Environment,
  source: Source,
  report: Report,
  path: KeyPath = [],
): unknown {
  if (typeof value === "string") return expandText(value, environment, source, report, path);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    return value.map((item, index) =>
      expandEnvironment(item, environment, source, report, [...path, index]),
    );
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      expandEnvironment(item, environment, source, report, [...path, key]),
    ]),
  );
}

function expandText(
  text: string,
  environment: Environment,
  source: Source,
  report: Report,
  path: KeyPath,
): string {
  return text.replace(
    REFERENCE,
    (whole: string, scheme: string | undefined, name: string, fallback: string | undefined) => {
      if (whole.startsWith("$$")) return whole.slice(1);
      if (scheme === undefined) {
        report.problem(
          source,
          path,
          `must refer to the environment as \${env:${name}}, found \${${name}}`,
        );
        return whole;
      }
      const found = Object.hasOwn(environment, name) ? environment[name] : undefined;
      if (found !== undefined && found !== "") return found;
      if (fallback !== undefined) return fallback;
      report.problem(
        source,
        path,
        `needs the environment variable ${name}, which is not set; to validate without it, set any value that fits`,
      );
      return whole;
    },
  );
}

const FAILED = 1;
/** What `check` could not find out; its exit code 1 is the verdict "closed". */
export const NOT_KNOWN = 3;

/**
 * The exit code of a command that ended by a defect, or at the second signal.
 *
 * @param argv as in `process.argv`
 */
export function crashCode(argv: readonly string[]): number {
  return argv.slice(2).find((word) => !word.startsWith("-")) === "check" ? NOT_KNOWN : FAILED;
}

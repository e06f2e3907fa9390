import { writeSync } from "node:fs";
import type { SerializedError } from "vitest";
import type { Reporter, TestModule, TestRunEndReason } from "vitest/node";

/** What a finished run adds up to. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Counts a run. Everything that went wrong is a failure, also where no test could run because of it: a file that
 * does not import, a hook that throws, an error nobody caught, a test that never ended. A run that failed
 * without any of these (no test file was found, it was interrupted) is one failure.
 */
export function tally(
  modules: readonly TestModule[],
  unhandledErrors: readonly SerializedError[],
  reason: TestRunEndReason,
): Tally {
  let passed = 0;
  let failed = unhandledErrors.length;
  let skipped = 0;
  for (const module of modules) {
    if (module.errors().length > 0) failed++;
    for (const suite of module.children.allSuites()) if (suite.errors().length > 0) failed++;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === "passed") passed++;
      else if (state === "skipped") skipped++;
      else failed++;
    }
  }
  if (reason !== "passed" && failed === 0) failed = 1;
  return { passed, failed, skipped };
}

/** The closing line: skipped tests are named only when there are some. */
export function closingLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/**
 * Prints the closing line after everything else, alone on a line. It is written when the process exits, because
 * other reporters and late warnings print after the end of the run.
 */
export default class TallyReporter implements Reporter {
  #line: string | null = null;

  onInit(): void {
    process.on("exit", () => {
      if (this.#line !== null) writeSync(1, `\n${this.#line}\n`);
    });
  }

  onTestRunEnd(
    modules: readonly TestModule[],
    unhandledErrors: readonly SerializedError[],
    reason: TestRunEndReason,
  ): void {
    this.#line = closingLine(tally(modules, unhandledErrors, reason));
  }
}

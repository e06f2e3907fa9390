import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // What is waited for has deadlines of its own; this one is for a machine that does much else.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores are enough for two files at a time; integration files own ports and processes.
    maxWorkers: 2,
    reporters: ["default", "./test/support/tally-reporter.ts"],
  },
});

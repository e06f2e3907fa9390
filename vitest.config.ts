import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Two cores are enough for two files at a time; integration files own ports and processes.
    maxWorkers: 2,
    reporters: ["default", "./test/support/tally-reporter.ts"],
  },
});

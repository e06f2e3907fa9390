import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { playScenario } from "../support/scenario.ts";

/* What a scenario file says is explained in README.md; a new one needs no code. */
const here = import.meta.dirname;
const files = readdirSync(here).filter((name) => name.endsWith(".yaml"));

describe("scenarios", () => {
  it("are there", () => {
    expect(files.length).toBeGreaterThanOrEqual(8);
  });

  it.each(files)("%s", { timeout: 60_000 }, (file) => {
    expect(playScenario(readFileSync(join(here, file), "utf8"))).toEqual([]);
  });
});

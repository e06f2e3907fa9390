import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FORMAT } from "../../../src/journal/records.ts";
import { StateFile } from "../../../src/journal/state-file.ts";
import type { Override } from "../../../src/model/gate.ts";

const OVERRIDE: Override = {
  slo: "pay",
  state: "open",
  author: "ann",
  reason: "drill",
  createdAt: 1_000,
  expiresAt: 2_000,
};

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "slogate-state-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const path = () => join(directory, "state.json");

describe("StateFile", () => {
  it("counts starts, so that every start's epoch is greater", async () => {
    const epochs: number[] = [];
    for (let i = 0; i < 3; i++) epochs.push((await StateFile.open(directory)).epoch);
    expect(epochs).toEqual([1, 2, 3]);
  });

  it("makes the directory, and those above it", async () => {
    const deep = join(directory, "a", "b");
    await StateFile.open(deep);
    expect(readdirSync(deep)).toEqual(["state.json"]);
  });

  it("goes on from the first format, and keeps it until what it held is safe elsewhere", async () => {
    writeFileSync(path(), JSON.stringify({ format: 1, epoch: 7, overrides: [OVERRIDE] }));
    expect(await StateFile.open(directory)).toMatchObject({ epoch: 8, overrides: [OVERRIDE] });
    const again = await StateFile.open(directory);
    expect(again).toMatchObject({ epoch: 9, overrides: [OVERRIDE] });
    await again.migrated();
    expect(JSON.parse(readFileSync(path(), "utf8"))).toEqual({ format: FORMAT, epoch: 9 });
    expect(await StateFile.open(directory)).toMatchObject({ epoch: 10, overrides: [] });
  });

  it("is not fooled by what a crash in the middle of a write left", async () => {
    await StateFile.open(directory);
    writeFileSync(join(directory, "state.json.new"), '{"format": 1, "epo');
    expect(await StateFile.open(directory)).toMatchObject({ epoch: 2, overrides: [] });
  });

  it.each([
    [
      "a newer format",
      `{"format":${FORMAT + 1},"epoch":9,"terms":[]}`,
      `has format ${FORMAT + 1}, this version reads 1 to ${FORMAT}; was it written by a newer slogate?`,
    ],
    ["no format", "[]", "has format undefined"],
    ["null", "null", "has format undefined"],
    ["a torn file", '{"format": 1, "epo', "is not valid JSON; move it away"],
    ["an empty file", "", "is not valid JSON"],
    ["an epoch that is none", '{"format":1,"epoch":"7","overrides":[]}', "lacks a sound epoch"],
    ["a negative epoch", '{"format":1,"epoch":-1,"overrides":[]}', "lacks a sound epoch"],
    ["no overrides", '{"format":1,"epoch":7}', "lacks a sound epoch or overrides"],
    ["an odd override", '{"format":1,"epoch":7,"overrides":[{"slo":"pay"}]}', "lacks a sound"],
  ])("refuses %s and leaves it as it is", async (_name, text, words) => {
    writeFileSync(path(), text);
    await expect(StateFile.open(directory)).rejects.toMatchObject({
      code: "STATE_UNUSABLE",
      retryable: false,
      message: expect.stringContaining(words),
    });
    expect(readFileSync(path(), "utf8")).toBe(text);
  });

  it("names the directory's key and path when it is a file", async () => {
    const file = join(directory, "file");
    writeFileSync(file, "");
    await expect(StateFile.open(file)).rejects.toMatchObject({
      code: "STATE_UNUSABLE",
      message: expect.stringMatching(/^state\.directory: .*file cannot be created/),
    });
  });

  it("says that it cannot write", async () => {
    // What any user may not write, root too.
    mkdirSync(join(directory, "state.json.new"));
    await expect(StateFile.open(directory)).rejects.toMatchObject({
      code: "STATE_UNUSABLE",
      message: expect.stringMatching(/^state\.directory: .* cannot be written: EISDIR/),
    });
  });

  it("says so when the state's place is taken by a folder", async () => {
    await StateFile.open(directory);
    rmSync(path());
    mkdirSync(path());
    await expect(StateFile.open(directory)).rejects.toMatchObject({
      code: "STATE_UNUSABLE",
      message: expect.stringContaining("state.json cannot be read"),
    });
  });
});

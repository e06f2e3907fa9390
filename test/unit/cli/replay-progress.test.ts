import { describe, expect, it } from "vitest";
import { Progress } from "../../../src/cli/replay/progress.ts";
import { captureIo } from "../../support/cli-io.ts";

describe("the progress of a replay", () => {
  it("is a bar on a terminal, and is taken away at the end", () => {
    const { io, err } = captureIo({ isTTY: true });
    const progress = new Progress(io, { bytes: 1000, bytesRead: () => 500 });
    progress.row(9_999);
    expect(err()).toBe("");
    progress.row(10_000);
    expect(err()).toContain(`${"█".repeat(12)}${"░".repeat(12)}  50 %  10,000 rows`);
    progress.end();
    expect(err().endsWith("\r\u001b[K")).toBe(true);
  });

  it("knows only the rows of standard input", () => {
    const { io, err } = captureIo({ isTTY: true });
    new Progress(io, { bytes: null, bytesRead: () => 0 }).row(20_000);
    expect(err()).toBe("\r\u001b[K20,000 rows");
  });

  it("is silent in a pipe", () => {
    const { io, err } = captureIo();
    new Progress(io, { bytes: 1000, bytesRead: () => 500 }).row(10_000);
    expect(err()).toBe("");
  });
});

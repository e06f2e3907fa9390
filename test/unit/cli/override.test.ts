import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type OverrideOptions, override } from "../../../src/cli/override.ts";
import type { HttpApi } from "../../../src/web/server.ts";
import { captureIo } from "../../support/cli-io.ts";
import { decision } from "../../support/decisions.ts";
import { freePort } from "../../support/free-port.ts";
import { GateSource } from "../../support/gate-source.ts";
import { serveGates } from "../../support/http-api.ts";

let source: GateSource;
let api: HttpApi;

beforeEach(async () => {
  source = new GateSource(decision({ slo: "pay" }));
  api = await serveGates(source, { write: "s3cret" });
});
afterEach(() => api.close());

async function run(over: Partial<OverrideOptions>, env: Record<string, string> = {}) {
  const captured = captureIo({ env: { USER: "ana", SLOGATE_TOKEN: "s3cret", ...env } });
  const code = await override({ slo: "pay", server: api.url, ...over }, captured.io);
  return { code, out: captured.out(), err: captured.err() };
}

const opening = { open: true, for: "2h", reason: "the fix" };

describe("override", () => {
  it("opens a gate for a while, with the user of the system as author", async () => {
    const before = Date.now();
    const { code, out } = await run(opening);
    expect(code).toBe(0);
    expect(out).toMatch(/^overridden\. pay: open \(override\)/);
    const [set] = source.overrides;
    expect(set).toMatchObject({ slo: "pay", state: "open", author: "ana", reason: "the fix" });
    expect((set?.expiresAt ?? 0) - (set?.createdAt ?? 0)).toBe(7_200_000);
    expect(set?.createdAt).toBeGreaterThanOrEqual(before);
  });

  it("closes a gate, in the name of another author", async () => {
    await run({ ...opening, open: false, close: true, author: "bo", for: "1.5h" });
    expect(source.overrides).toMatchObject([{ state: "closed", author: "bo" }]);
    const [set] = source.overrides;
    expect((set?.expiresAt ?? 0) - (set?.createdAt ?? 0)).toBe(5_400_000);
  });

  it("gives a gate back to the engine", async () => {
    await run(opening);
    const { code, out } = await run({ clear: true });
    expect(code).toBe(0);
    expect(out).toMatch(/^override cleared\. pay:/);
    expect(source.cleared).toEqual([{ slo: "pay", author: "ana" }]);
  });

  it("says so when there is nothing to give back", async () => {
    const { code, out } = await run({ clear: true });
    expect([code, out]).toEqual([0, expect.stringMatching(/^no override was set\. pay: closed /)]);
  });

  it("takes the token from the option before the environment", async () => {
    expect((await run({ ...opening, token: "s3cret" }, { SLOGATE_TOKEN: "old" })).code).toBe(0);
  });

  it.each([
    [{}, "exactly one of --open, --close and --clear"],
    [{ ...opening, clear: true }, "exactly one of"],
    [{ open: true, reason: "x" }, "--for 2h"],
    [{ open: true, reason: "x", for: "2 hours" }, "--for must be a duration"],
    [{ open: true, for: "2h" }, "say why with --reason"],
  ])("exits 2 for %j", async (over, words) => {
    const { code, err } = await run(over);
    expect(code).toBe(2);
    expect(err).toContain(words);
    expect(source.overrides).toEqual([]);
  });

  it("exits 2 without a token and says where it comes from", async () => {
    const { code, err } = await run(opening, { SLOGATE_TOKEN: "" });
    expect(code).toBe(2);
    expect(err).toContain("SLOGATE_TOKEN");
  });

  it.each([
    [{ token: "wrong" }, "needs the token of api.auth.write"],
    [{ slo: "pax" }, 'did you mean "pay"?'],
  ])("exits 1 when the engine refuses %j", async (over, words) => {
    const { code, err } = await run({ ...opening, ...over });
    expect(code).toBe(1);
    expect(err).toContain(words);
    expect(source.overrides).toEqual([]);
  });

  it.each([
    ['--for: must be at most 30 days ahead, found "400d"', { for: "400d" }],
    ['--for: must lie in the future, found "0s"', { for: "0s" }],
    ['--for: must be at most 30 days ahead, found "5w"', { for: "5w" }],
    ["--reason: must be at most 1000 characters, found 2000", { reason: "x".repeat(2000) }],
    ["--author: must be one line", { clear: true, open: false, author: "a\nb" }],
  ])("speaks of options where the engine speaks of keys: %s", async (words, over) => {
    const { code, err } = await run({ ...opening, ...over });
    expect(code).toBe(1);
    expect(err).toContain(words);
    expect(err).toMatch(/; for example slogate override payment-availability --open --for 2h /);
    expect(err).not.toMatch(/[{?]/);
  });

  it("exits 3 when the engine cannot be reached", async () => {
    const { code, err } = await run({ ...opening, server: `127.0.0.1:${await freePort()}` });
    expect(code).toBe(3);
    expect(err).toContain("connection refused");
  });
});

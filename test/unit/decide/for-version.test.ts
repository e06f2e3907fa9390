import { describe, expect, it } from "vitest";
import { forVersion } from "../../../src/decide/for-version.ts";
import type { VersionReport } from "../../../src/model/gate.ts";
import { decision } from "../../support/decisions.ts";

const version = (name: string, over: Partial<VersionReport> = {}): VersionReport => ({
  version: name,
  state: "open",
  total: 1000,
  bad: 1,
  budgetSpent: 0,
  suspect: false,
  serving: true,
  ...over,
});
const bad = version("2", { suspect: true, state: "closed", bad: 50 });
const blamed = decision({ reason: "bad-version", versions: [bad, version("1")] });

describe("the decision for one version", () => {
  it("is closed for the one that is to blame, also when it has stopped serving and the gate is open", () => {
    expect(forVersion(blamed, "2")).toMatchObject({ state: "closed", allowed: false });
    const open = decision({
      state: "open",
      allowed: true,
      reason: "ok",
      versions: [{ ...bad, serving: false }],
    });
    expect(forVersion(open, "2")).toMatchObject({
      state: "closed",
      allowed: false,
      reason: "bad-version",
      message: "version 2 is to blame: 50 bad of 1,000",
    });
  });

  it("is open for every other version, also one never seen: it may be the fix", () => {
    for (const name of ["1", "3"]) {
      expect(forVersion(blamed, name)).toMatchObject({
        state: "open",
        allowed: true,
        reason: "ok",
      });
    }
    expect(forVersion(blamed, "3").message).toContain("the blame is on version 2");
  });

  it("is the SLO's own where nobody is to blame, or one that served before the trouble, and names the version", () => {
    const closed = decision({ reason: "fast-burn", versions: [version("1")] });
    const { message } = closed;
    const own = { ...closed, message: `closed for version 1 as for every other: ${message}` };
    expect(forVersion(closed, "1")).toEqual(own);
    const versions = [{ ...bad, serving: false }, version("1")];
    expect(forVersion({ ...closed, versions }, "1")).toEqual({ ...own, versions });
  });

  it("is the SLO's own where the gate is not closed", () => {
    const open = decision({ state: "open", reason: "ok", versions: [version("1")] });
    expect(forVersion(open, "1")).toBe(open);
  });

  it("is the SLO's own under an override and a spent budget", () => {
    for (const reason of ["override", "budget-exhausted"] as const) {
      const all = decision({ reason, versions: [bad] });
      expect(forVersion(all, "2")).toBe(all);
    }
  });

  it("says of a version that it has not been heard of, whatever else it says", () => {
    const open = decision({ state: "open", reason: "ok", allowed: true });
    const override = decision({ reason: "override" });
    for (const all of [open, override, blamed, decision({ reason: "fast-burn", versions: [] })]) {
      const { message, ...answer } = forVersion(all, "9");
      expect(message).toMatch(/^.+; version 9 has not been heard of lately$/);
      expect(answer.allowed).toBe(all === open || all === blamed);
    }
    expect(forVersion(blamed, "1").message).not.toContain("heard of");
  });

  it("allows everything in shadow mode", () => {
    expect(forVersion({ ...blamed, mode: "shadow" }, "2")).toMatchObject({
      state: "closed",
      allowed: true,
    });
  });
});

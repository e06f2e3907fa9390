import { describe, expect, it } from "vitest";
import { decisionJson, decisionMessage } from "../../../src/publish/message.ts";
import { parseDecision } from "../../../src/publish/parse.ts";
import { decision } from "../../support/decisions.ts";

describe("parseDecision", () => {
  it("reads back what decisionJson wrote", () => {
    expect(parseDecision(decisionJson(decision()))).toEqual({
      decision: decisionMessage(decision()),
    });
  });

  it("bears fields and reasons of a later version", () => {
    const json = JSON.stringify({ ...decisionMessage(decision()), reason: "moon-phase", moon: {} });
    const parsed = parseDecision(json);
    expect(parsed).toMatchObject({ decision: { reason: "moon-phase", state: "closed" } });
    expect(parsed).not.toHaveProperty("decision.moon");
  });

  it("takes the explanations that are missing for unknown", () => {
    expect(parseDecision('{"slo":"a","state":"open","allowed":true}')).toMatchObject({
      decision: { validUntil: null, burn: {}, evidence: null, budget: { remaining: null } },
    });
  });

  it.each([
    ["<html>", /^is not JSON/],
    ["[]", "must be a decision object, found []"],
    ["null", "must be a decision object, found null"],
    ['{"state":"open","allowed":true}', "slo: must be a name, found nothing"],
    [
      '{"slo":"a","state":"ajar","allowed":true}',
      'state: must be open, closed or unknown, found "ajar"',
    ],
    ['{"slo":"a","state":"open","allowed":1}', "allowed: must be true or false, found 1"],
  ])("says what is wrong with %s", (json, problem) => {
    expect(parseDecision(json)).toEqual({
      problem: typeof problem === "string" ? problem : expect.stringMatching(problem),
    });
  });
});

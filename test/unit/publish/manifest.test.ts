import { expect, it } from "vitest";
import { flatData, publishedGates } from "../../../src/publish/manifest.ts";
import { decisionJson } from "../../../src/publish/message.ts";
import { decision } from "../../support/decisions.ts";

it("hands the versions that are to blame to the next leader", () => {
  const seen = { total: 100, bad: 0, budgetSpent: 0, serving: true } as const;
  const made = decision({
    versions: [
      { ...seen, version: "1.4.2", state: "closed", suspect: true },
      { ...seen, version: "1.4.1", state: "open", suspect: false },
    ],
  });
  expect(publishedGates({ "pay.json": decisionJson(made), "pay.allowed": "false" })).toMatchObject([
    { slo: made.slo, state: "closed", suspects: ["1.4.2"] },
  ]);
});

it("has no halves of characters in what the API server is to read", () => {
  const flat = flatData([decision({ message: "half of \ud83d" })], 1);
  expect(flat[`${decision().slo}.message`]).toBe("half of \ufffd");
});

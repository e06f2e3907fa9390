import { describe, expect, it } from "vitest";
import { playScenario } from "../../support/scenario.ts";

const scenario = (over: Record<string, unknown>) =>
  JSON.stringify({
    about: "an outage",
    slos: { pay: {} },
    load: { pay: "100/100 x1m, 0/100 x1m" },
    expect: [{ at: "1m30s", gate: "closed" }],
    ...over,
  });

describe("playScenario", () => {
  it("is silent when everything came true", () => {
    expect(playScenario(scenario({}))).toEqual([]);
  });

  it.each([
    [{ at: "50s", gate: "closed" }, "at 50 s"],
    [{ from: "20s", to: "1m30s", gate: "open" }, "at 6"],
    [{ at: "1m30s", reason: "slow-burn" }, "closed (fast-burn"],
    [{ at: "1m30s", allowed: true }, "allowed false"],
    [{ at: "1m30s", says: "tomorrow" }, "burn rate"],
  ])("says what came of %j instead", (expected, words) => {
    const failures = playScenario(scenario({ expect: [expected] }));
    expect(failures).toEqual([expect.stringContaining(words)]);
    expect(failures[0]).toMatch(/^an outage: at /);
  });

  it.each([
    [{ load: { pay: "a lot x1m" } }, 'must be such as "98/100 x45m"'],
    [{ load: { pya: "1/1 x1m" } }, "no SLO pya"],
    [{ expect: [{ at: "1m" }] }, "expects nothing"],
    [{ expect: [{ gate: "open" }] }, "needs either at"],
    [{ expect: [] }, "Too small"],
    [{ expects: [] }, "Unrecognized"],
    [{ slos: { pay: { target: 99.9 } } }, "99.9"],
  ])("refuses %j", (over, words) => {
    expect(() => playScenario(scenario(over))).toThrow(words);
  });
});

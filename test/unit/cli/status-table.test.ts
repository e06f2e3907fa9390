import { describe, expect, it } from "vitest";
import { countStates, statusTable } from "../../../src/cli/status-table.ts";
import type { GateDecision } from "../../../src/model/gate.ts";
import { decisionMessage } from "../../../src/publish/message.ts";
import { AT, decision, open } from "../../support/decisions.ts";

const gates = [
  open("cart-availability"),
  decision(),
  open("search", {
    state: "unknown",
    reason: "stale",
    burn: { "5m": null, "1h": 12.34 },
    budget: { ...decision().budget, remaining: null },
    forecast: { at: null, exhaustion: null },
  }),
].map(decisionMessage);
const table = (columns: number, colour = false) => statusTable(gates, { columns, now: AT, colour });

describe("the status table", () => {
  it("shows closed gates first, then unknown ones, then open ones", () => {
    expect(table(140)).toEqual([
      "GATE                SLO                   REASON          BURN  BUDGET LEFT  SPENT IN  FOR   WHY",
      "■ closed            payment-availability  fast-burn  41.2/15.9       71.0 %  11 h      30 s  burn rate 41.2 over 5m and 15.9 over 1h",
      "? unknown, allowed  search                stale         -/12.3            -  -         30 s  burn rate 0.4 over 5m and 0.3 over 1h",
      "○ open              cart-availability     ok         0.40/0.30       71.0 %  11 h      30 s  burn rate 0.4 over 5m and 0.3 over 1h",
    ]);
  });

  it.each([20, 30, 40, 50, 60, 70, 80, 90, 100, 120])("keeps to %i columns", (columns) => {
    for (const line of table(columns)) expect(line.length).toBeLessThanOrEqual(columns);
  });

  it.each([100, 110])("says why below a gate that is not open, with %i columns", (columns) => {
    const [, closed, why, unknown, whyUnknown, opened, ...rest] = table(columns);
    expect(closed).toMatch(/^■ closed .* 71\.0 %/);
    expect(why).toBe("    burn rate 41.2 over 5m and 15.9 over 1h");
    expect([unknown, whyUnknown]).toEqual([
      expect.stringMatching(/^\? unknown/),
      "    burn rate 0.4 over 5m and 0.3 over 1h",
    ]);
    expect(opened).toMatch(/^○ open/);
    expect(rest).toEqual([]);
  });

  it("breaks a long why at spaces and shortens what fills more than three lines", () => {
    const message =
      "burn rate 41.2 over 5m; recovered since 10:00:00Z, opens at 10:05:00Z if that lasts; ";
    const at = (text: string) =>
      statusTable([decisionMessage(decision({ message: text }))], {
        columns: 60,
        now: AT,
        colour: true,
      }).slice(2);
    expect(at(message.trim())).toEqual([
      "    burn rate 41.2 over 5m; recovered since 10:00:00Z, opens",
      "    at 10:05:00Z if that lasts;",
    ]);
    expect(at(message.repeat(5))).toEqual([
      expect.stringMatching(/^ {4}burn/),
      expect.stringMatching(/^ {4}at/),
      expect.stringMatching(/…$/),
    ]);
  });

  it("keeps state and name however narrow the terminal is", () => {
    expect(table(24)[1]).toBe("■ closed   payment-avai…");
  });

  it("says whether an unknown gate is allowed, and of a closed one when it is, at any width", () => {
    const at = (columns: number, over: Partial<GateDecision>): string | undefined =>
      statusTable([decisionMessage(decision(over))], { columns, now: AT, colour: false })[1];
    const unknown = { state: "unknown", reason: "stale" } as const;
    for (const columns of [1000, 80, 44]) {
      expect(at(columns, { ...unknown, allowed: true })).toMatch(/^\? unknown, allowed {2}payment/);
      expect(at(columns, { ...unknown, allowed: false })).toMatch(
        /^\? unknown, not allowed {2}pay/,
      );
      expect(at(columns, { mode: "shadow", allowed: true })).toMatch(
        /^■ closed, allowed {2}payment/,
      );
    }
    expect(at(30, { ...unknown, allowed: true })).toBe("? allowed  payment-availabili…");
    expect(at(20, { ...unknown, allowed: false })).toBe("? not allowed  paym…");
  });

  it.each(["open", "unknown"] as const)(
    "takes an expired decision for unknown and not allowed, whatever it says: %s",
    (state) => {
      const expired = decisionMessage(open("a", { state, validUntil: AT }));
      const [, line] = statusTable([expired], { columns: 80, now: AT, colour: false });
      expect(line).toMatch(/^\? unknown, not allowed {2}a +expired/);
    },
  );

  it("colours the state only", () => {
    expect(table(24, true)[1]).toBe("\u001b[31m■ closed \u001b[0m  payment-avai…");
  });

  it("counts", () => {
    expect(countStates(gates, AT)).toBe("1 closed, 1 unknown, 1 open");
    expect(countStates(gates, AT + 3_600_000)).toBe("0 closed, 3 unknown, 0 open");
  });
});

import { describe, expect, it } from "vitest";
import { DEMO_GATE, DEMO_HOLD, demoSlos } from "../../../../src/cli/demo/slos.ts";
import { DemoView } from "../../../../src/cli/demo/view.ts";
import { captureIo } from "../../../support/cli-io.ts";
import { decision, open } from "../../../support/decisions.ts";

const GATES = [open("cart-availability"), decision({ slo: "payment-availability" })];
const ESCAPE = "\u001b";

describe("DemoView", () => {
  it("writes only what happened, without colours, in a pipe", () => {
    const { io, out } = captureIo();
    const view = new DemoView(io, 1_000);
    view.event(13_345, `the gate is ${view.paint("red", "closed")}`);
    view.table(GATES, "Rolled back.");
    view.line("Done.");
    expect(out()).toBe(" 12.3 s  the gate is closed\nDone.\n");
  });

  it("draws the table on a terminal and takes it away before the next line", () => {
    const { io, out } = captureIo({ isTTY: true, env: { NO_COLOR: "1" } });
    const view = new DemoView(io, 0);
    view.table(GATES, "Rolled back.");
    const table = out();
    expect(table).toContain("payment-availability");
    expect(table).toContain("■ closed");
    expect(table).toContain("Rolled back.");
    const height = table.split("\n").length - 1;
    view.line("Done.");
    expect(out().slice(table.length)).toBe(`${ESCAPE}[${height}A${ESCAPE}[JDone.\n`);
  });

  it("never draws a line that would wrap", () => {
    const { io, out } = captureIo({ isTTY: true, columns: 50, env: { NO_COLOR: "1" } });
    new DemoView(io, 0).table([decision({ message: "x".repeat(500) })], "y".repeat(500));
    const long = out()
      .split("\n")
      .filter((line) => /[xy]{10}/.test(line));
    expect(long.map(({ length }) => length)).toEqual([49, 49, 49, 49, 49, 49]);
  });

  it.each([0, 80, 120])(
    "says all of why a gate is closed on a terminal of %i columns",
    (columns) => {
      const { io, out } = captureIo({ isTTY: true, columns, env: { NO_COLOR: "1" } });
      const message =
        "closed at 10:00:00Z by burn rate 41.2 over 5m and 15.9 over 1h (evidence 34.1 nats since 09:59:40Z); " +
        "now 30 and 12; the rest of the budget lasts 11 h at this rate; recovered since 10:00:30Z, opens at 10:00:40Z if that lasts";
      new DemoView(io, 0).table([decision({ message })], "Rolled back.");
      const lines = out().split("\n");
      expect(lines.join(" ")).toContain(`payment-availability: ${message} Rolled back.`);
      for (const line of lines) expect(line.length).toBeLessThan(columns || 80);
    },
  );

  it("names gate and version in the line of a transition", () => {
    const { io, out } = captureIo();
    const view = new DemoView(io, 1_000);
    view.transition(2_000, open("pay", { message: "all is well" }), "");
    view.transition(3_000, decision({ slo: "pay", message: "it burns" }), "with payment 1.4.2 out");
    expect(out()).toBe(
      "  1.0 s  open     pay: all is well\n  2.0 s  closed   pay, with payment 1.4.2 out: it burns\n",
    );
  });

  it("shows what is not known as a dash", () => {
    const { io, out } = captureIo({ isTTY: true, columns: 120, env: { NO_COLOR: "1" } });
    const unheard = decision({
      burn: { "5m": null },
      budget: { ...decision().budget, remaining: null },
    });
    new DemoView(io, 0).table([unheard], "");
    expect(out()).toMatch(/closed +- +- +1,204,400/);
  });
});

describe("demoSlos", () => {
  it("are sound and hold the gate that the story is about, with the hold that it tells of", () => {
    const { slos, problems, warnings } = demoSlos();
    expect([problems, warnings]).toEqual([[], []]);
    const gate = slos.find(({ name }) => name === DEMO_GATE);
    expect(gate?.policy.keepClosedForMs).toBe(Number.parseInt(DEMO_HOLD, 10) * 1_000);
  });
});

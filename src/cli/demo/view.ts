import { styleText } from "node:util";
import type { GateDecision } from "../../model/gate.ts";
import { type CliIo, columnsOf } from "../io.ts";
import { wrap } from "../wrap.ts";

type Colour = "green" | "red" | "yellow" | "bold" | "dim";

const STATE_COLOUR = { open: "green", closed: "red", unknown: "yellow" } as const;
const MOST_WHY_LINES = 5;
const MOST_STATUS_LINES = 2;
const STATE_MARK = { open: "●", closed: "■", unknown: "?" } as const;

/**
 * The demo's screen. On a terminal a table of gates is redrawn in place below the lines of what happened;
 * in a pipe there are only those lines.
 */
export class DemoView {
  private readonly io: CliIo;
  private readonly live: boolean;
  private readonly startedAt: number;
  private drawn = 0;

  constructor(io: CliIo, now: number) {
    this.io = io;
    this.live = io.stdout.isTTY === true;
    this.startedAt = now;
  }

  /** Something happened: a line that stays. */
  event(now: number, text: string): void {
    this.erase();
    const seconds = ((now - this.startedAt) / 1000).toFixed(1).padStart(5);
    this.io.stdout.write(`${this.paint("dim", `${seconds} s`)}  ${text}\n`);
  }

  /** A gate has changed its state. @param which what the shop runs then, such as "with payment 1.4.2"; may be empty */
  transition(now: number, { slo, state, message }: GateDecision, which: string): void {
    const name = which === "" ? slo : `${slo}, ${which}`;
    this.event(now, `${this.paint(STATE_COLOUR[state], state.padEnd(8))} ${name}: ${message}`);
  }

  /** A plain line that stays. */
  line(text = ""): void {
    this.erase();
    this.io.stdout.write(`${text}\n`);
  }

  /** The table of now; nothing in a pipe. */
  table(decisions: readonly GateDecision[], status: string): void {
    if (!this.live) return;
    const width = columnsOf(this.io.stdout) - 1;
    const lines = [
      "",
      this.paint(
        "bold",
        "gate                     state     burn 5m  budget left  requests       bad",
      ),
    ];
    for (const d of decisions) {
      const state = `${STATE_MARK[d.state]} ${d.state}`.padEnd(9);
      const remaining = d.budget.remaining;
      lines.push(
        `${d.slo.padEnd(25)}${this.paint(STATE_COLOUR[d.state], state)} ${burn(d.burn["5m"] ?? null)}  ${percent(remaining)}  ${count(d.budget.total)}  ${count(d.budget.bad)}`,
      );
    }
    const closed = decisions.find((d) => d.state === "closed");
    const why = closed === undefined ? "" : `${closed.slo}: ${closed.message}`;
    // A line longer than the terminal would wrap, and the table could not be taken away again.
    const told = [...wrap(why, width, MOST_WHY_LINES), ...wrap(status, width, MOST_STATUS_LINES)];
    lines.push(...told.map((line) => this.paint("dim", line)));
    this.erase();
    this.io.stdout.write(`${lines.join("\n")}\n`);
    this.drawn = lines.length;
  }

  paint(colour: Colour, text: string): string {
    return this.live && this.io.env.NO_COLOR === undefined ? styleText(colour, text) : text;
  }

  /** Takes the table away, so that a line can be written in its place. */
  private erase(): void {
    if (this.drawn > 0) this.io.stdout.write(`\u001b[${this.drawn}A\u001b[J`);
    this.drawn = 0;
  }
}

function burn(value: number | null): string {
  return (value === null ? "-" : value.toFixed(value >= 10 ? 0 : 1)).padStart(7);
}

function percent(ratio: number | null): string {
  return (ratio === null ? "-" : `${(ratio * 100).toFixed(1)} %`).padStart(11);
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en-US").padStart(8);
}

import type { DecisionMessage } from "../model/decision-message.ts";
import type { GateStateName } from "../model/gate.ts";
import type { UnixMs } from "../model/time.ts";
import { singleLine } from "../publish/sentence.ts";
import { instant, isExpired, RESET, STATE_COLOUR, STATE_SHAPE, spell } from "./words.ts";
import { cut, wrap } from "./wrap.ts";

export interface TableSettings {
  /** Width to keep to; lines of a pipe may be any length. */
  readonly columns: number;
  readonly now: UnixMs;
  readonly colour: boolean;
}

interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
  readonly cell: (d: DecisionMessage, state: GateStateName, now: UnixMs) => string;
}

const STATE_ORDER: Readonly<Record<GateStateName, number>> = { closed: 0, unknown: 1, open: 2 };
const GAP = "  ";
/** A sentence cut shorter than this tells nothing: it gets lines of its own. */
const LEAST_WHY = 40;
const MOST_WHY_LINES = 3;
const INDENT = "    ";
const LEAST_NAME = 5;

const STATE: Column = {
  title: "GATE",
  cell: (d, state, now) => {
    const remark = allowance(d, state, now);
    return `${STATE_SHAPE[state]} ${state}${remark === null ? "" : `, ${remark}`}`;
  },
};
/** Where names would have to be cut otherwise. The shape still tells the state. */
const SHORT_STATE: Column = {
  title: "GATE",
  cell: (d, state, now) => `${STATE_SHAPE[state]} ${allowance(d, state, now) ?? state}`,
};
const NAME: Column = { title: "SLO", cell: (d) => d.slo };
const REASON: Column = { title: "REASON", cell: reason };
const BURN: Column = { title: "BURN", isNumber: true, cell: burn };
const BUDGET: Column = {
  title: "BUDGET LEFT",
  isNumber: true,
  cell: (d) => (d.budget.remaining === null ? "-" : `${(d.budget.remaining * 100).toFixed(1)} %`),
};
const SPENT: Column = { title: "SPENT IN", cell: exhaustion };
const SINCE: Column = {
  title: "FOR",
  cell: (d, _, now) => {
    const since = instant(d.since);
    return since === null ? "-" : spell(now - since);
  },
};
const WHY: Column = { title: "WHY", cell: (d) => singleLine(d.message) };

const COLUMNS = [STATE, SHORT_STATE, NAME, REASON, BURN, BUDGET, SPENT, SINCE];
/** What a narrow terminal does without, first to last. */
const DISPENSABLE = [SPENT, SINCE, BUDGET, REASON, BURN];

/**
 * The table of all gates, closed ones first, as lines without their ends; it fits `columns`. Where no room is left for
 * the column WHY, it stands below each gate that is not open.
 */
export function statusTable(
  decisions: readonly DecisionMessage[],
  settings: TableSettings,
): string[] {
  const { now } = settings;
  const rows = decisions
    .map((d) => ({ d, state: isExpired(d, now) ? ("unknown" as const) : d.state }))
    .sort((a, b) => STATE_ORDER[a.state] - STATE_ORDER[b.state] || (a.d.slo < b.d.slo ? -1 : 1));
  const cells = new Map(
    COLUMNS.map((column) => [column, rows.map(({ d, state }) => column.cell(d, state, now))]),
  );
  const width = (column: Column): number =>
    Math.max(column.title.length, ...(cells.get(column) ?? []).map((text) => text.length));
  const total = (columns: readonly Column[]): number =>
    columns.reduce((sum, column) => sum + width(column), (columns.length - 1) * GAP.length);
  let shown: readonly Column[] = COLUMNS.filter((column) => column !== SHORT_STATE);
  for (const column of DISPENSABLE) {
    if (total(shown) <= settings.columns) break;
    shown = shown.filter((kept) => kept !== column);
  }
  if (total(shown) > settings.columns) shown = [SHORT_STATE, NAME];
  const missing = Math.max(0, total(shown) - settings.columns);
  const sized = (column: Column, text: string): string => {
    const most = column === NAME ? Math.max(LEAST_NAME, width(NAME) - missing) : width(column);
    return column.isNumber ? text.padStart(most) : cut(text, most).padEnd(most);
  };
  const whyWidth = settings.columns - total(shown) - GAP.length;
  const hasWhy = whyWidth >= LEAST_WHY;
  const line = (text: (column: Column) => string, why: string): string => {
    const parts = shown.map((column) => sized(column, text(column)));
    if (hasWhy) parts.push(cut(why, whyWidth));
    return parts.join(GAP).trimEnd();
  };
  return [
    line((column) => column.title, WHY.title),
    ...rows.flatMap(({ d, state }, i) => {
      const why = WHY.cell(d, state, now);
      const text = line((column) => cells.get(column)?.[i] ?? "", why);
      const below = hasWhy || state === "open" ? [] : whyBelow(why, settings.columns);
      if (!settings.colour) return [text, ...below];
      const length = width(shown[0] ?? STATE);
      const coloured = `${STATE_COLOUR[state]}${text.slice(0, length)}${RESET}`;
      return [`${coloured}${text.slice(length)}`, ...below];
    }),
  ];
}

/** `1 closed, 2 unknown, 14 open`. */
export function countStates(decisions: readonly DecisionMessage[], now: UnixMs): string {
  const count = { closed: 0, unknown: 0, open: 0 };
  for (const d of decisions) count[isExpired(d, now) ? "unknown" : d.state]++;
  return `${count.closed} closed, ${count.unknown} unknown, ${count.open} open`;
}

/** What `allowed` says where the state alone does not: an expired decision allows nothing, as for `check`. */
function allowance(
  d: DecisionMessage,
  state: GateStateName,
  now: UnixMs,
): "allowed" | "not allowed" | null {
  if (state === "unknown") return d.allowed && !isExpired(d, now) ? "allowed" : "not allowed";
  return state === "closed" && d.allowed ? "allowed" : null;
}

function reason(d: DecisionMessage, _: GateStateName, now: UnixMs): string {
  if (isExpired(d, now)) return "expired";
  return d.mode === "shadow" ? `${d.reason}, shadow` : d.reason;
}

/** Short and long window of the first pair: `41.2/15.9`. */
function burn(d: DecisionMessage): string {
  const [short, long] = Object.values(d.burn);
  return `${rate(short)}/${rate(long)}`;
}

function rate(value: number | null | undefined): string {
  if (value == null) return "-";
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

function exhaustion(d: DecisionMessage, _: GateStateName, now: UnixMs): string {
  if (d.budget.remaining !== null && d.budget.remaining <= 0) return "spent";
  const expected = instant(d.forecast.exhaustion?.expected ?? null);
  return expected === null ? "-" : spell(expected - now);
}

function whyBelow(why: string, columns: number): string[] {
  return wrap(why, columns - INDENT.length, MOST_WHY_LINES).map((line) => `${INDENT}${line}`);
}

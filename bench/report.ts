/** What repeated measurements come to. */
export interface Spread {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

export const ROUNDS = 6;

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
  return { median, lowest: sorted[0]!, highest: sorted.at(-1)! };
}

/** A table in Markdown: what run.ts appends to RESULTS.md. */
export function printTable(
  columns: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): void {
  const line = (cells: readonly (string | number)[]) => console.log(`| ${cells.join(" | ")} |`);
  line(columns);
  line(columns.map(() => "---"));
  for (const row of rows) line(row);
  console.log();
}

/** Three figures: more would claim more than the machine gives. */
export function figure(value: number): string {
  return Number(value.toPrecision(3)).toString();
}

export function figures({ median, lowest, highest }: Spread): [string, string] {
  return [figure(median), `${figure(lowest)} to ${figure(highest)}`];
}

/** A bench whose result is wrong has measured nothing. */
export function must(isTrue: boolean, message: string): void {
  if (!isTrue) throw new Error(message);
}

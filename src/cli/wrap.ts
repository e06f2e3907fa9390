/** Shortened to `most` characters, with "…" where something was left out. */
export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, Math.max(0, most - 1))}…`;
}

/**
 * A sentence as lines of at most `width` characters, broken at spaces; beyond `mostLines` it ends with "…".
 *
 * @param width at least 1
 */
export function wrap(text: string, width: number, mostLines: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width && lines.length < mostLines - 1) {
    const space = rest.lastIndexOf(" ", width);
    // A word wider than the line is broken where the line ends.
    const end = space > 0 ? space : width;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...lines, cut(rest, width)];
}

/** Names beyond this are not listed in an error: it is for reading. */
const MOST_KNOWN = 50;
/** Comparing a name with more candidates than this costs more than the hint is worth. */
const MOST_COMPARED = 2_000;
const LONGEST_NAME = 128;

/** What to tell somebody who asked for an SLO that does not exist. */
export function unknownSlo(
  name: string,
  known: readonly string[],
): { message: string; nearest: string | null; known: readonly string[] } {
  const near = nearest(name, known);
  const hint =
    known.length === 0
      ? "this engine has no SLOs; add OpenSLO files where `slos` of its configuration points"
      : near === null
        ? `known: ${known.slice(0, 5).join(", ")}${known.length > 5 ? ` and ${known.length - 5} more` : ""}`
        : `did you mean ${JSON.stringify(near)}?`;
  return {
    message: `no SLO named ${JSON.stringify(name.slice(0, LONGEST_NAME))}; ${hint}`,
    nearest: near,
    known: known.slice(0, MOST_KNOWN),
  };
}

/** The known name most like `name`: one letter or a third of them may differ, or one contains the other. */
export function nearest(name: string, known: readonly string[]): string | null {
  if (name === "" || name.length > LONGEST_NAME) return null;
  const wanted = name.toLowerCase();
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of known.slice(0, MOST_COMPARED)) {
    const distance = editDistance(wanted, candidate.toLowerCase().slice(0, LONGEST_NAME));
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  if (best !== null || wanted.length < 3) return best;
  return (
    known.find((candidate) => candidate.toLowerCase().includes(wanted)) ??
    known.find((candidate) => candidate.length >= 3 && wanted.includes(candidate.toLowerCase())) ??
    null
  );
}

/** Letters to insert, remove, replace or swap with their neighbour (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(replaced, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, (beforePrevious[j - 2] ?? 0) + 1);
      }
      row.push(least);
    }
    beforePrevious = previous;
    previous = row;
  }
  return previous[b.length] ?? 0;
}

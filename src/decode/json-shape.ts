/** What JSON.parse would have to build of a text. */
export interface JsonShape {
  /** Objects and lists. */
  readonly containers: number;
  /** The deepest nesting of them; counting ends one beyond `MAX_JSON_DEPTH`. */
  readonly depth: number;
  /**
   * Ways in which objects go on with one more name, each counted once: V8 keeps a description of every one. Less
   * than there are when some fall on one hash: by chance a few, more for who looks for such names. Names that are numbers count each time: each makes a table of its own.
   */
  readonly shapes: number;
}

/** An attribute of lists in lists takes three levels for each, and ends at 64 messages: a hundred levels. */
export const MAX_JSON_DEPTH = 256;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
/** `[` and `{`, `]` and `}` differ in this bit alone. */
const BRACE_BIT = 0x20;
const NINE = 0x39;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Marks of the shapes seen, and per level the hash of the names so far; of one text at a time. */
const seen = new Uint8Array(1 << 16);
const namesOf = new Int32Array(MAX_JSON_DEPTH + 1);

/**
 * Looks over a JSON text once, without building anything of it: in a text of 16 MiB can be five million empty objects, or a
 * million that share no shape, and JSON.parse is busy with those for many seconds. Says nothing about a text that is not JSON.
 */
export function jsonShape(bytes: Uint8Array): JsonShape {
  seen.fill(0);
  let containers = 0;
  let depth = 0;
  let deepest = 0;
  let shapes = 0;
  let stringStart = 0;
  let stringEnd = 0;
  const end = bytes.length;
  for (let pos = 0; pos < end; pos++) {
    const byte = bytes[pos]!;
    if (byte === QUOTE) {
      stringStart = ++pos;
      while (pos < end && bytes[pos] !== QUOTE) pos += bytes[pos] === BACKSLASH ? 2 : 1;
      stringEnd = Math.min(pos, end);
    } else if (byte === COLON) {
      const names = hashed(namesOf[depth]!, bytes, stringStart, stringEnd);
      namesOf[depth] = names;
      const mark = Math.imul(names, 0x9e3779b1) >>> 16;
      const first = bytes[stringStart]!;
      if (seen[mark] === 0 || first <= NINE || first === BACKSLASH) {
        seen[mark] = 1;
        shapes++;
      }
    } else if (byte > COMMA) {
      const brace = byte | BRACE_BIT;
      if (brace === OPEN) {
        containers++;
        depth++;
        if (depth > deepest) deepest = depth;
        if (depth > MAX_JSON_DEPTH) break;
        namesOf[depth] = 0;
      } else if (brace === CLOSE && depth > 0) depth--;
    }
  }
  return { containers, depth: deepest, shapes };
}

/** FNV-1a, going on from `hash`. */
function hashed(hash: number, bytes: Uint8Array, start: number, end: number): number {
  let value = hash ^ 0x811c9dc5;
  for (let i = start; i < end; i++) value = Math.imul(value ^ bytes[i]!, 0x01000193);
  return value;
}

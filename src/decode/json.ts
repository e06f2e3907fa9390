import { REQUESTS } from "./json-schema.ts";
import { jsonShape, MAX_JSON_DEPTH } from "./json-shape.ts";
import { JsonWriter } from "./json-writer.ts";

export type JsonResult =
  | { readonly bytes: Uint8Array }
  | { readonly problem: string; readonly code: "malformed" | "too-large" };

/**
 * Objects and lists of a request: JSON.parse and what follows take most of a second for them. 16 MiB of spans hold 460,000 with
 * ten attributes of the usual lengths, 610,000 with ten of the shortest, 840,000 when such attributes are all there is.
 */
export const MAX_JSON_CONTAINERS = 1_000_000;
/** OTLP has some seventy names; how they follow one another depends on what a sender leaves out: dozens of ways. */
export const MAX_JSON_SHAPES = 10_000;

/**
 * OTLP/JSON to OTLP/protobuf, so that one decoder reads both and both must count alike. Ids are hex,
 * enums integers, 64-bit integers strings or numbers, unknown fields are ignored.
 *
 * @returns protobuf bytes, or what is wrong and where, or what is too much of it
 * @see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
export function jsonToProtobuf(signal: "traces" | "metrics", bytes: Uint8Array): JsonResult {
  const excess = excessOf(bytes);
  if (excess !== null) return excess;
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch (error) {
    // The parser's message names the position; it may quote the input, so it is kept short.
    const text = error instanceof Error ? error.message : String(error);
    return malformed(`not valid JSON: ${text.slice(0, 120)}`);
  }
  const writer = new JsonWriter(bytes.length);
  const problem = writer.message(REQUESTS[signal], value, "$", 0);
  return problem === null ? { bytes: writer.finished() } : malformed(problem);
}

/** What would block the process for many seconds is refused before it is parsed. */
function excessOf(bytes: Uint8Array): JsonResult | null {
  const { containers, depth, shapes } = jsonShape(bytes);
  if (depth > MAX_JSON_DEPTH) return malformed(`nested deeper than ${MAX_JSON_DEPTH} levels`);
  if (shapes > MAX_JSON_SHAPES) {
    const problem = `its objects have more than ${MAX_JSON_SHAPES} different sequences of field names`;
    return malformed(`${problem}, which no sender of OTLP writes`);
  }
  if (containers <= MAX_JSON_CONTAINERS) return null;
  const problem = `the request holds ${containers} JSON objects and lists, more than ${MAX_JSON_CONTAINERS}`;
  return { problem: `${problem}; send smaller batches, or protobuf`, code: "too-large" };
}

function malformed(problem: string): JsonResult {
  return { problem, code: "malformed" };
}

const decoder = new TextDecoder("utf-8", { fatal: true });

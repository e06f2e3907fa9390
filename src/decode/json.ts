import { REQUESTS } from "./json-schema.ts";
import { JsonWriter } from "./json-writer.ts";

export type JsonResult = { readonly bytes: Uint8Array } | { readonly problem: string };

/**
 * OTLP/JSON to OTLP/protobuf, so that one decoder reads both and both must count alike. Ids are hex,
 * enums integers, 64-bit integers strings or numbers, unknown fields are ignored.
 *
 * @returns protobuf bytes, or what is wrong and where
 * @see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
export function jsonToProtobuf(signal: "traces" | "metrics", bytes: Uint8Array): JsonResult {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch (error) {
    // The parser's message names the position; it may quote the input, so it is kept short.
    const text = error instanceof Error ? error.message : String(error);
    return { problem: `not valid JSON: ${text.slice(0, 120)}` };
  }
  const writer = new JsonWriter(bytes.length);
  const problem = writer.message(REQUESTS[signal], value, "$", 0);
  return problem === null ? { bytes: writer.finished() } : { problem };
}

const decoder = new TextDecoder("utf-8", { fatal: true });

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonToProtobuf } from "../../../src/decode/json.ts";
import { metricsRequest, tracesRequest } from "../../support/otlp.ts";
import { protobufOfJson } from "../../support/otlp-proto.ts";

const convert = (signal: "traces" | "metrics", json: unknown) =>
  jsonToProtobuf(signal, new TextEncoder().encode(JSON.stringify(json)));

function converted(signal: "traces" | "metrics", json: unknown): Uint8Array {
  const result = convert(signal, json);
  if ("problem" in result) throw new Error(result.problem);
  return result.bytes.slice();
}

const span = (fields: object) => ({ resourceSpans: [{ scopeSpans: [{ spans: [fields] }] }] });
const point = (fields: object) => ({
  resourceMetrics: [{ scopeMetrics: [{ metrics: [{ sum: { dataPoints: [fields] } }] }] }],
});

describe("OTLP/JSON", () => {
  it.each<["traces" | "metrics", object]>([
    ["traces", span({ traceId: "0A".repeat(16), spanId: "ff".repeat(8), name: "naïve ✓ 🎉" })],
    ["traces", span({ endTimeUnixNano: "18446744073709551615", kind: 2, status: { code: 2 } })],
    [
      "traces",
      span({
        attributes: [
          { key: "a", value: { intValue: "-9223372036854775808" } },
          { key: "b", value: { intValue: 200 } },
          { key: "c", value: { doubleValue: -0.25 } },
          { key: "d", value: { boolValue: false } },
          { key: "e", value: { stringValue: "" } },
          { key: "f", value: { arrayValue: { values: [{ stringValue: "x" }, { intValue: 1 }] } } },
          { key: "g", value: { kvlistValue: { values: [{ key: "h", value: {} }] } } },
        ],
      }),
    ],
    ["metrics", point({ asInt: "-5", timeUnixNano: "1", flags: 1 })],
    ["metrics", point({ asDouble: 1e300 })],
  ])("gives the bytes that another encoder writes: %s %j", (signal, json) => {
    const other = protobufOfJson(signal, new TextEncoder().encode(JSON.stringify(json)));
    expect(Buffer.from(converted(signal, json))).toEqual(Buffer.from(other));
  });

  it("does so for long requests too", () => {
    const spans = Array.from({ length: 300 }, (_, i) => ({
      service: `service ${i % 7}`,
      attributes: { long: "é".repeat(i * 7), "http.response.status_code": i },
    }));
    const json = tracesRequest(spans, "json");
    const result = jsonToProtobuf("traces", json);
    if ("problem" in result) throw new Error(result.problem);
    // The other encoder also writes fields that nobody reads (flags, dropped counts): what is ours is read alike.
    const again = protobufOfJson("traces", json);
    expect(result.bytes.length).toBeLessThan(again.length);
    expect(result.bytes.length).toBeGreaterThan(again.length * 0.9);
  });

  it("writes histograms that other encoders would pack", () => {
    const json = metricsRequest(
      { service: "shop" },
      [
        {
          name: "d",
          points: [{ startUnixMs: 1, timeUnixMs: 2, value: { bounds: [1, 2], counts: [3, 4, 5] } }],
        },
      ],
      "json",
    );
    expect(jsonToProtobuf("metrics", json)).toHaveProperty("bytes");
  });

  it.each([
    ["numbers as strings", point({ asDouble: "1.5e3" }), point({ asDouble: 1500 })],
    ["null for nothing", span({ name: null, attributes: null }), span({})],
    [
      "unknown fields",
      span({ name: "a", unknown: { deep: [1] }, events: "any" }),
      span({ name: "a" }),
    ],
  ])("may have %s", (_what, json, same) => {
    const signal = "resourceSpans" in json ? "traces" : "metrics";
    expect(converted(signal, json)).toEqual(converted(signal, same));
  });

  it.each(["NaN", "Infinity", "-Infinity"])("may have %s as text", (number) => {
    const bytes = converted("metrics", point({ asDouble: number }));
    const view = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 8);
    expect(Object.is(view.getFloat64(0, true), Number(number))).toBe(true);
  });

  it.each<[string, unknown, string]>([
    ["a double", point({ asDouble: "0x10" }), 'must be a number, found "0x10"'],
    ["a double named like a method", point({ asDouble: "toString" }), "must be a number"],
    ["an empty double", point({ asDouble: "" }), 'must be a number, found ""'],
    ["an int beyond 64 bits", point({ asInt: "9223372036854775808" }), "does not fit sfixed64"],
    ["a negative time", point({ timeUnixNano: -1 }), "does not fit fixed64"],
    ["an int with an exponent", point({ asInt: 1e25 }), "must be a whole number"],
    [
      "an element that is null",
      { resourceMetrics: [null] },
      "$.resourceMetrics[0]: must be an object",
    ],
    ["text for a message", { resourceMetrics: ["x"] }, 'found "x"'],
  ])("that has %s wrong says what and where", (_what, json, problem) => {
    const result = convert("metrics", json);
    expect("problem" in result && result.problem).toContain(problem);
  });

  it("of any values never throws and never explains at length", () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        for (const wrapped of [json, `{"resourceSpans":${json}}`, `{"resourceSpans":[${json}]}`]) {
          const result = jsonToProtobuf("traces", new TextEncoder().encode(wrapped));
          if ("problem" in result) expect(result.problem.length).toBeLessThan(300);
        }
      }),
    );
  });

  it("of bytes that are no UTF-8 is refused", () => {
    expect(jsonToProtobuf("traces", Uint8Array.of(0x22, 0xff, 0x22))).toHaveProperty("problem");
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonToProtobuf, MAX_JSON_CONTAINERS, MAX_JSON_SHAPES } from "../../../src/decode/json.ts";
import { MAX_JSON_DEPTH } from "../../../src/decode/json-shape.ts";
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

describe("OTLP/JSON that would take many seconds to parse", () => {
  const MIB = 1024 * 1024;
  const converted = (text: string) => jsonToProtobuf("traces", new TextEncoder().encode(text));
  const spans = (...texts: string[]) =>
    `{"resourceSpans":[{"scopeSpans":[{"spans":[${texts.join()}]}]}]}`;
  const times = (count: number, text: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => text(i)).join();

  it.each<[string, string]>([
    ["empty spans", spans(times(MAX_JSON_CONTAINERS, () => "{}"))],
    ["lists that nobody reads", `{"a":[${times(MAX_JSON_CONTAINERS, () => "[]")}]}`],
  ])("is too large when it is %s, and says how many they are", (_what, text) => {
    const result = converted(text);
    expect(result).toMatchObject({ code: "too-large" });
    expect("problem" in result && result.problem).toMatch(
      new RegExp(`10000\\d\\d JSON objects and lists.*${MAX_JSON_CONTAINERS}.*smaller batches`),
    );
  });

  it.each<[string, string]>([
    ["lists in lists", `{"a":${"[".repeat(MIB)}${"]".repeat(MIB)}}`],
    ["objects in objects", `${'{"a":'.repeat(1_000)}1${"}".repeat(1_000)}`],
  ])("is malformed when it is %s", (_what, text) => {
    expect(converted(text)).toEqual({
      code: "malformed",
      problem: `nested deeper than ${MAX_JSON_DEPTH} levels`,
    });
  });

  const many = 2 * MAX_JSON_SHAPES;
  it.each<[string, string]>([
    ["one of its own for each object", times(many, (i) => `{"k${i}":0}`)],
    [
      "the same ones in ever another order",
      times(many, (i) => `{"a${i % 200}":0,"b${Math.floor(i / 200)}":0}`),
    ],
    ["numbers", times(many, () => '{"9999":0}')],
    ["numbers in disguise", times(many, () => '{"\\u0039999":0}')],
  ])("is malformed when its field names are %s", (_what, objects) => {
    const result = converted(`{"a":[${objects}]}`);
    expect(result).toMatchObject({ code: "malformed" });
    expect("problem" in result && result.problem).toContain("sequences of field names");
  });

  it("is told from the same characters inside strings", () => {
    const text = JSON.stringify('[{"a":[{"'.repeat(MAX_JSON_CONTAINERS / 4));
    expect(converted(spans(`{"name":${text}}`))).toHaveProperty("bytes");
  });

  it("is more than 16 MiB of spans with ten short attributes are", () => {
    const attributes = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`k${i}`, i]));
    const one = tracesRequest([{ service: "shop", attributes }], "json");
    const parsed = JSON.parse(new TextDecoder().decode(one));
    const span = JSON.stringify(parsed.resourceSpans[0].scopeSpans[0].spans[0]);
    expect(span).toContain('"k9"');
    const text = spans(...Array.from({ length: (16 * MIB) / span.length - 1 }, () => span));
    expect(text.length).toBeGreaterThan(15.9 * MIB);
    expect(converted(text)).toHaveProperty("bytes");
  });
});

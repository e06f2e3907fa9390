import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { jsonSchemas } from "../../../src/config/json-schema.ts";

const folder = fileURLToPath(new URL("../../../deploy/schema/", import.meta.url));
const update = process.env.UPDATE === "1";

describe("the JSON Schemas for editors", () => {
  it.each(Object.entries(jsonSchemas()))(
    "deploy/schema/%s is current (UPDATE=1 rewrites it)",
    (name, schema) => {
      const text = `${JSON.stringify(schema, null, 2)}\n`;
      if (update) {
        mkdirSync(folder, { recursive: true });
        writeFileSync(folder + name, text);
      }
      // Compared as values: the repository's formatter may lay the file out its own way.
      expect(JSON.parse(readFileSync(folder + name, "utf8"))).toEqual(JSON.parse(text));
    },
  );

  it("forbid unknown keys and name the recursive matcher", () => {
    const schema = JSON.stringify(jsonSchemas()["openslo-slo.schema.json"]);
    expect(schema).toContain('"#/$defs/SpanMatcher"');
    expect(schema).toContain('"additionalProperties":false');
  });
});

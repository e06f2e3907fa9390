import { z } from "zod";
import { DOCUMENTS } from "./schema.ts";
import { settingsSchema } from "./settings-schema.ts";

/** A JSON Schema document (2020-12), ready to be written. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** The schemas editors use, by file name below `deploy/schema/`; generated from what validates. */
export function jsonSchemas(): Readonly<Record<string, JsonSchema>> {
  const { SLO, ...others } = DOCUMENTS;
  return {
    "openslo-slo.schema.json": titled(
      "OpenSLO v1 documents as slogate reads them",
      z.union([SLO, ...Object.values(others)]),
    ),
    "slogate.schema.json": titled("slogate.yaml", settingsSchema),
  };
}

function titled(title: string, schema: z.ZodType): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(schema, {
    io: "input",
    // `not supported` keys have no JSON Schema of their own: nothing may stand there.
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema._zod.def.type === "undefined") jsonSchema.not = {};
    },
  });
  return { $schema, title, ...rest };
}

import { describe, expect, it } from "vitest";
import { NO_VERSION, OTHER_VERSION, VersionTable } from "../../../src/aggregate/versions.ts";

const idOf = (table: VersionTable, name: string) => {
  const bytes = new TextEncoder().encode(`[${name}]`);
  return table.idOf(bytes, 1, bytes.length - 1);
};

describe("the table of versions", () => {
  it("gives every name one number, and the number its name", () => {
    const table = new VersionTable(5_000);
    const ids = Array.from({ length: 4_000 }, (_, i) => idOf(table, `1.${i}-é`));
    expect(new Set(ids).size).toBe(4_000);
    ids.forEach((id, i) => {
      expect(idOf(table, `1.${i}-é`)).toBe(id);
      expect(table.names[id]).toBe(`1.${i}-é`);
    });
  });

  it("knows the empty name as none", () => {
    expect(idOf(new VersionTable(), "")).toBe(NO_VERSION);
  });

  it("is bounded: what is new beyond the limit is other, what is known stays", () => {
    const table = new VersionTable(10);
    const ids = Array.from({ length: 1_000 }, (_, i) => idOf(table, `v${i}`));
    expect(table.names).toHaveLength(10);
    expect(ids.filter((id) => id === OTHER_VERSION)).toHaveLength(992);
    expect(idOf(table, "v0")).toBe(ids[0]);
  });
});

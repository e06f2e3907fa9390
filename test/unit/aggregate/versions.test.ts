import { describe, expect, it } from "vitest";
import { VersionTable } from "../../../src/aggregate/versions.ts";
import { NO_VERSION, OTHER_VERSION } from "../../../src/model/delta.ts";
import { HOUR, MINUTE } from "../../../src/model/time.ts";

const idOf = (table: VersionTable, name: string, now = 0) => {
  const bytes = new TextEncoder().encode(`[${name}]`);
  return table.idOf(bytes, 1, bytes.length - 1, now);
};

describe("the table of versions", () => {
  it("gives every name one number, and the number its name", () => {
    const table = new VersionTable(5_000);
    const ids = Array.from({ length: 4_000 }, (_, i) => idOf(table, `1.${i}-é`));
    expect(new Set(ids).size).toBe(4_000);
    ids.forEach((id, i) => {
      expect(idOf(table, `1.${i}-é`)).toBe(id);
      expect(table.nameOf(id)).toBe(`1.${i}-é`);
    });
    expect(table.nameOf(idOf(table, "\ufeff1.0"))).toBe("\ufeff1.0");
  });

  it("knows the empty name as none", () => {
    const table = new VersionTable();
    expect(idOf(table, "")).toBe(NO_VERSION);
    expect(table.nameOf(NO_VERSION)).toBe("");
  });

  it("is bounded: what is new beyond the limit is other, what is known stays", () => {
    const table = new VersionTable(10);
    const ids = Array.from({ length: 1_000 }, (_, i) => idOf(table, `v${i}`));
    expect(table.size).toBe(10);
    expect(ids.filter((id) => id === OTHER_VERSION)).toHaveLength(990);
    expect(idOf(table, "v0")).toBe(ids[0]);
  });

  it("forgets when it is full what was not used for a day, and gives its number to nobody else", () => {
    const table = new VersionTable(3);
    const [old, busy, young] = [
      idOf(table, "old"),
      idOf(table, "busy"),
      idOf(table, "young", HOUR),
    ];
    idOf(table, "busy", 23 * HOUR);
    expect(idOf(table, "new", 24 * HOUR - 1)).toBe(OTHER_VERSION);
    const later = 24 * HOUR + MINUTE;
    const fresh = idOf(table, "new", later);
    expect(table.nameOf(fresh)).toBe("new");
    expect([old, busy, young]).not.toContain(fresh);
    expect(table.nameOf(old)).toBe("other");
    expect(idOf(table, "busy", later)).toBe(busy);
    expect(idOf(table, "young", later)).toBe(young);
    expect(idOf(table, "old", later)).toBe(OTHER_VERSION);
  });

  it("takes an id's use for its name's", () => {
    const table = new VersionTable(1);
    const id = idOf(table, "a");
    expect(table.use(id, 20 * HOUR)).toBe(true);
    expect(idOf(table, "b", 30 * HOUR)).toBe(OTHER_VERSION);
    const next = idOf(table, "b", 44 * HOUR);
    expect(next).toBeGreaterThan(id);
    expect(table.use(id, 44 * HOUR)).toBe(false);
    expect([NO_VERSION, OTHER_VERSION].map((shared) => table.use(shared, 0))).toEqual([true, true]);
  });

  it("comes back with the same numbers in any order, and forgets nothing for a day then", () => {
    const table = new VersionTable(2);
    const bytes = (name: string) => new TextEncoder().encode(name);
    table.restore(9, bytes("b"));
    table.restore(4, bytes("a"));
    table.restore(4, bytes("a"));
    const now = 100 * HOUR;
    expect([idOf(table, "a", now), idOf(table, "b", now)]).toEqual([4, 9]);
    expect([...table.ids()].toSorted()).toEqual([4, 9]);
    const again = new VersionTable(2);
    for (const [id, name] of [
      [2, "a"],
      [3, "b"],
      [4, "c"],
    ] as const)
      again.restore(id, bytes(name));
    expect(idOf(again, "d", now)).toBe(OTHER_VERSION);
    expect(idOf(again, "c", now + HOUR)).toBe(4);
    expect(idOf(again, "d", now + 24 * HOUR)).toBe(5);
    expect([2, 3, 4].map((id) => again.nameOf(id))).toEqual(["other", "other", "c"]);
  });
});

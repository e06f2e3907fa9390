import { describe, expect, it } from "vitest";
import { FingerprintMemory } from "../../../src/journal/fingerprints.ts";

const MINUTE = 60_000;
const START = Date.UTC(2026, 4, 4, 10);
/** As admission asks: known already? If not, from now on. */
const seen = (memory: FingerprintMemory, fingerprint: Uint32Array, now: number) => {
  const known = memory.has(fingerprint, now);
  memory.add(fingerprint, now);
  return known;
};
const of = (i: number) => Uint32Array.of(1, i, i ^ 0x5555, 7, 9);

describe("the memory of fingerprints", () => {
  it("knows a fingerprint from its second time on", () => {
    const memory = new FingerprintMemory(100);
    expect(seen(memory, of(1), START)).toBe(false);
    expect(seen(memory, of(1), START)).toBe(true);
    expect(seen(memory, of(2), START)).toBe(false);
  });

  it("compares all five words", () => {
    const memory = new FingerprintMemory(100);
    const words = [1, 2, 3, 4, 5];
    seen(memory, Uint32Array.from(words), START);
    for (let i = 0; i < 5; i++) {
      const other = words.map((word, at) => (at === i ? word + 100 : word));
      expect(seen(memory, Uint32Array.from(other), START)).toBe(false);
    }
  });

  it("remembers for at least 15 minutes, whenever the fingerprint came", () => {
    for (let offset = 0; offset < 45; offset++) {
      const memory = new FingerprintMemory(1_000);
      let i = 1_000;
      const tick = (until: number) => {
        for (; i < 1_000 + until; i++) seen(memory, of(i), START + (i - 1_000) * MINUTE);
      };
      tick(offset);
      seen(memory, of(1), START + offset * MINUTE);
      tick(offset + 15);
      expect(seen(memory, of(1), START + (offset + 15) * MINUTE - 1)).toBe(true);
    }
  });

  it("forgets after 30 minutes at the latest, with traffic in between and without", () => {
    const busy = new FingerprintMemory(1_000);
    seen(busy, of(1), START);
    for (let minute = 1; minute < 31; minute++)
      seen(busy, of(100 + minute), START + minute * MINUTE);
    expect(seen(busy, of(1), START + 31 * MINUTE)).toBe(false);
    const silent = new FingerprintMemory(1_000);
    seen(silent, of(1), START);
    expect(seen(silent, of(1), START + 31 * MINUTE)).toBe(false);
    expect(silent.forgottenEarly).toBe(0);
  });

  it("that is full forgets the oldest early and says how many", () => {
    const memory = new FingerprintMemory(100);
    for (let i = 0; i < 200; i++) seen(memory, of(i), START + i);
    expect(memory.forgottenEarly).toBe(0);
    // Both generations are full: the 201st displaces the first hundred.
    seen(memory, of(200), START + 200);
    expect(memory.forgottenEarly).toBe(100);
    expect(seen(memory, of(150), START + 201)).toBe(true);
    expect(seen(memory, of(50), START + 201)).toBe(false);
  });

  it("keeps answering right when it is as full as can be", () => {
    const memory = new FingerprintMemory(1_000);
    // First words that fall into the same place of the table.
    const same = (i: number) => Uint32Array.of(i + 1, 4_096, i, 0, 0);
    for (let i = 0; i < 1_000; i++) expect(seen(memory, same(i), START)).toBe(false);
    for (let i = 0; i < 1_000; i++) expect(seen(memory, same(i), START)).toBe(true);
  });

  it("survives a clock that goes back", () => {
    const memory = new FingerprintMemory(100);
    seen(memory, of(1), START);
    expect(seen(memory, of(1), START - 3_600_000)).toBe(true);
    expect(seen(memory, of(2), START - 3_600_000)).toBe(false);
    expect(seen(memory, of(2), START)).toBe(true);
  });
});

import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Change } from "../../../src/ports/transition-queue.ts";
import { Outbox } from "../../../src/publish/outbox.ts";
import { decision } from "../../support/decisions.ts";

let folder: string;
let path: string;
let problems: unknown[];
const opened: Outbox[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slogate-outbox-"));
  path = join(folder, "outbox.log");
  problems = [];
});
afterEach(() => {
  for (const outbox of opened.splice(0)) outbox.close();
  rmSync(folder, { recursive: true, force: true });
});

function open(limit = 100): Outbox {
  const outbox = Outbox.open({ path, limit, onProblem: (error) => problems.push(error) });
  opened.push(outbox);
  return outbox;
}

/** As after a kill -9: nothing is closed. */
const reopen = open;

function change(sequence: number, slo = "pay"): Change {
  return { decision: decision({ slo, sequence }) };
}

/** "pay 1", "-pay" for a removal. */
function shown(changes: readonly Change[]): string[] {
  return changes.map((c) =>
    "removed" in c ? `-${c.removed}` : `${c.decision.slo} ${c.decision.sequence}`,
  );
}

function rest(outbox: Outbox): string[] {
  const all: string[] = [];
  for (let taken = outbox.take(1000); taken.length > 0; taken = outbox.take(1000)) {
    all.push(...shown(taken));
    outbox.settled();
  }
  return all;
}

const begin = (outbox: Outbox, epoch: number, options: { after?: number; slos?: string[] } = {}) =>
  outbox.begin({ epoch, after: options.after ?? 0, slos: options.slos ?? ["pay"] });

describe("an outbox", () => {
  it("counts what has yet to go out, taken or not", () => {
    const outbox = open();
    begin(outbox, 1);
    outbox.push([change(1), change(2), change(3)]);
    outbox.take(2);
    expect(outbox.unsettled).toBe(3);
    outbox.settled();
    expect(outbox.unsettled).toBe(1);
  });

  it("gives changes in the order in which they came, each until it is settled", () => {
    const outbox = open();
    begin(outbox, 1);
    outbox.push([change(1), change(2)]);
    outbox.push([change(3)]);
    expect(shown(outbox.take(2))).toEqual(["pay 1", "pay 2"]);
    expect(shown(outbox.take(2))).toEqual(["pay 1", "pay 2"]);
    outbox.settled();
    expect(outbox.length).toBe(1);
    expect(rest(outbox)).toEqual(["pay 3"]);
  });

  it("has after a kill what was not settled, under the next epoch too", () => {
    const outbox = open();
    begin(outbox, 1);
    outbox.push([change(1), change(2), change(3)]);
    outbox.take(1);
    outbox.settled();
    outbox.take(1);
    const next = reopen();
    expect(begin(next, 2)).toBe(0);
    expect(rest(next)).toEqual(["pay 2", "pay 3"]);
  });

  it("keeps decisions whole across a restart", () => {
    const outbox = open();
    begin(outbox, 1);
    const message = 'line\nbreak "quote" \u2028 € 🚦';
    outbox.push([{ decision: decision({ message }) }]);
    expect(reopen().take(1)).toEqual([{ decision: decision({ message }) }]);
  });

  it("gives up what another leader has overtaken, and says how much", () => {
    const outbox = open();
    begin(outbox, 5);
    outbox.push([change(1), change(2)]);
    outbox.take(1);
    const next = reopen();
    // Someone led in term 6; ours is 7.
    expect(begin(next, 7, { after: 6 })).toBe(2);
    expect(rest(next)).toEqual([]);
  });

  it("keeps what was made in the last term when that was its own, also after starts that led nothing", () => {
    const outbox = open();
    begin(outbox, 5);
    outbox.push([change(1)]);
    const next = reopen();
    expect(begin(next, 9, { after: 5 })).toBe(0);
    expect(rest(next)).toEqual(["pay 1"]);
  });

  it("drops the oldest beyond its limit, but not what is taken, and counts", () => {
    const outbox = open(3);
    begin(outbox, 1);
    outbox.push([change(1), change(2), change(3)]);
    outbox.take(1);
    // 2, 3, 4, 5, 6 wait beside the taken 1: the oldest two of them go.
    expect(outbox.push([change(4), change(5), change(6)])).toBe(2);
    outbox.settled();
    expect(rest(outbox)).toEqual(["pay 4", "pay 5", "pay 6"]);
  });

  it("keeps to its limit across a restart", () => {
    const outbox = open(3);
    begin(outbox, 1);
    for (let i = 1; i <= 10; i++) outbox.push([change(i)]);
    expect(rest(reopen(3))).toEqual(["pay 8", "pay 9", "pay 10"]);
  });

  it("leaves out a record that was torn at the end", () => {
    const outbox = open();
    begin(outbox, 1);
    outbox.push([change(1), change(2)]);
    outbox.close();
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.subarray(0, bytes.length - 10));
    const next = reopen();
    next.push([change(3)]);
    expect(rest(reopen())).toEqual(["pay 1", "pay 3"]);
  });

  it("leaves out a record that was damaged in the middle, and settles the right ones", () => {
    const outbox = open();
    begin(outbox, 1);
    outbox.push([change(1), change(2), change(3), change(4)]);
    outbox.take(1);
    outbox.settled();
    outbox.close();
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.replace('"sequence":2', '"sequence":7'));
    expect(rest(reopen())).toEqual(["pay 3", "pay 4"]);
  });

  it("bears any bytes in its file", () => {
    for (const bytes of [
      Buffer.from([0, 255, 10, 200]),
      Buffer.from("{}\n{}\n"),
      Buffer.alloc(5000),
    ]) {
      writeFileSync(path, bytes);
      const outbox = open();
      begin(outbox, 1);
      outbox.push([change(1)]);
      expect(rest(reopen())).toEqual(["pay 1"]);
    }
  });

  it("stays small however much passes through", () => {
    const outbox = open();
    begin(outbox, 1);
    for (let i = 1; i <= 3_000; i++) {
      outbox.push([change(i)]);
      outbox.take(1);
      outbox.settled();
    }
    // A record has about 1.5 KB; the file is written anew at 1 MiB of settled ones.
    expect(statSync(path).size).toBeLessThan(1.1 * 1024 * 1024);
    expect(outbox.length).toBe(0);
  });

  it("ends a batch where decisions and removals meet", () => {
    const outbox = open();
    begin(outbox, 1);
    outbox.push([change(1), { removed: "pay" }, change(2)]);
    expect(shown(outbox.take(10))).toEqual(["pay 1"]);
    outbox.settled();
    expect(shown(outbox.take(10))).toEqual(["-pay"]);
    outbox.settled();
    expect(rest(outbox)).toEqual(["pay 2"]);
  });

  it("removes an SLO that went while the engine was down, once", () => {
    const outbox = open();
    begin(outbox, 1, { slos: ["pay", "cart"] });
    const second = reopen();
    begin(second, 2, { slos: ["pay"] });
    // Not sent yet when the engine is killed again.
    const third = reopen();
    begin(third, 3, { slos: ["pay"] });
    expect(rest(third)).toEqual(["-cart"]);
    const fourth = reopen();
    begin(fourth, 4, { slos: ["pay"] });
    expect(rest(fourth)).toEqual([]);
  });

  it("removes an SLO that came and went since the term began", () => {
    const outbox = open();
    begin(outbox, 1);
    outbox.push([change(1, "new")]);
    rest(outbox);
    const next = reopen();
    begin(next, 2);
    expect(rest(next)).toEqual(["-new"]);
  });

  it("goes on in memory when the file cannot be written, says so once, and writes again when it can", () => {
    const outbox = open();
    begin(outbox, 1);
    rmSync(folder, { recursive: true });
    // The open file still takes records; the next file has no folder.
    begin(outbox, 2);
    begin(outbox, 3);
    outbox.push([change(1)]);
    expect(problems).toHaveLength(1);
    expect(shown(outbox.take(1))).toEqual(["pay 1"]);
  });

  it("cannot be opened on a path that is no file, and says which key that is", () => {
    expect(() => Outbox.open({ path: folder, limit: 1, onProblem: () => undefined })).toThrow(
      /^state\.directory: .* cannot be used/,
    );
  });

  it("does not take a foreign line for a record", () => {
    const outbox = open();
    begin(outbox, 1);
    outbox.push([change(1)]);
    appendFileSync(path, '00000000 {"number":9,"change":{"removed":"pay"}}\n');
    expect(rest(reopen())).toEqual(["pay 1"]);
  });
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ReplayOptions, replay } from "../../../src/cli/replay.ts";
import { captureIo } from "../../support/cli-io.ts";
import { sloFile } from "../../support/slo-file.ts";

interface Line {
  readonly t: number;
  readonly slo?: string;
  readonly state?: string;
  readonly reason?: string;
  readonly burn?: Readonly<Record<string, number | null>>;
  readonly horizon_s?: number;
  readonly level?: number;
  readonly tte_s?: number | null;
  readonly summary?: Readonly<Record<string, unknown>>;
}

let directory: string;
let sloPath: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "slogate-replay-"));
  sloPath = write("pay.yaml", sloFile({ name: "pay", service: "payment", target: 0.999 }));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function write(name: string, content: string | Buffer): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

/** Rows of `total` requests every `step` seconds; `badAt` says how many of them fail. */
function csv(
  rows: number,
  { start = 0, step = 60, total = 600, badAt = (_row: number): number => 0 } = {},
): string {
  const lines = ["t,total,bad"];
  for (let i = 0; i < rows; i++) lines.push(`${start + i * step},${total},${badAt(i)}`);
  return `${lines.join("\n")}\n`;
}

async function play(text: string | Buffer, over: Partial<ReplayOptions> = {}, name = "counts.csv") {
  const captured = captureIo();
  const options: ReplayOptions = {
    counts: name === "-" ? "-" : write(name, text),
    slo: sloPath,
    name: null,
    json: true,
    periodRequests: null,
    budgetSpent: null,
    forecastEveryMs: null,
    compare: false,
    ...over,
  };
  const code = await replay(options, captured.io, Readable.from([text]));
  const lines = over.json === false ? [] : parse(captured.out());
  return {
    code,
    lines,
    out: captured.out(),
    err: captured.err(),
    changes: lines.flatMap(({ t, state, reason }) => (state ? [`${t} ${state} ${reason}`] : [])),
    summary: lines.at(-1)?.summary ?? {},
  };
}

function parse(out: string): Line[] {
  return out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
}

/** Three healthy hours, a quarter of an hour in which a tenth fails, two healthy hours. */
const INCIDENT = { badAt: (row: number) => (row >= 180 && row < 195 ? 60 : 0) };

describe("replay", () => {
  it("writes a line at every transition, on the data's clock, and a summary", async () => {
    const { changes, summary, lines, code } = await play(csv(300, INCIDENT));
    expect(code).toBe(0);
    const [warming, opened, closed, again, ...rest] = changes;
    expect([warming, opened]).toEqual(["60 unknown warming-up", "120 open ok"]);
    // The first bad minute is 10 800 to 10 860; its row arrives at its end. 60 bad of 0.6 at burn 1 are 99 burn-minutes,
    // below the 201.6 that a lone tick must bring; the second row brings the second tick.
    expect(closed).toBe("10920 closed fast-burn");
    expect(again).toMatch(/^\d+ open ok$/);
    const reopened = Number(again?.split(" ")[0]);
    expect(reopened).toBeGreaterThanOrEqual(11_700 + 360);
    expect(rest).toEqual([]);
    // 120 of 3 000, and of 36 000
    expect(lines[2]?.burn?.["5m"]).toBeCloseTo(40, 6);
    expect(lines[2]?.burn?.["1h"]).toBeCloseTo(3.333, 3);
    expect(summary).toEqual({
      slo: "pay",
      rows: 300,
      duplicates: 0,
      state: "open",
      closings: 1,
      closedSeconds: reopened - 10_920,
      firstClosedAt: 10_920,
      total: 180_000,
      bad: 900,
      budgetRemaining: expect.any(Number),
    });
  });

  it("does not open on rows without a request", async () => {
    const zeros = Array.from({ length: 120 }, (_, i) => `${(i + 1) * 60},0,0`);
    const { changes, summary } = await play(["t,total,bad", "0,3,3", ...zeros].join("\n"));
    expect(changes).toEqual(["60 unknown warming-up"]);
    expect(summary).toMatchObject({ state: "unknown" });
  });

  it("gives the same decisions for the same counts in epoch seconds", async () => {
    const epoch = Date.UTC(2026, 4, 4) / 1000;
    const [relative, absolute] = [
      await play(csv(300, INCIDENT)),
      await play(csv(300, { ...INCIDENT, start: epoch })),
    ];
    expect(
      absolute.lines.slice(0, -1).map(({ t, ...line }) => ({ t: t - epoch, ...line })),
    ).toEqual(relative.lines.slice(0, -1));
  });

  it("reads good instead of bad, .gz, standard input, comments, blank lines and other columns", async () => {
    const { out } = await play(csv(300, INCIDENT));
    const good = csv(300, INCIDENT)
      .trimEnd()
      .split("\n")
      .map((line, i) => {
        if (i === 0) return "\uFEFF t , note, good ,total\r\n# from the archive\n";
        const [t, total, bad] = line.split(",").map(Number);
        return `${t},x, ${(total ?? 0) - (bad ?? 0)} ,${total}`;
      })
      .join("\r\n");
    expect((await play(good)).out).toBe(out);
    expect((await play(gzipSync(csv(300, INCIDENT)), {}, "counts.csv.gz")).out).toBe(out);
    expect((await play(csv(300, INCIDENT), {}, "-")).out).toBe(out);
  });

  it("writes sentences on a terminal, with times that people read", async () => {
    const start = Date.UTC(2026, 4, 4, 7) / 1000;
    const { out } = await play(csv(300, { ...INCIDENT, start }), { json: false });
    expect(out).toMatch(/^2026-05-04 10:02:00Z +closed +fast-burn: burn rate 40 over 5m and /m);
    expect(out).toMatch(
      /^pay: 300 rows; 900 bad of 180,000; closed once for \d+ min, first at 2026-05-04 10:02:00Z; -?\d\S* % of the error budget is left; open at the end$/m,
    );
    expect(out).not.toMatch(/\d{7}/);
  });

  it("writes measured numbers into a pipe without the noise of their arithmetic", async () => {
    const { out } = await play(csv(120, { badAt: () => 1, total: 300 }), {
      forecastEveryMs: 1_800_000,
      periodRequests: 1_000_000,
    });
    expect(out).toMatch(/"burn":\{"5m":3.33333,/);
    expect(out).toMatch(/"budgetRemaining":0\.88[,}]/);
    expect(out).not.toMatch(/\d\.\d{9}/);
  });

  it("counts days of data that do not say their date", async () => {
    const { out } = await play(csv(300, INCIDENT), { json: false });
    expect(out).toMatch(
      /^day 0 03:02:00Z +closed +fast-burn: burn rate 40 over 5m and 3\.33 over 1h \(evidence \d+ nats since/m,
    );
  });

  it("notices silence between rows", async () => {
    const [before, after] = [
      csv(30, { step: 10 }),
      csv(30, { step: 10, start: 1000 }).split("\n").slice(1),
    ];
    const { changes } = await play(before + after.join("\n"));
    expect(changes.map((line) => line.replace(/^\d+ /, ""))).toEqual([
      "unknown warming-up",
      "open ok",
      "unknown no-data",
      "open ok",
    ]);
    // The last row of the first part ends at 300; more than a minute later it is known to be silence.
    expect(Number(changes[2]?.split(" ")[0])).toBeLessThan(300 + 75);
  });

  it("counts a row that comes late in its own second, when it comes", async () => {
    // The bad rows of seconds 100 to 129 arrive a minute late.
    const rows = ["t,total,bad,lag"];
    for (let t = 0; t < 300; t++) {
      rows.push(`${t},100,0,`);
      if (t >= 160 && t < 190) rows.push(`${t - 60},50,50,60`);
    }
    const { changes, summary } = await play(rows.join("\n"));
    const closed = changes.find((line) => line.includes("closed"));
    expect(Number(closed?.split(" ")[0])).toBeGreaterThan(160);
    expect(Number(closed?.split(" ")[0])).toBeLessThan(175);
    expect(summary).toMatchObject({ total: 30_000 + 1500, bad: 1500 });
  });

  it("counts the same id once", async () => {
    const { summary } = await play(
      "t,total,bad,id\n0,10,1,a\n60,10,1,b\n60,10,1,a\n120,10,1,\n180,10,1,\n",
    );
    expect(summary).toMatchObject({ rows: 5, duplicates: 1, total: 40, bad: 4 });
  });

  it("takes the smallest step for the interval, when the first rows have gaps", async () => {
    const { summary } = await play(
      "t,total,bad\n0,10,0\n3600,10,0\n3610,10,0\n3620,10,0\n7200,10,0\n",
    );
    expect(summary).toMatchObject({ rows: 5, total: 50 });
  });

  it("holds five rows of a minute in five minutes, and one of five minutes", async () => {
    const { lines } = await play(
      csv(100, { step: 300, total: 3000, badAt: (i) => (i >= 90 ? 300 : 0) }),
    );
    const closed = lines.find(({ state }) => state === "closed");
    expect(closed?.burn?.["5m"]).toBeCloseTo(100, 6);
  });

  it("knows what --period-requests and --budget-spent say", async () => {
    // 0.001 x 1 000 000 = 1 000 allowed, 900 of them spent before; 6 bad a minute spend the rest in 17 rows.
    const spent = { periodRequests: 1_000_000, budgetSpent: 0.9 };
    const { changes, summary } = await play(csv(120, { badAt: () => 6, total: 6000 }), spent);
    expect(changes).toContain("1020 closed budget-exhausted");
    expect(summary).toMatchObject({ bad: 900 + 720, state: "closed" });
    const calm = await play(csv(60), spent);
    expect(calm.changes.at(-1)).toContain("open ok");
    expect(calm.summary.budgetRemaining).toBeCloseTo(0.1, 6);
  });

  it("wants to know what --budget-spent is a share of", async () => {
    await expect(play(csv(2), { budgetSpent: 0.2 })).rejects.toThrow("share of what?");
  });

  it("writes forecasts on request", async () => {
    const { lines } = await play(csv(240, { badAt: (i) => i % 2 }), { forecastEveryMs: 1_800_000 });
    const at = lines.filter(({ t }) => t >= 7200 && t < 7260);
    expect(at.map(({ horizon_s, level }) => [horizon_s ?? "tte", level])).toEqual([
      [3600, 0.8],
      [3600, 0.95],
      [86_400, 0.8],
      [86_400, 0.95],
      ["tte", 0.8],
      ["tte", 0.95],
    ]);
    const times = new Set(lines.flatMap(({ t, horizon_s }) => (horizon_s ? [t] : [])));
    expect(times.size).toBeGreaterThanOrEqual(6);
  });

  it("takes late parts when they arrive, and counts a batch that comes twice once", async () => {
    const text = [
      "t,lag,total,bad,id",
      "0,10,100,0,a",
      "10,10,100,0,b",
      "10,10,100,0,b",
      "0,25,7,1,c",
      "20,10,100,0,d",
      "0,30,7,1,c",
    ].join("\n");
    const { summary } = await play(text);
    expect(summary).toMatchObject({ rows: 6, duplicates: 2, total: 307, bad: 1 });
  });

  it("decides on what has arrived, at the second of its arrival", async () => {
    // The bad part of every interval comes 30 s late.
    const rows = Array.from({ length: 120 }, (_, i) => {
      const bad = i >= 60 ? 300 : 0;
      return [`${10 * i},10,${1000 - bad},0`, `${10 * i},40,${bad},${bad}`];
    }).flat();
    const inOrder = rows
      .map((row) => ({ row, at: Number(row.split(",")[0]) + Number(row.split(",")[1]) }))
      .sort((a, b) => a.at - b.at);
    const { changes } = await play(
      ["t,lag,total,bad", ...inOrder.map(({ row }) => row)].join("\n"),
    );
    // The first bad part arrives at 600 + 40, the second ten seconds later.
    expect(changes.at(-1)).toBe("650 closed fast-burn");
  });

  it("blames the version whose rows fail, within two intervals", async () => {
    const rows = ["t,lag,version,total,bad"];
    for (let t = 0; t < 4000; t += 10) {
      rows.push(`${t},10,1.4.1,9900,3`);
      if (t >= 3600) rows.push(`${t},10,1.4.2,100,5`);
    }
    const { changes } = await play(rows.join("\n"));
    expect(changes.at(-1)).toBe("3620 closed bad-version");
  });

  it("compares policies on the same counts", async () => {
    const { out } = await play(csv(300, INCIDENT), { compare: true });
    const { compare } = JSON.parse(out) as {
      compare: { policy: string; closings: number; budgetSpentBefore: number }[];
    };
    expect(compare.map(({ policy }) => policy)).toEqual([
      "the SLO's own",
      "sequential, low",
      "sequential, normal",
      "sequential, high",
      "windows, all pairs",
      "windows, fastest pair",
    ]);
    expect(compare.every(({ closings }) => closings === 1)).toBe(true);
    const [own, , , , , fastest] = compare;
    // 120 bad by the second row, 480 until the hour's window says 13.4; of 180 000 in 5 h projected to 28 d.
    expect(own!.budgetSpentBefore).toBeLessThan(fastest!.budgetSpentBefore / 2);
    const table = await play(csv(300, INCIDENT), { compare: true, json: false });
    expect(table.out.split("\n")[0]).toMatch(/^policy +closings +hours closed +budget spent/);
    expect(table.out).toMatch(/^sequential, normal +1 +0\.3 +\S+ %$/m);
  });

  it("says which SLOs a file holds when it must be told which", async () => {
    const two = write(
      "two.yaml",
      ["a", "b"].map((name) => sloFile({ name, service: name })).join("\n---\n"),
    );
    const { code, err } = await play(csv(3), { slo: two });
    expect([code, err]).toEqual([
      2,
      expect.stringContaining("holds 2 SLOs (a, b); name one with --name"),
    ]);
    expect((await play(csv(3), { slo: two, name: "c" })).err).toContain('none of them "c"');
    expect((await play(csv(3), { slo: two, name: "b" })).summary.slo).toBe("b");
  });

  it("prints what is wrong with the SLO", async () => {
    const { code, err } = await play(csv(3), { slo: write("bad.yaml", "kind: SLO\n") });
    expect(code).toBe(2);
    expect(err).toContain("bad.yaml");
  });
});

describe("replay: counts that may not be meant so", () => {
  it("are played without a word when they are", async () => {
    expect((await play(csv(10))).err).toBe("");
    const late = "t,total,bad,lag\n0,10,0,5\n5,10,0,5\n0,10,0,12\n";
    expect((await play(late)).err).toBe("");
  });

  it("names a column that it does not know, and what may be meant", async () => {
    const { code, err } = await play("t,total,bad,vesion,note\n0,10,0,1.4,x\n60,10,0,1.4,x\n");
    expect(code).toBe(0);
    expect(err).toMatch(
      /^slogate: \S+counts\.csv:1: the column "vesion" is not known and ignored; did you mean version\?\n/,
    );
    expect(err).toContain(
      'the column "note" is not known and ignored; known: t, total, good, bad, version, lag, id\n',
    );
  });

  it("tells of the first row that goes back in time without a lag, once", async () => {
    const { code, err, summary } = await play(
      "t,total,bad\n0,10,0\n5,10,0\n10,10,0\n5,10,0\n0,10,0\n15,10,0\n",
    );
    expect([code, summary.total]).toEqual([0, 60]);
    expect(err).toMatch(/^slogate: \S+counts\.csv:5: t goes back from 10 to 5: .* sort the rows, /);
    expect(err.match(/goes back/g)).toHaveLength(1);
  });
});

describe("replay: counts that cannot be read", () => {
  it.each([
    ["an empty file", "", /:1: is empty; wanted a header such as "t,total,bad"/],
    ["no rows", "t,total,bad\n", /holds no row of counts/],
    ["a missing column", "t,total\n0,1\n", /:1: the header lacks bad \(or good\); found t, total/],
    ["a column named twice", "t,total,bad,t\n0,1,0,1\n", /:1: the header names t twice/],
    ["no number", "t,total,bad\n0,1,0\n60,ten,0\n", /:3: total: must be a number, found "ten"/],
    ["an empty cell", "t,total,bad\n0,,0\n", /:2: total: must be a number, found ""/],
    ["a missing cell", "t,total,bad\n0,1\n", /:2: bad: must be a number, found ""/],
    ["infinity", "t,total,bad\n0,1,0\n1,1e999,0\n", /:3: total: must be a number, found "1e999"/],
    [
      "more bad than all",
      "t,total,bad\n0,5,6\n",
      /:2: bad must be between 0 and total, found total 5 and bad 6/,
    ],
    ["more good than all", "t,total,good\n0,5,6\n", /:2: .*found total 5 and bad -1/],
    ["a negative time", "t,total,bad\n-60,5,0\n", /:2: t: must not be negative, found -60/],
    [
      "milliseconds",
      "t,total,bad\n0,1,0\n1764000000000,5,0\n",
      /:3: t: must be seconds, found 1764000000000, which would be 2025-11-24T16:00:00.000Z in milliseconds: divide t, .* by 1,000/,
    ],
    [
      "microseconds",
      "t,total,bad\n1764000000000000,5,0\n",
      /:2: t: .* in microseconds: .* 1,000,000/,
    ],
    [
      "nanoseconds",
      "t,total,bad\n1764000000000000000,5,0\n",
      /:2: t: .* in nanoseconds: .* 1,000,000,000/,
    ],
    ["a time beyond all", "t,total,bad\n1e30,5,0\n", /:2: t: must be seconds, found 1e\+30/],
    ["a negative lag", "t,total,bad,lag\n0,5,0,-1\n", /:2: lag: must not be negative, found -1/],
    [
      "disorder",
      "t,total,bad\n0,5,0\n60,5,0\n0,5,0\n",
      /order of arrival \(t \+ lag\), found t 0 .* 60 s later/,
    ],
  ])("tells of %s", async (_name, text, words) => {
    await expect(play(text)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringMatching(words),
    });
  });

  it.each([
    ["a missing file", { counts: "/nowhere/counts.csv" }, "cannot be read: no such file"],
    ["a missing .gz", { counts: "/nowhere/counts.csv.gz" }, "cannot be read: no such file"],
    ["a folder", { counts: tmpdir() }, "is a folder, not a file"],
  ])("tells of %s", async (_name, over, words) => {
    await expect(play("", over)).rejects.toThrow(words);
  });

  it("tells of a .gz that is none, and of one that was cut off", async () => {
    await expect(play(csv(10), {}, "plain.csv.gz")).rejects.toThrow("is not gzip, though its name");
    const whole = gzipSync(csv(1000));
    await expect(play(whole.subarray(0, whole.length / 2), {}, "cut.csv.gz")).rejects.toThrow(
      "the gzip data end too early",
    );
  });
});

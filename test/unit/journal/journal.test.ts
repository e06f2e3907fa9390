import { afterEach, describe, expect, it, vi } from "vitest";
import { HOUR, MINUTE, SECOND } from "../../../src/model/time.ts";
import { CountingGates } from "../../support/counting-gates.ts";
import { FakeDisk, randomFrom } from "../../support/fake-disk.ts";
import { HASTY, openJournal, request } from "../../support/journal-rig.ts";
import { waitFor } from "../../support/wait.ts";

const NOW = Date.UTC(2026, 4, 4, 10);
const FULL = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });

const start = (disk: FakeDisk, over: Partial<Parameters<typeof openJournal>[2]> = {}) =>
  openJournal(disk, new CountingGates(3), { now: NOW, ...over });

describe("a committed request", () => {
  it("is counted when its sender hears of it, and not before it is on disk", async () => {
    const disk = new FakeDisk();
    const { journal, gates, send } = await start(disk);
    disk.held = true;
    const answer = send(request(1, NOW, [{ slo: 1, total: 5 }]));
    await waitFor(() => (disk.held && journal.state().commits === 1 ? true : undefined), {
      what: "the first commit alone",
    });
    expect(gates.tally()).toEqual({});
    disk.release();
    expect(await answer).toBeNull();
    expect(gates.tally()).toEqual({ [`1 ${NOW / 1000}`]: 5 });
    await journal.close();
  });

  it("is there after SIGKILL and after a power failure, and its retry is recognised", async () => {
    const disk = new FakeDisk();
    const first = await start(disk);
    await first.send(request(1, NOW, [{ slo: 1, total: 5 }]));
    for (const left of [disk.afterKill(), disk.afterPowerLoss(randomFrom(1))]) {
      const next = await start(left);
      expect(next.gates.tally()).toEqual({ [`1 ${NOW / 1000}`]: 5 });
      let answered = false;
      expect(
        next.journal.admit(request(1, NOW + MINUTE, [{ slo: 1, total: 5 }]), () => {
          answered = true;
        }),
      ).toBe("duplicate");
      expect(answered).toBe(true);
      await next.journal.close();
    }
    await first.journal.close();
  });

  it("shares its commit with others that wait", async () => {
    const disk = new FakeDisk();
    const { journal, send } = await start(disk);
    disk.held = true;
    const answers = Array.from({ length: 50 }, (_, i) =>
      send(request(i, NOW, [{ slo: 0, total: 1 }])),
    );
    await waitFor(() => (disk.held ? true : undefined), { what: "nothing" });
    disk.release();
    await Promise.all(answers);
    expect(disk.syncs).toBeLessThanOrEqual(3);
    await journal.close();
  });
});

describe("a retry that overlaps its request", () => {
  it("waits for that one's outcome: counted once, both acknowledged", async () => {
    const disk = new FakeDisk();
    const { journal, gates, send } = await start(disk);
    disk.held = true;
    const answers = [1, 2, 3].map(() => send(request(7, NOW, [{ slo: 0, total: 4 }])));
    disk.release();
    expect(await Promise.all(answers)).toEqual([null, null, null]);
    expect(gates.tally()).toEqual({ [`0 ${NOW / 1000}`]: 4 });
    await journal.close();
  });

  it("is refused with it when the commit fails", async () => {
    const disk = new FakeDisk();
    const { journal, gates, send } = await start(disk);
    disk.failing = { append: FULL };
    const answers = [1, 2].map(() => send(request(7, NOW, [{ slo: 0, total: 4 }])));
    for (const answer of await Promise.all(answers)) {
      expect(answer).toMatchObject({ code: "state-unavailable", retryAfterMs: 2 * SECOND });
    }
    expect(gates.tally()).toEqual({});
    await journal.close();
  });
});

describe("a disk that fails", () => {
  it.each([["append"], ["sync"], ["create"]] as const)(
    "at %s: requests are refused and counted when they come again, ticks go on",
    async (what) => {
      const disk = new FakeDisk();
      const life = await start(disk);
      const { journal, gates, send, logged } = life;
      await send(request(1, NOW, [{ slo: 0, total: 1 }]));
      disk.failing = { append: FULL, [what]: FULL };
      const lost = request(2, NOW, [{ slo: 0, total: 10 }]);
      expect(await send(lost)).toMatchObject({
        code: "state-unavailable",
        message: "the state cannot be stored (ENOSPC: no space left on device, write)",
      });
      expect(journal.state().trouble).toContain("ENOSPC");
      expect(await send(request(1, NOW, [{ slo: 0, total: 1 }]))).toBeNull();
      journal.ticked(NOW + SECOND, 1, 1);
      disk.failing = {};
      await waitFor(() => (journal.state().trouble === null ? true : undefined), {
        what: "the journal to come back by itself",
      });
      expect(await send(lost)).toBeNull();
      expect(gates.tally()).toEqual({ [`0 ${NOW / 1000}`]: 11 });
      expect(logged.filter((line) => line.includes("cannot be stored"))).toHaveLength(1);
      expect(logged.at(-1)).toContain("can be stored again");
      const next = await start(disk.afterKill());
      expect(next.gates.tally()).toEqual({ [`0 ${NOW / 1000}`]: 11 });
      expect(next.gates.ticks).toBe(1);
      await Promise.all([journal.close(), next.journal.close()]);
    },
  );

  it("does not count what it has refused, though the disk may hold it", async () => {
    const disk = new FakeDisk();
    const { journal, send } = await start(disk);
    disk.failing = { sync: new Error("EIO: i/o error, fdatasync") };
    const refused = request(2, NOW, [{ slo: 0, total: 10 }]);
    expect(await send(refused)).toMatchObject({ code: "state-unavailable" });
    disk.failing = {};
    await waitFor(() => (journal.state().trouble === null ? true : undefined), { what: "it" });
    const next = await start(disk.afterKill());
    expect(next.gates.tally()).toEqual({});
    await Promise.all([journal.close(), next.journal.close()]);
  });

  it("counts what it has refused once when the process dies before it can say so on disk", async () => {
    const disk = new FakeDisk();
    const { journal, send } = await start(disk);
    disk.failing = { sync: new Error("EIO: i/o error, fdatasync") };
    const refused = request(2, NOW, [{ slo: 0, total: 10 }]);
    expect(await send(refused)).toMatchObject({ code: "state-unavailable" });
    const next = await start(disk.afterKill());
    expect(await next.send(refused)).toBeNull();
    expect(next.gates.tally()).toEqual({ [`0 ${NOW / 1000}`]: 10 });
    await Promise.all([journal.close(), next.journal.close()]);
  });

  it("keeps no more than an hour's ticks, however often it fails late", async () => {
    const disk = new FakeDisk();
    const { journal } = await start(disk);
    for (let failure = 1; failure <= 3; failure++) {
      disk.held = true;
      disk.failing = { sync: new Error("EIO: i/o error, fdatasync") };
      journal.ticked(NOW, 0, 0);
      void journal.flush();
      await new Promise((resolve) => setImmediate(resolve));
      // These come while the write of the others goes on.
      for (let tick = 0; tick < 1_500; tick++) journal.ticked(NOW + tick, 0, 0);
      await waitFor(
        () => {
          disk.release();
          return journal.state().failedCommits === failure ? true : undefined;
        },
        { what: "the commit to fail" },
      );
    }
    disk.failing = {};
    await waitFor(() => (journal.state().trouble === null ? true : undefined), {
      what: "the disk",
    });
    const next = await start(disk.afterKill());
    expect(next.gates.ticks).toBe(3_600);
    await Promise.all([journal.close(), next.journal.close()]);
  });

  it("refuses to start on, and says why", async () => {
    const disk = new FakeDisk();
    disk.failing = { append: FULL };
    await expect(start(disk)).rejects.toMatchObject({
      code: "STATE_UNUSABLE",
      message: expect.stringContaining("no space left on device"),
    });
  });
});

describe("a disk that does not answer", () => {
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it("is said so after five seconds, and requests are told to come back, until it does", async () => {
    vi.useFakeTimers({
      toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"],
    });
    const disk = new FakeDisk();
    const { journal, send } = await start(disk);
    disk.held = true;
    const answer = send(request(1, NOW, [{ slo: 0, total: 1 }]));
    await vi.advanceTimersByTimeAsync(4 * SECOND);
    expect(journal.state().trouble).toBeNull();
    await vi.advanceTimersByTimeAsync(3 * SECOND);
    expect(journal.state().trouble).toBe("the disk has not answered for 7 s");
    expect(await send(request(2, NOW, [{ slo: 0, total: 1 }]))).toMatchObject({
      code: "state-unavailable",
      retryAfterMs: expect.any(Number),
    });
    disk.release();
    expect(await answer).toBeNull();
    expect(journal.state().trouble).toBeNull();
    vi.useRealTimers();
    await journal.close();
  });

  it("is not blamed for a minute in which the process itself stood still", async () => {
    const disk = new FakeDisk();
    const { journal, send } = await start(disk);
    disk.held = true;
    const answers = [send(request(1, NOW, [{ slo: 0, total: 1 }]))];
    await vi.waitFor(() => expect(disk.isAsked).toBe(true));
    const now = performance.now.bind(performance);
    vi.spyOn(performance, "now").mockImplementation(() => now() + MINUTE);
    expect(journal.state().trouble).toBeNull();
    answers.push(send(request(2, NOW, [{ slo: 0, total: 1 }])));
    disk.release();
    expect(await Promise.all(answers)).toEqual([null, null]);
    await journal.close();
  });
});

describe("relaxed durability", () => {
  it("acknowledges and counts at once, and stores within a second", async () => {
    const disk = new FakeDisk();
    const { journal, gates } = await start(disk, { durability: "relaxed" });
    let answered = false;
    journal.admit(request(1, NOW, [{ slo: 2, total: 3 }]), () => {
      answered = true;
    });
    expect(answered).toBe(true);
    expect(gates.tally()).toEqual({ [`2 ${NOW / 1000}`]: 3 });
    await waitFor(() => (journal.state().commits === 2 ? true : undefined), { what: "the commit" });
    const next = await start(disk.afterPowerLoss(randomFrom(3)));
    expect(next.gates.tally()).toEqual({ [`2 ${NOW / 1000}`]: 3 });
    await Promise.all([journal.close(), next.journal.close()]);
  });

  it("stores what it has acknowledged when a failed disk comes back", async () => {
    const disk = new FakeDisk();
    const { journal, send } = await start(disk, { durability: "relaxed" });
    disk.failing = { append: FULL };
    expect(await send(request(1, NOW, [{ slo: 2, total: 3 }]))).toBeNull();
    await waitFor(() => (journal.state().trouble !== null ? true : undefined), { what: "trouble" });
    expect(await send(request(2, NOW, [{ slo: 2, total: 3 }]))).toMatchObject({
      code: "state-unavailable",
    });
    disk.failing = {};
    await waitFor(() => (journal.state().trouble === null ? true : undefined), { what: "it" });
    const next = await start(disk.afterKill());
    expect(next.gates.tally()).toEqual({ [`2 ${NOW / 1000}`]: 3 });
    await Promise.all([journal.close(), next.journal.close()]);
  });
});

describe("a log that was cut or damaged", () => {
  it("loses nothing but the commit it was cut in, at every length, and says so", async () => {
    const disk = new FakeDisk();
    const { journal, send } = await start(disk);
    for (let i = 1; i <= 5; i++) await send(request(i, NOW, [{ slo: 0, total: 1 }]));
    await journal.close();
    const [name = ""] = disk.files.keys();
    const { bytes } = disk.files.get(name)!;
    const counts: number[] = [];
    for (let length = 0; length <= bytes.length; length++) {
      const cut = new FakeDisk();
      cut.files.set(name, { bytes: bytes.slice(0, length), synced: length });
      const life = await start(cut);
      const [count = 0] = Object.values(life.gates.tally());
      counts.push(count);
      // What was read and what comes now stand beside each other at the next start.
      await life.send(request(100, NOW, [{ slo: 1, total: 1 }]));
      const next = await start(cut.afterKill());
      expect(Object.values(next.gates.tally()).reduce((a, b) => a + b)).toBe(count + 1);
      await Promise.all([life.journal.close(), next.journal.close()]);
    }
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect(counts.at(-1)).toBe(5);
    expect(new Set(counts).size).toBe(6);
  }, 60_000);

  it("goes on behind damage in the middle, and says what it did not find", async () => {
    const disk = new FakeDisk();
    const { journal, send } = await start(disk);
    for (let i = 1; i <= 5; i++) await send(request(i, NOW, [{ slo: 0, total: 1 }]));
    await journal.close();
    const [file] = [...disk.files.values()];
    file?.bytes.fill(0xff, file.bytes.length >> 1, (file.bytes.length >> 1) + 4);
    const next = await start(disk);
    expect(Object.values(next.gates.tally())).toEqual([4]);
    expect(next.logged.join()).toContain("damaged");
    await next.journal.close();
  });

  it("is refused when a newer version wrote it, and left as it is", async () => {
    const disk = new FakeDisk();
    const { journal } = await start(disk);
    await journal.close();
    const { beginFrame, sealFrame } = await import("../../../src/journal/frames.ts");
    const { PackedWriter } = await import("../../../src/journal/packed.ts");
    const { FORMAT, HEADER, writeRecord } = await import("../../../src/journal/records.ts");
    const [out, body] = [new PackedWriter(), new PackedWriter()];
    body.varint(FORMAT + 1);
    body.varint(1);
    body.text("whatever");
    beginFrame(out);
    writeRecord(out, HEADER, body);
    const bytes = sealFrame(out).slice();
    disk.files.set("0000000009.journal", { bytes, synced: bytes.length });
    const names = [...disk.files.keys()];
    await expect(start(disk)).rejects.toMatchObject({
      code: "STATE_UNUSABLE",
      message: expect.stringContaining(
        `holds state of format ${FORMAT + 1}, this version reads ${FORMAT}: it was written by a newer slogate; run that, or move it away`,
      ),
    });
    expect([...disk.files.keys()]).toEqual(names);
  });
});

describe("a log file that is damaged at its beginning", () => {
  const twoLives = async () => {
    const disk = new FakeDisk();
    for (const id of [1, 2]) {
      const life = await start(disk);
      await life.send(request(id, NOW, [{ slo: 0, total: id }]));
      await life.journal.close();
    }
    return disk;
  };

  it("is left out when it is the newest, which is said", async () => {
    const disk = await twoLives();
    disk.files.get("0000000002.journal")!.bytes[3]! ^= 1;
    const next = await start(disk);
    expect(Object.values(next.gates.tally())).toEqual([1]);
    expect(next.logged.join()).toContain("damaged at its beginning");
    expect([...disk.files.keys()]).toContain("0000000002.journal");
    await next.journal.close();
  });

  it("keeps the engine from starting on nothing when there is no other", async () => {
    const disk = await twoLives();
    for (const { bytes } of disk.files.values()) bytes[3]! ^= 1;
    await expect(start(disk)).rejects.toMatchObject({
      code: "STATE_UNUSABLE",
      message: expect.stringContaining("move it away to start with an empty state"),
    });
    expect(disk.files.size).toBe(2);
  });
});

describe("rounds", () => {
  const rounds = async (disk: FakeDisk, count: number) => {
    const life = await start(disk, { pace: HASTY });
    let [id, total] = [0, 0];
    const first = Math.max(...numbersOf(disk));
    while (Math.max(...numbersOf(disk)) < first + count) {
      await life.send(request(++id, NOW + id, [{ slo: id % 3, total: id }]));
      total += id;
      life.gates.hear();
      life.gates.step();
      life.journal.ticked(NOW + id, 0, 0);
    }
    await life.journal.flush();
    return { life, total, id };
  };
  const numbersOf = (disk: FakeDisk) =>
    [...disk.files.keys()].map((name) => Number(name.slice(0, 10)));
  const sum = (tally: Record<string, number>) => Object.values(tally).reduce((a, b) => a + b, 0);

  it("keep the log short: two whole rounds and the one that runs", async () => {
    const disk = new FakeDisk();
    const { life } = await rounds(disk, 6);
    expect(disk.files.size).toBe(3);
    await life.journal.close();
  });

  it("bring everything back, each SLO from its newest part", async () => {
    const disk = new FakeDisk();
    const { life, total, id } = await rounds(disk, 4);
    const next = await start(disk.afterKill());
    expect(next.gates.tally()).toEqual(life.gates.tally());
    expect(sum(next.gates.tally())).toBe(total);
    expect(next.gates.ticks).toBe(id);
    expect(next.gates.ticksByColumn()).toEqual([id, id, id]);
    expect(next.gates.epoch).toBe(2);
    for (let i = 1; i <= id; i++) {
      expect(next.memory.has(request(i, 0, [{ slo: 0, total: 0 }]).fingerprint, NOW + id)).toBe(
        true,
      );
    }
    await Promise.all([life.journal.close(), next.journal.close()]);
  });

  it("bring everything back when the newest whole one is damaged in any place", async () => {
    const disk = new FakeDisk();
    const { life, total } = await rounds(disk, 4);
    await life.journal.close();
    const [, whole] = [...disk.files.keys()].toSorted();
    const length = disk.files.get(whole!)!.bytes.length;
    for (let at = 0; at < length; at += Math.max(1, Math.floor(length / 40))) {
      const damaged = disk.afterKill();
      damaged.files.get(whole!)!.bytes[at]! ^= 0x40;
      const next = await start(damaged);
      // What it logged itself besides its parts may be lost, and is said to be; nothing is counted twice.
      expect(next.logged.join()).toContain("damaged");
      expect(sum(next.gates.tally())).toBeLessThanOrEqual(total);
      expect(sum(next.gates.tally())).toBeGreaterThan(0);
      await next.journal.close();
    }
  });
});

describe("what a restart knows besides the counts", () => {
  it("are names of versions, and the last points of series", async () => {
    const disk = new FakeDisk();
    const first = await start(disk);
    const name = new TextEncoder().encode("1.4.2");
    const id = first.versions.idOf(name, 0, name.length, NOW);
    const lines = {
      length: 1,
      key: Int32Array.of(1, 2, 3, 4),
      numbers: Float64Array.of(5e17, 6e17, 7, 8),
    };
    await first.send({ ...request(1, NOW, [{ slo: 0, total: 1 }]), baseLines: lines });
    for (const later of [MINUTE, 2 * HOUR]) {
      const next = await start(disk.afterKill(), { now: NOW + later });
      expect(next.versions.nameOf(id)).toBe("1.4.2");
      const stored = next.series.read(0, next.series.size);
      if (later < HOUR) {
        expect([...stored.key.slice(0, 4)]).toEqual([1, 2, 3, 4]);
        expect([...stored.numbers.slice(0, 4)]).toEqual([5e17, 6e17, 7, 8]);
        expect(next.series.listensSince).toBe(NOW);
      } else {
        // Its next point would bring two hours in one second.
        expect(stored.length).toBe(0);
        expect(next.series.listensSince).toBe(NOW + later);
      }
      await next.journal.close();
    }
    await first.journal.close();
  });

  it("are no more series than state.max_series allows, and it says how many it forgets", async () => {
    const disk = new FakeDisk();
    const first = await start(disk);
    const seen = async (id: number, later: number, ...series: number[]) => {
      const baseLines = {
        length: series.length,
        key: Int32Array.from(series.flatMap((key) => [key, 2, 3, 4])),
        numbers: Float64Array.from(series.flatMap(() => [5e17, 6e17, 7, id])),
      };
      const at = NOW + later;
      await first.send({ ...request(id, at, [{ slo: 0, total: 1 }]), baseLines });
    };
    await seen(1, 0, 10, 11, 12, 13);
    await seen(2, 1_000, 14);
    await seen(3, 2_000, 11);
    const stopped = disk.afterKill();
    await first.journal.close();
    for (const [seriesLimit, kept] of [
      [5, [10, 11, 12, 13, 14]],
      [3, [11, 13, 14]],
      [1, [11]],
    ] as const) {
      const next = await start(stopped.afterKill(), { now: NOW + MINUTE, seriesLimit });
      const stored = next.series.read(0, next.series.size);
      const keys = Array.from({ length: stored.length }, (_, line) => stored.key[line * 4]);
      expect(keys).toEqual(kept);
      // The newest point of each, though it came after a series that has no room now.
      expect(stored.numbers[keys.indexOf(11) * 4 + 3]).toBe(3);
      const warnings = next.logged.filter((line) => line.includes("state.max_series"));
      expect(warnings).toHaveLength(seriesLimit < 5 ? 1 : 0);
      await next.journal.close();
    }
  });

  it("is the epoch: greater than any before, whatever the caller knows", async () => {
    const disk = new FakeDisk();
    await (await start(disk, { epoch: 7 })).journal.close();
    const next = await start(disk, { epoch: 1 });
    expect(next.gates.epoch).toBe(8);
    await next.journal.close();
  });
});

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of the files under test
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type LoadedSlos, loadSettings, loadSlos, watchSlos } from "../../../src/config/load.ts";

let folder: string;
const path = (name: string) => join(folder, name);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "slogate-load-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const slo = (name: string, target = 0.999) =>
  `apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: ${name}}\nspec: {service: s, objectives: [{target: ${target}}]}\n`;

describe("loadSlos", () => {
  it("reads folders below folders in order of name, and only YAML and JSON", async () => {
    await mkdir(path("b"));
    await writeFile(path("c.yml"), slo("third"));
    await writeFile(path("b/x.yaml"), slo("second"));
    await writeFile(
      path("a.json"),
      JSON.stringify({
        apiVersion: "openslo/v1",
        kind: "SLO",
        metadata: { name: "first" },
        spec: { service: "s", objectives: [{ target: 0.9 }] },
      }),
    );
    await writeFile(path("README.md"), "no SLO");
    await writeFile(path(".hidden.yaml"), slo("hidden"));
    const { slos, problems } = await loadSlos([folder]);
    expect(problems).toEqual([]);
    expect(slos.map(({ name }) => name)).toEqual(["first", "second", "third"]);
  });

  it("reads a file once however many paths and links lead to it, as in a mounted ConfigMap", async () => {
    await mkdir(path("..2026"));
    await writeFile(path("..2026/a.yaml"), slo("a"));
    await symlink("..2026", path("..data"));
    await symlink("..data/a.yaml", path("a.yaml"));
    const { slos, problems } = await loadSlos([folder, path("a.yaml")]);
    expect(problems).toEqual([]);
    expect(slos).toHaveLength(1);
  });

  it("reports what cannot be read and goes on", async () => {
    await writeFile(path("a.yaml"), slo("a"));
    await symlink("nowhere", path("b.yaml"));
    const { slos, problems } = await loadSlos([folder, path("missing")]);
    expect(slos).toHaveLength(1);
    expect(problems).toEqual([
      { file: path("b.yaml"), path: "", message: "cannot be read: no such file or folder" },
      { file: path("missing"), path: "", message: "cannot be read: no such file or folder" },
    ]);
  });

  it("does not wait for what a pipe or a device in a folder has to say", async () => {
    execFileSync("mkfifo", [path("pipe.yaml")]);
    await symlink("/dev/zero", path("zero.yaml"));
    await writeFile(path("a.yaml"), slo("fine"));
    const { slos, problems } = await loadSlos([folder]);
    expect(slos.map(({ name }) => name)).toEqual(["fine"]);
    expect(problems).toEqual(
      ["pipe.yaml", "zero.yaml"].map((name) => ({
        file: path(name),
        path: "",
        message: "is no file, but a pipe or a device",
      })),
    );
  });

  it("takes an empty file for one being written, not for a wish to drop the SLOs it held", async () => {
    await writeFile(path("a.yaml"), slo("a"));
    await writeFile(path("b.yaml"), " \n");
    await writeFile(path("c.yaml"), "# nothing yet\n");
    const { problems, warnings } = await loadSlos([folder]);
    expect(problems).toEqual([
      { file: path("b.yaml"), path: "", message: "is empty; write an SLO into it or remove it" },
    ]);
    expect(warnings).toMatchObject([{ file: path("c.yaml"), message: "holds no documents" }]);
  });

  it("refuses a large file without reading all of it", async () => {
    await writeFile(path("a.yaml"), "#".repeat(3 * 2 ** 20));
    const { problems } = await loadSlos([folder]);
    expect(problems.map(({ message }) => message)).toEqual(["must be at most 1 MiB; split it"]);
  });
});

describe("loadSettings", () => {
  it("gives the defaults without a path, and reads a file with the environment it is handed", async () => {
    expect((await loadSettings(null, {})).settings?.slos).toEqual(["./slos"]);
    await writeFile(path("slogate.yaml"), "slos: ['${env:DIR}']");
    const { settings } = await loadSettings(path("slogate.yaml"), { DIR: "/x" });
    expect(settings?.slos).toEqual(["/x"]);
  });

  it("reports a missing file and a folder", async () => {
    const missing = await loadSettings(path("no.yaml"), {});
    expect(missing.settings).toBeNull();
    expect(missing.problems[0]?.message).toBe("cannot be read: no such file or folder");
    expect((await loadSettings(folder, {})).problems[0]?.message).toBe(
      "cannot be read: is a folder, not a file",
    );
  });
});

describe("watchSlos", () => {
  const stops: (() => void)[] = [];
  afterEach(() => {
    for (const stop of stops.splice(0)) stop();
  });

  async function watching(): Promise<LoadedSlos[]> {
    const seen: LoadedSlos[] = [];
    const { digest } = await loadSlos([folder]);
    const onChange = (loaded: LoadedSlos) => seen.push(loaded);
    stops.push(watchSlos([folder], onChange, { since: digest, intervalMs: 10 }));
    return seen;
  }
  const names = (loaded: LoadedSlos | undefined) => loaded?.slos.map(({ name }) => name);

  it("calls back when a file changes, appears and goes", async () => {
    await writeFile(path("a.yaml"), slo("a"));
    const seen = await watching();
    await writeFile(path("a.yaml"), slo("a", 0.99));
    await vi.waitFor(() => expect(seen.at(-1)?.slos[0]?.objective).toBe(0.99), 5_000);
    await writeFile(path("b.yaml"), slo("b"));
    await vi.waitFor(() => expect(names(seen.at(-1))).toEqual(["a", "b"]), 5_000);
    await rm(path("a.yaml"));
    await vi.waitFor(() => expect(names(seen.at(-1))).toEqual(["b"]), 5_000);
  });

  it("hands on the problems of a broken version", async () => {
    await writeFile(path("a.yaml"), slo("a"));
    const seen = await watching();
    await writeFile(path("a.yaml"), slo("a", 99.9));
    await vi.waitFor(() => expect(seen.at(-1)?.problems).toHaveLength(1), 5_000);
    expect(seen.at(-1)?.slos).toEqual([]);
  });

  it("sees a change that keeps size and time, and one by replacement", async () => {
    const then = new Date("2026-01-01T00:00:00Z");
    await writeFile(path("a.yaml"), slo("a", 0.999));
    await utimes(path("a.yaml"), then, then);
    const seen = await watching();
    await writeFile(path("a.yaml"), slo("a", 0.995));
    await utimes(path("a.yaml"), then, then);
    await vi.waitFor(() => expect(seen.at(-1)?.slos[0]?.objective).toBe(0.995), 5_000);
    await writeFile(path("new"), slo("a", 0.991));
    await utimes(path("new"), then, then);
    await rename(path("new"), path("a.yaml"));
    await vi.waitFor(() => expect(seen.at(-1)?.slos[0]?.objective).toBe(0.991), 5_000);
  });

  it("stays quiet when a file is touched but says the same, and after it was stopped", async () => {
    await writeFile(path("a.yaml"), slo("a"));
    const seen = await watching();
    await writeFile(path("a.yaml"), slo("a"));
    // A second change is the proof that the first has been looked at.
    await writeFile(path("b.yaml"), slo("b"));
    await vi.waitFor(() => expect(seen).toHaveLength(1), 5_000);
    expect(names(seen[0])).toEqual(["a", "b"]);
    for (const stop of stops.splice(0)) stop();
    const other = await watching();
    await writeFile(path("c.yaml"), slo("c"));
    await vi.waitFor(() => expect(other).toHaveLength(1), 5_000);
    expect(seen).toHaveLength(1);
  });
});

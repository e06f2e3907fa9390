import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { validate } from "../../../src/cli/validate.ts";
import { sloFile } from "../../support/slo-file.ts";

let folder: string;
const path = (name: string) => join(folder, name);
const examples = fileURLToPath(new URL("../../../deploy/examples", import.meta.url));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "slogate-validate-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

async function run(paths: string[], isTTY = false): Promise<{ code: number; text: string }> {
  let text = "";
  const code = await validate(paths, {
    isTTY,
    write: (part) => {
      text += part;
    },
  });
  return { code, text };
}

describe("validate", () => {
  it("finds the examples sound, without a warning", async () => {
    vi.stubEnv("SLOGATE_TOKEN", "a-long-token");
    expect(await run([examples])).toEqual({
      code: 0,
      text: "ok: 3 files, 4 sound SLOs, 0 problems, 0 warnings\n",
    });
  });

  it("prints every problem of SLOs and settings with file, line and path, and answers 2", async () => {
    await writeFile(
      path("a.yaml"),
      "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: a}\nspec:\n  service: s\n  objectives:\n    - target: 99.9\n",
    );
    await writeFile(path("slogate.yaml"), "mode: shadow\nslo: [x]\n");
    const { code, text } = await run([folder]);
    expect(code).toBe(2);
    expect(text.split("\n")).toEqual([
      `${path("a.yaml")}:7: spec.objectives[0].target: must be at least 0 and below 1, found 99.9 (99.9 % is 0.999)`,
      `${path("slogate.yaml")}:2: slo: is not a known key; did you mean slos? known: mode, workers, receivers, api, slos, state, publish`,
      "not valid: 2 files, 0 sound SLOs, 2 problems, 0 warnings",
      "",
    ]);
  });

  it("marks warnings and answers 0 when there is nothing worse", async () => {
    await writeFile(
      path("a.yaml"),
      "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: a}\nspec: {}\n",
    );
    const { code, text } = await run([path("a.yaml")]);
    expect(code).toBe(0);
    expect(text).toBe(
      `warning ${path("a.yaml")}:1: Service is accepted and ignored\nok: 1 file, 0 sound SLOs, 0 problems, 1 warning\n`,
    );
  });

  it("takes a file with a syntax error for what it is", async () => {
    await writeFile(path("a.yaml"), "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: a\n");
    const { code, text } = await run([path("a.yaml")]);
    expect(code).toBe(2);
    expect(text).toContain("is not valid YAML");
    expect(text).not.toContain("known key");
  });

  it("answers 2 for a missing path and for a folder without files", async () => {
    expect((await run([path("missing")])).text).toContain("missing: cannot be read: no such file");
    const empty = await run([folder]);
    expect(empty.code).toBe(2);
    expect(empty.text).toContain("holds no *.yaml, *.yml or *.json file");
  });

  it("says of a file without content what run says of it", async () => {
    await writeFile(path("empty.yaml"), " \n");
    expect(await run([path("empty.yaml")])).toEqual({
      code: 2,
      text: `${path("empty.yaml")}: is empty; write an SLO into it or remove it\nnot valid: 1 file, 0 sound SLOs, 1 problem, 0 warnings\n`,
    });
    await writeFile(path("comment.yaml"), "# apiVersion: openslo/v1\n---\n  # later\n");
    expect(await run([path("comment.yaml")])).toEqual({
      code: 2,
      text:
        `warning ${path("comment.yaml")}: holds no documents\n` +
        `${path("comment.yaml")}: holds no SLO; write an SLO into it (README, "An SLO") or name other files\n` +
        "not valid: 1 file, 0 sound SLOs, 1 problem, 1 warning\n",
    });
  });

  it("only warns of comments beside an SLO, and lets settings be empty, as run does", async () => {
    await writeFile(path("comment.yaml"), "# later\n");
    await writeFile(path("slo.yaml"), sloFile({ name: "pay", service: "payment" }));
    expect(await run([folder])).toEqual({
      code: 0,
      text: `warning ${path("comment.yaml")}: holds no documents\nok: 2 files, 1 sound SLO, 0 problems, 1 warning\n`,
    });
    await writeFile(path("slogate.yaml"), "# all defaults\n");
    expect(await run([path("slogate.yaml")])).toEqual({
      code: 0,
      text: "ok: 1 file, 0 sound SLOs, 0 problems, 0 warnings\n",
    });
  });

  it("colours the summary on a terminal only, and not under NO_COLOR", async () => {
    vi.stubEnv("SLOGATE_TOKEN", "a-long-token");
    vi.stubEnv("NO_COLOR", "");
    expect((await run([examples], true)).text).toContain("\x1b[32mok\x1b[0m");
    expect((await run([examples], false)).text).not.toContain("\x1b[");
    vi.stubEnv("NO_COLOR", "1");
    expect((await run([examples], true)).text).not.toContain("\x1b[");
  });
});

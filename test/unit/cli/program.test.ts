import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HttpApi } from "../../../src/web/server.ts";
import { runProcess } from "../../support/child-process.ts";
import { decision, open } from "../../support/decisions.ts";
import { GateSource } from "../../support/gate-source.ts";
import { serveGates } from "../../support/http-api.ts";
import { sloFile } from "../../support/slo-file.ts";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));
const NOBODY = "http://127.0.0.1:9";

let api: HttpApi;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "slogate-program-"));
  const later = { validUntil: Date.now() + 3_600_000 };
  api = await serveGates(
    new GateSource(
      open("cart", later),
      decision({ slo: "pay", ...later }),
      decision({ slo: "odd", state: "unknown", reason: "stale", allowed: false, ...later }),
    ),
  );
});
afterAll(async () => {
  await api.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A command of the product, in a process of its own as a user starts it. */
function slogate(...args: string[]) {
  return runProcess(process.execPath, [MAIN, ...args], {
    env: { SLOGATE_SERVER: api.url, SLOGATE_TOKEN: "" },
  });
}

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

describe.concurrent("the command line", () => {
  it("lists its commands", async () => {
    const { code, stdout } = await slogate("--help");
    expect(code).toBe(0);
    for (const command of ["run", "demo", "check", "status", "override", "validate", "replay"]) {
      expect(stdout).toMatch(new RegExp(`^ {2}${command} `, "m"));
    }
  });

  it("explains each command's options, and the server's default", async () => {
    const { stdout } = await slogate("check", "--help");
    expect(stdout).toContain("--service-version");
    expect(stdout).toContain("--wait");
    expect(stdout.replace(/\s+/g, " ")).toContain("SLOGATE_SERVER, else http://127.0.0.1:8484");
  });

  it.each([
    ["check", "Exit code 0 allowed, 1 closed, 3 not known; 2 wrong use"],
    ["override", "Exit code 0 done, 1 refused by the engine, 3 unreachable; 2 wrong use"],
  ])("explains the exit codes of %s", async (command, words) => {
    const { stdout } = await slogate(command, "--help");
    expect(stdout.replace(/\s+/g, " ")).toContain(words);
  });

  it("explains --json in the same way in a pipe and on a terminal", async () => {
    const { stdout } = await slogate("replay", "--help");
    expect(stdout).toContain("JSON Lines also on a terminal; in a pipe always");
    expect(stdout).not.toContain("default: true");
  });

  it("says its version", async () => {
    expect((await slogate("--version")).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    [["chekc"], "unknown command 'chekc'\n(Did you mean check?)"],
    [[], "Usage: slogate"],
    [["check"], "missing required argument 'slos'"],
    [["check", "pay", "--wiat", "5m"], "unknown option '--wiat'\n(Did you mean --wait?)"],
    [["check", "pay", "--wait", "5"], "Must be a duration such as 30s, 10m or 2h."],
    [["override", "pay"], "say exactly one of --open, --close and --clear"],
    [["override", "pay", "--open", "--for", "2h"], "say why with --reason"],
    [["replay", "counts.csv"], "required option '--slo <file>' not specified"],
    [["replay", "c.csv", "--slo", "s", "--budget-spent", "20%"], "20 % is 0.2"],
    [["run", "--config", "/nowhere/slogate.yaml"], "no such file"],
  ])("exits with 2 and helps when it is used wrongly: %j", async (args, words) => {
    const { code, stderr } = await slogate(...args);
    expect(stderr).toContain(words);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(code).toBe(2);
  });
});

describe.concurrent("exit codes", () => {
  it.each([
    [["cart"], 0, "cart: open (ok)"],
    [["pay"], 1, "pay: closed (fast-burn)"],
    [["odd"], 3, "odd: unknown (stale, not allowed)"],
    [["cart", "pay", "odd"], 1, "pay: closed"],
    [["pya"], 3, "pya: not known"],
    [["cart", "--server", NOBODY], 3, "not known: cannot reach"],
    [["pay", "--wait", "300ms"], 1, "pay: closed"],
  ])("of check %j: %d", async (args, code, words) => {
    const result = await slogate("check", ...args);
    expect(result.stdout).toContain(words);
    expect(result.code).toBe(code);
  });

  it("asks check about one version", async () => {
    expect((await slogate("check", "pay", "--service-version", "1.4.1")).code).toBeLessThan(2);
  });

  it("of status: 0 with a table, 3 when nobody answers", async () => {
    const shown = await slogate("status");
    expect([shown.code, shown.stdout.split("\n").length]).toEqual([0, 5]);
    expect((await slogate("status", "--server", NOBODY)).code).toBe(3);
  });

  it("of override: 2 without a token, 1 when the engine refuses", async () => {
    const wanted = ["override", "pay", "--open", "--for", "2h", "--reason", "drill"];
    expect((await slogate(...wanted)).code).toBe(2);
    const refused = await slogate(...wanted, "--token", "wrong");
    expect(refused.stderr).toMatch(/^slogate: /);
    expect(refused.code).toBe(1);
  });

  it("of validate: 0 sound, 2 not", async () => {
    const sound = file("sound.yaml", sloFile({ name: "pay", service: "payment" }));
    expect((await slogate("validate", sound)).code).toBe(0);
    const odd = file("odd.yaml", sloFile({ name: "pay", service: "payment", target: 99.9 }));
    expect((await slogate("validate", odd)).code).toBe(2);
  });

  it("of replay: 0 with a summary, 2 with a message for counts that cannot be read", async () => {
    const slo = file("slo.yaml", sloFile({ name: "pay", service: "payment" }));
    const counts = file("counts.csv", "t,total,bad\n0,100,0\n60,100,0\n");
    const played = await slogate("replay", counts, "--slo", slo);
    expect(played.code).toBe(0);
    expect(JSON.parse(played.stdout.trim().split("\n").at(-1) ?? "")).toHaveProperty(
      "summary.rows",
      2,
    );
    for (const missing of ["nowhere.csv", "nowhere.csv.gz"]) {
      const failed = await slogate("replay", join(directory, missing), "--slo", slo);
      expect(failed.stderr).toBe(
        `slogate: ${join(directory, missing)}: cannot be read: no such file\n`,
      );
      expect(failed.code).toBe(2);
    }
  });

  it("of run: 2 with every problem of configuration and SLOs, 1 when an address is taken", async () => {
    const odd = file("odd-slo.yaml", sloFile({ name: "pay", service: "payment", target: 99.9 }));
    const config = file("odd-slogate.yaml", "recievers: {}\n");
    const wrong = await slogate("run", "--config", config, "--slos", odd);
    expect(wrong.stderr).toContain("recievers");
    expect(wrong.stderr).toContain("99.9");
    expect(wrong.stderr).toMatch(/\d+ problems, nothing was started/);
    expect(wrong.code).toBe(2);

    const taken = new URL(api.url).host;
    const sound = file("one-slo.yaml", sloFile({ name: "pay", service: "payment" }));
    const free = { endpoint: "127.0.0.1:0" };
    const settings = {
      receivers: { otlp: { protocols: { grpc: free, http: free } } },
      api: { http: { endpoint: taken }, grpc: free },
      state: { directory: join(directory, "state") },
    };
    const failed = await slogate(
      "run",
      "--config",
      file("taken.yaml", JSON.stringify(settings)),
      "--slos",
      sound,
    );
    expect(failed.stderr).toContain(taken);
    expect(failed.code).toBe(1);
  });

  it("of run: 2 without SLOs, with what to do, and with a word on a slogate.yaml that is not used", async () => {
    const cwd = mkdtempSync(join(directory, "first-run-"));
    const start = (...args: string[]) =>
      runProcess(process.execPath, [MAIN, "run", ...args], { cwd });
    const hint =
      'write an SLO into it (README, "An SLO") or name other files with --slos or the key `slos`';
    const missing = await start();
    expect(missing.stderr).toBe(
      `./slos: cannot be read: no such file or folder; ${hint}\nslogate: 1 problem, nothing was started\n`,
    );
    expect(missing.code).toBe(2);

    mkdirSync(join(cwd, "slos"));
    writeFileSync(join(cwd, "slogate.yaml"), "mode: shadow\n");
    const unused = await start();
    expect(unused.stderr.split("slogate.yaml is here but not used")).toHaveLength(2);
    expect(unused.stderr).toContain(`./slos: holds no SLO; ${hint}\n`);
    expect(unused.code).toBe(2);

    const used = await start("--config", "slogate.yaml");
    expect(used.stderr).not.toContain("not used");
  });
});

import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { violations } from "./support/source-rules.ts";

const SRC = fileURLToPath(new URL("../src/", import.meta.url));

describe("the source tree", () => {
  const files = globSync("**/*.ts", { cwd: SRC }).map((path) => path.replaceAll("\\", "/"));

  it("has files to look at", () => {
    expect(files).toContain("model/slo.ts");
  });

  it.each(files)("keeps the rules in %s", (path) => {
    expect(violations(path, readFileSync(SRC + path, "utf8"))).toEqual([]);
  });
});

describe("the rules", () => {
  it.each([
    ["model/slo.ts", 'import type { Log } from "../ports/log.ts";'],
    ["ports/log.ts", 'import { newSlo } from "../decode/wire.ts";'],
    ["decode/wire.ts", 'import { readFileSync } from "node:fs";'],
    ["decode/wire.ts", 'import protobuf from "protobufjs";'],
    ["decode/traces.ts", 'import type { Tally } from "../aggregate/tally.ts";'],
    ["aggregate/tally.ts", 'import { Observable } from "rxjs";'],
    ["aggregate/tally.ts", 'export * from "../windows/rings.ts";'],
    ["aggregate/tally.ts", 'export { Rings } from "../windows/rings.ts";'],
    ["windows/rings.ts", 'import { burnRate } from "../burn/rate.ts";'],
    ["burn/rate.ts", 'import { decide } from "../decide/gate.ts";'],
    ["decide/gate.ts", 'import { mean } from "simple-statistics";'],
    ["forecast/regression.ts", 'import { mean } from "simple-statistics";'],
    ["decide/gate.ts", 'const m: import("../burn/rate.ts").Rate = 1;'],
    ["forecast/regression.ts", 'import { burnRate } from "../burn/rate.ts";'],
    ["engine/engine.ts", 'import { publish } from "../publish/message.ts";'],
    ["engine/engine.ts", 'import { setTimeout } from "node:timers/promises";'],
    ["engine/operators/sample.ts", 'import { page } from "../../web/server.ts";'],
    ["receive/grpc.ts", 'import { TraceDecoder } from "../decode/traces.ts";'],
    ["receive/grpc.ts", 'import { Subject } from "rxjs/internal/Subject";'],
    ["publish/stdout.ts", 'import { interval } from "rxjs";'],
    ["journal/commit.ts", 'import { Tally } from "../aggregate/tally.ts";'],
    ["channel/kafka.ts", 'import { z } from "zod";'],
    ["channel/worker-end.ts", 'import { OtlpReader } from "../aggregate/otlp-reader.ts";'],
    ["channel/fleet.ts", 'import { GrpcReceiver } from "../receive/grpc.ts";'],
    ["config/load.ts", 'import { compile } from "../aggregate/rules.ts";'],
    ["config/load.ts", 'const rules = await import("../aggregate/rules.ts");'],
    ["config/load.ts", "const rules = await import(process.argv[2]);"],
    ["telemetry/metrics.ts", 'import grpc from "@grpc/grpc-js";'],
    ["web/server.ts", 'import { decide } from "../decide/gate.ts";'],
    ["web/server.ts", 'import packageJson from "../../package.json" with { type: "json" };'],
    ["novelty/thing.ts", "export const one = 1;"],
  ])("refuse an import: %s: %s", (path, source) => {
    expect(violations(path, source)).toHaveLength(1);
  });

  it.each([
    ["aggregate/ingest.ts", 'import { TraceDecoder } from "../decode/traces.ts";'],
    ["decode/traces.ts", 'import { WireReader } from "./wire.ts";'],
    ["engine/operators/sample.ts", 'import { map } from "rxjs/operators";'],
    [
      "receive/grpc.ts",
      'import * as grpc from "@grpc/grpc-js"; import { gunzip } from "node:zlib";',
    ],
    ["config/load.ts", 'import { z } from "zod"; import { parse } from "yaml";'],
    ["cli/run.ts", 'import { Subject } from "rxjs"; import { decide } from "../decide/gate.ts";'],
    ["worker.ts", 'const { Work } = await import("./cli/work.ts"); process.exit();'],
    ["channel/fleet.ts", 'import cluster from "node:cluster";'],
    ["main.ts", 'import { Engine } from "./engine/engine.ts"; process.exit(1);'],
    ["decode/note.ts", '// import { x } from "node:fs"\nconst text = \'import "rxjs"\';'],
  ])("let an import pass: %s: %s", (path, source) => {
    expect(violations(path, source)).toEqual([]);
  });

  it.each([
    "const now = Date.now();",
    'const now = Date["now"]();',
    "const clock = Date.now;",
    "const now = new Date();",
    "const now = Date();",
    "const now = performance.now();",
    "const luck = Math.random();",
    "const id = crypto.randomUUID();",
    "const home = process.env.HOME;",
    'console.log("seen");',
    "setTimeout(go, 10);",
    "setInterval(go, 10);",
    "setImmediate(go);",
    "const later = { run: setTimeout };",
  ])("refuse what is not an argument in a pure folder: %s", (source) => {
    for (const folder of [
      "model",
      "decode",
      "aggregate",
      "windows",
      "burn",
      "forecast",
      "decide",
    ]) {
      expect(violations(`${folder}/file.ts`, source), folder).toHaveLength(1);
    }
  });

  it("let a time be converted, and a property have any name, in a pure folder", () => {
    const source =
      "const at = new Date(ms); const p = job.process; const o = { console: 1, a: b.setTimeout };";
    expect(violations("decide/reason.ts", source)).toEqual([]);
  });

  it("refuse the wall clock in engine/, which takes it from a port", () => {
    expect(violations("engine/engine.ts", "const now = Date.now();")).toHaveLength(1);
    expect(violations("web/server.ts", "const now = Date.now();")).toEqual([]);
  });

  it("refuse process.exit outside main.ts and worker.ts", () => {
    expect(violations("cli/run.ts", "process.exit(1);")).toHaveLength(1);
    expect(violations("config/load.ts", "process.exit(1);")).toHaveLength(1);
  });

  it.each([
    "decode/index.ts",
    "web/utils.ts",
    "engine/helpers.ts",
    "decide/common/gate.ts",
    "cli/util.ts",
  ])("refuse a name that says nothing: %s", (path) => {
    expect(violations(path, "export const one = 1;")).toHaveLength(1);
  });

  it("refuse a default export", () => {
    expect(violations("decide/gate.ts", "export default function decide() {}")).toHaveLength(1);
  });

  it("refuse a file of more than 400 lines", () => {
    expect(violations("decide/gate.ts", "// line\n".repeat(400))).toEqual([]);
    expect(violations("decide/gate.ts", "// line\n".repeat(401))).toHaveLength(1);
  });
});
